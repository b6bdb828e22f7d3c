# Accuracy against alignment: envelope, changepoint, correlation.


rule trend:
    input:
        scores="results/scores.csv",
        sheet=INPUTS.model_sheet(),
        tables=config["scores"]["tables"],
        overlay=config["trend"].get("overlay", {}).get("table", []),
    output:
        report("results/trend.json", caption="../report/trend.rst", category="Trend"),
    params:
        version=version("trend"),
        options=of_command(config["trend"] | axis.of_study(STUDY), section("trend"), "trend"),
        sides=json.dumps(STUDY.sides(), sort_keys=True),
        titles=json.dumps(STUDY.titles(), sort_keys=True),
        seed=config["seed"],
    log:
        "logs/trend.log",
    resources:
        mem_mb=MEMORY.of("trend"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign trend --scores {input.scores} --models {input.sheet} --tables {input.tables} "
        "{params.options} --sides {params.sides:q} --titles {params.titles:q} --seed {params.seed} "
        "--output {output} "
        "--benchmark results/benchmarks/trend.tsv &> {log}"
