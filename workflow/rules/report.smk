# One self-contained HTML page.


rule report:
    input:
        scores="results/scores.csv",
        trend="results/trend.json",
        figure="results/figures/accuracy_vs_alignment.svg",
        cards=data_cards(),
    output:
        "results/report.html",
    params:
        version=version("report"),
    log:
        "logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign report --scores {input.scores} --trend {input.trend} --figure {input.figure} "
        "--cards {input.cards} --benchmarks-dir results/benchmarks --output {output} &> {log}"
