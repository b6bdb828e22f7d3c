# Every score in one table. Only this rule and tolerances read files of all models.


PUBLISHED = axis.published(STUDY)


rule scores:
    input:
        sheet=INPUTS.model_sheet(),
        tables=config["scores"]["tables"],
        published=(PUBLISHED or {}).get("table", []),
        scores=INPUTS.scores(),
        cards=INPUTS.cards(),
        apart=list(map(layout.apart, STUDY.trained)),
    output:
        csv=report("results/scores.csv", caption="../report/scores.rst", category="Scores"),
        parquet="results/scores.parquet",
    params:
        version=version("scores"),
        select=of_command({"select": INPUTS.select()}, section("models"), "scores"),
        benchmarks=json.dumps(STUDY.describe_benchmarks(), sort_keys=True),
        heads=json_option("heads", STUDY.misfits()),
        published=json_option("published", PUBLISHED),
        tables=several("tables", config["scores"]["tables"]),
    log:
        "logs/scores.log",
    resources:
        mem_mb=MEMORY.of("scores"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign scores --directory results --sheet {input.sheet} {params.select} "
        "--benchmarks {params.benchmarks:q} {params.heads} {params.published} {params.tables} "
        "--output {output.csv} --parquet {output.parquet} "
        "--benchmark results/benchmarks/scores.tsv &> {log}"
