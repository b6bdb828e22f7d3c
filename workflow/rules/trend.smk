# Accuracy against alignment: envelope, changepoint, correlation; and the methods of the whole study.
OVERLAY = config["trend"].get("overlay")


rule trend:
    input:
        scores="results/scores.csv",
        sheet=INPUTS.model_sheet(),
        overlay=OVERLAY["table"] if OVERLAY else [],
    output:
        report("results/trend.json", caption="../report/trend.rst", category="Trend"),
    params:
        version=version("trend"),
        accuracy=STUDY.accuracy(),
        options=options(config["trend"], "bootstrap", "metric", "confirmatory"),
        roles=words(config["trend"]["roles"]),
        sides=json.dumps(STUDY.sides()),
        overlay=json_option("overlay", OVERLAY),
        seed=config["seed"],
    log:
        "logs/trend.log",
    benchmark:
        "results/benchmarks/trend.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign trend --scores {input.scores} --models {input.sheet} "
        "--accuracy {params.accuracy} {params.options} --roles {params.roles} --sides {params.sides:q} "
        "{params.overlay} --seed {params.seed} "
        "--output {output} &> {log}"


rule trend_methods:
    input:
        sheets=INPUTS.sheets(),
        scores="results/scores.csv",
        models=INPUTS.cards(),
        cards=INPUTS.data_cards(),
        stimuli=INPUTS.tables_in_use(),
    output:
        report("results/methods.md", caption="../report/methods.rst", category="Methods"),
    params:
        version=version("methods"),
        config=json.dumps(of_methods(config)),
    log:
        "logs/trend_methods.log",
    benchmark:
        "results/benchmarks/trend_methods.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign methods --config /dev/stdin --directory results --output {output} "
        "<<< {params.config:q} &> {log}"
