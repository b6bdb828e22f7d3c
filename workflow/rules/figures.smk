# Accuracy against alignment, drawn: all measures in one figure, probes in another, and each panel in its own.


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
        # A study without probes has no figure of them.
        probes=(
            [
                report(
                    "results/figures/accuracy_vs_probes.png",
                    caption="../report/accuracy_vs_probes.rst",
                    category="Figures",
                ),
                *expand("results/figures/accuracy_vs_probes.{suffix}", suffix=["svg", "pdf"]),
            ]
            if INPUTS.has_probes()
            else []
        ),
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
        figures=["probes"] if INPUTS.has_probes() else [],
    log:
        "logs/figures.log",
    resources:
        mem_mb=MEMORY.of("figures"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign figures --trend {input} {params.options} --output-dir {params.directory} "
        "--measures-dir {output.measures} --figures {params.figures} "
        "--benchmark results/benchmarks/figures.tsv &> {log}"
