# Accuracy against alignment: envelope, changepoint, correlation; and the methods of the whole study.
OVERLAY = config["trend"].get("overlay")


rule trend:
    input:
        scores="results/scores.csv",
        sheet=MODEL_SHEET,
        overlay=OVERLAY["table"] if OVERLAY else [],
    output:
        report("results/trend.json", caption="../report/trend.rst", category="Trend"),
    params:
        version=version("trend"),
        accuracy=config["trend"]["accuracy"] or f"accuracy/{config['accuracy']['stimuli'][0]}",
        options=options(config["trend"], "bootstrap", "metric", "confirmatory"),
        roles=" ".join(config["trend"]["roles"]),
        sides=json.dumps(
            {
                m: card["input_size"][-1]
                for m, card in STUDY.data_configs.items()
                if m not in STUDY.unavailable
            }
        ),
        overlay=f"--overlay {shlex.quote(json.dumps(OVERLAY))}" if OVERLAY else "",
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
        sheets=[config[kind]["sheet"] or [] for kind in STUDY_SHEETS],
        scores="results/scores.csv",
        models=lambda w: present([f"results/models/{model}.json" for model in STUDY.models]),
        cards=data_cards(),
        stimuli=[table_of(stimuli) for stimuli in sorted(STUDY.in_use()["stimuli"])],
    output:
        report("results/methods.md", caption="../report/methods.rst", category="Methods"),
    params:
        version=version("methods"),
        # Settings that the methods do not speak of change nothing.
        config=json.dumps(
            {
                name: value
                for name, value in config.items()
                if name not in ("gpus", "allow_missing", "check", "dask", "figures")
            }
        ),
    log:
        "logs/trend_methods.log",
    benchmark:
        "results/benchmarks/trend_methods.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign methods --config /dev/stdin --directory results --output {output} "
        "<<< {params.config:q} &> {log}"
