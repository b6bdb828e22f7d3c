# Accuracy against alignment, drawn.


rule figures:
    input:
        "results/trend.json",
    output:
        expand("results/figures/accuracy_vs_alignment.{suffix}", suffix=["png", "svg", "pdf"]),
    params:
        version=version("figures"),
        directory=lambda w, output: os.path.dirname(output[0]),
    log:
        "logs/figures.log",
    benchmark:
        "results/benchmarks/figures.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign figures --trend {input} --output-dir {params.directory} &> {log}"
