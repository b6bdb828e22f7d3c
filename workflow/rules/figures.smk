# Accuracy against alignment, drawn: all measures in one figure, and each in its own.


rule figures:
    input:
        "results/trend.json",
    output:
        report(
            "results/figures/accuracy_vs_alignment.png",
            caption="../report/accuracy_vs_alignment.rst",
            category="Figures",
        ),
        expand("results/figures/accuracy_vs_alignment.{suffix}", suffix=["svg", "pdf"]),
        # How many benchmarks a recording has is known only once it is read.
        measures=report(
            directory("results/figures/measures"),
            patterns=["{measure}.png"],
            caption="../report/measure.rst",
            category="Figures",
        ),
    params:
        version=version("figures"),
        options=of_command(config["figures"], section("figures"), "figures"),
        directory=lambda w, output: os.path.dirname(output[0]),
    log:
        "logs/figures.log",
    resources:
        mem_mb=MEMORY.of("figures"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign figures --trend {input} {params.options} --output-dir {params.directory} "
        "--measures-dir {output.measures} "
        "--benchmark results/benchmarks/figures.tsv &> {log}"
