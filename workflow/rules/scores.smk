# Every score in one table. Only this rule and tolerances read files of all models.


rule scores:
    input:
        sheet=INPUTS.model_sheet(),
        scores=INPUTS.scores(),
        apart=list(map(layout.apart, STUDY.trained)),
    output:
        csv=report("results/scores.csv", caption="../report/scores.rst", category="Scores"),
        parquet="results/scores.parquet",
    params:
        version=version("scores"),
        select=of_command({"select": INPUTS.select()}, section("models"), "scores"),
        benchmarks=json.dumps(STUDY.describe_benchmarks(), sort_keys=True),
        heads=json_option("heads", STUDY.misfits()),
    log:
        "logs/scores.log",
    benchmark:
        "results/benchmarks/scores.tsv"
    resources:
        mem_mb=MEMORY.of("scores"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign scores --directory results --sheet {input.sheet} {params.select} "
        "--benchmarks {params.benchmarks:q} {params.heads} --output {output.csv} --parquet {output.parquet} &> {log}"
