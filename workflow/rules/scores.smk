# Every score in one table. Only this rule and tolerances read files of all models.


rule scores:
    input:
        sheet=MODEL_SHEET,
        scores=score_files(),
        apart=[f"results/train/apart/{model}.json" for model in STUDY.trained],
    output:
        csv=report("results/scores.csv", caption="../report/scores.rst", category="Scores"),
        parquet="results/scores.parquet",
    params:
        version=version("scores"),
        select=" ".join(map(shlex.quote, MODEL_SELECT)),
        benchmarks=json.dumps(STUDY.describe_benchmarks()),
        heads=options({"heads": json.dumps(STUDY.misfits())}, "heads") if STUDY.misfits() else "",
    log:
        "logs/scores.log",
    benchmark:
        "results/benchmarks/scores.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign scores --directory results --sheet {input.sheet} --select {params.select} "
        "--benchmarks {params.benchmarks:q} {params.heads} --output {output.csv} --parquet {output.parquet} &> {log}"
