# Self-contained HTML: a page of all models, and one page a model beside it.


def present(files: list[str]) -> list[str]:
    """The files; with allow_missing, those that exist."""
    return [file for file in files if os.path.exists(file)] if config["allow_missing"] else files


def own_scores(model: str) -> list[str]:
    """Score files of one model."""
    return present(
        [
            f"results/{measure}/{model}/{dataset}.csv"
            for measure, dataset, stimuli in STUDY.benchmarks()
            if STUDY.undefined(measure, model, stimuli) is None
        ]
    )


def galleries(model: str) -> list[dict]:
    """Map sets on which the model has saliency or perturbations."""
    return [
        {"maps": name, "stimuli": row["stimuli"], "transform": STUDY.transform(model, row["stimuli"])}
        for name, row in STUDY.maps.items()
        if {f"results/{stage}/{model}/{name}.csv" for stage in ("clickme", "attacks")}
        & set(own_scores(model))
    ]


def gallery_files(wildcards) -> list:
    """What the galleries of a model show; its stores change only with its scores."""
    files = []
    for gallery in galleries(wildcards.model):
        maps, stimuli, transform = gallery["maps"], gallery["stimuli"], gallery["transform"]
        files += [table_of(stimuli), f"results/maps/{maps}.npz", f"results/maps/{maps}.json"]
        files.append(ancient(f"results/preprocess/{stimuli}/{transform}.zarr"))
        for stage, store in (("clickme", "saliency"), ("attacks", "attacks")):
            if f"results/{stage}/{wildcards.model}/{maps}.csv" in own_scores(wildcards.model):
                files.append(f"results/{stage}/{wildcards.model}/{maps}_images.csv")
                store = "saliency" if wildcards.model in LOW_LEVEL else store  # they have no perturbations
                files.append(ancient(f"results/{store}/{wildcards.model}/{stimuli}.zarr"))
                if stage == "clickme":
                    files.append(f"results/clickme/{wildcards.model}/{maps}_gallery.png")
    return files


rule report_model:
    input:
        scores=lambda w: own_scores(w.model),
        card="results/models/{model}.json",
        galleries=gallery_files,
    output:
        "results/report/{model}.html",
    params:
        version=version("report", "model"),
        galleries=lambda w: json.dumps(galleries(w.model)),
        published=lambda w: options({"published_top1": STUDY.published_top1.get(w.model)}, "published_top1"),
    log:
        "logs/report_model/{model}.log",
    benchmark:
        "results/benchmarks/report_model/{model}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign report --model {wildcards.model} --scores {input.scores} --directory results "
        "--galleries {params.galleries:q} {params.published} --output {output} &> {log}"


rule report:
    input:
        scores="results/scores.csv",
        trend="results/trend.json",
        figure="results/figures/accuracy_vs_alignment.svg",
        cards=data_cards(),
        models=present([f"results/models/{model}.json" for model in STUDY.models]),
        pages=[f"results/report/{model}.html" for model in STUDY.models if own_scores(model)],
    output:
        page="results/report.html",
        # In an archive of `snakemake --report` links to other files would be dead.
        packed=report("results/report_packed.html", caption="../report/report.rst", category="Report"),
    params:
        version=version("report", "study"),
        config=hashlib.sha256(json.dumps(config | {"check": True}, sort_keys=True).encode()).hexdigest()[:16],
    log:
        "logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign report --scores {input.scores} --trend {input.trend} --figure {input.figure} "
        "--cards {input.cards} --benchmarks-dir results/benchmarks --config-hash {params.config} "
        "--directory results --output {output.page} --packed {output.packed} &> {log}"
