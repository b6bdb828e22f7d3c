# Models trained on human maps, and their baselines; each enters the study like any other model.
from types import SimpleNamespace

# What changes no result, and hence is no parameter.
TRAIN_RUN = options(config["train"], "devices", "workers", "checkpoint_every")
#: Sheet of all models: the config's, or where some are trained, one that has them too.
MODEL_SHEET = "results/train/models.tsv" if STUDY.trained else config["models"]["sheet"]
MODEL_SELECT = ["*"] if STUDY.trained else config["models"]["select"]
STUDY_SHEETS = ("models", "train", "stimuli", "recordings", "maps")


def trained_tables(model: str) -> list[str]:
    """Tables of the images that a model and its bases are trained on."""
    tables = []
    while model in STUDY.trained:
        recipe = STUDY.trained[model]
        tables += [
            STUDY.maps[recipe["maps"]]["stimuli"],
            *([recipe["stimuli"]] if "stimuli" in recipe else []),
        ]
        model = recipe["base"]
    return list(map(table_of, dict.fromkeys(tables)))


def scored_tables(model: str) -> list[str]:
    """Tables of the images that a trained model is scored on, or compared with its baseline."""
    compared = [STUDY.maps[name]["stimuli"] for name in train_measured()] if model in train_pairs() else []
    return list(map(table_of, dict.fromkeys([*STUDY.scored_on(model), *compared])))


# Not an input of the training, which another set to score would otherwise repeat (an ancient one would hide its other
# reasons from Snakemake 9.27), but of all scores, and before it by its priority.
rule train_apart:
    input:
        trained=lambda w: trained_tables(w.model),
        scored=lambda w: scored_tables(w.model),
    output:
        "results/train/apart/{model}.json",
    params:
        version=version("train", "apart"),
    log:
        "logs/train_apart/{model}.log",
    benchmark:
        "results/benchmarks/train_apart/{model}.tsv"
    priority: 3
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign train apart --model {wildcards.model} --trained {input.trained} "
        "--scored {input.scored} --output {output} &> {log}"


def train_input(wildcards) -> dict:
    """What a training reads: its base, its images with maps and without, and those it is followed on."""
    recipe = STUDY.trained[wildcards.model]
    base = STUDY.weights(recipe["base"])
    stimuli = STUDY.maps[recipe["maps"]]["stimuli"]
    files = {
        "card": f"results/models/{recipe['base']}.json",
        "weights": ancient(f"{base}.safetensors"),
        "mapped": table_of(stimuli),
        "images": ancient(f"results/stimuli/{stimuli}"),
        "maps": f"results/maps/{recipe['maps']}.npz",
    }
    if "stimuli" in recipe:
        files["stimuli"] = table_of(recipe["stimuli"])
        files["other_images"] = ancient(f"results/stimuli/{recipe['stimuli']}")
    if "validation" in recipe:
        stimuli = STUDY.maps[recipe["validation"]]["stimuli"]
        pixels = f"results/preprocess/{stimuli}/{STUDY.transform(wildcards.model, stimuli)}"
        files |= {
            "validation": table_of(stimuli),
            "validation_maps": f"results/maps/{recipe['validation']}.npz",
            "validation_pixels": ancient(f"{pixels}.zarr"),
            "validation_manifest": f"{pixels}.json",
        }
    return files


def train_options(wildcards) -> str:
    """Command-line options of a recipe, and of the inputs that not every one has."""
    # Not from `input`: parameters that depend on it do not count when they change.
    recipe, files = STUDY.trained[wildcards.model], train_input(wildcards)
    words = options(
        recipe | {"label_space": STUDY.models[wildcards.model]["label_space"]},
        *("label_space", "input_size", "seed", "supervision", "weight", "share", "steps", "batch_size"),
        *("optimiser", "schedule", "learning_rate", "decay", "smoothing", "smallest_crop", "batch_norm"),
    )
    for name in ("stimuli", "validation", "validation_maps", "validation_pixels"):
        if name in files:
            words += f" --{name.replace('_', '-')} {shlex.quote(str(files[name]))}"
    if "validation" in recipe:
        stimuli = STUDY.maps[recipe["validation"]]["stimuli"]
        words += f" --transform {STUDY.transform(wildcards.model, stimuli)}"
    return words


rule train:
    input:
        unpack(train_input),
    output:
        weights="results/train/{model}.safetensors",
        card="results/train/{model}.json",
        metrics="results/train/{model}_metrics.csv",
    params:
        version=version("train", "fit"),
        recipe=train_options,
        options=options(config["train"], "precision", "evaluate_every"),
    log:
        "logs/train/{model}.log",
    benchmark:
        "results/benchmarks/train/{model}.tsv"
    resources:
        gpu=GPU * config["train"]["devices"],
        mem_mb=8000,
    priority: 2  # what other models wait for
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign train fit --model {wildcards.model} --card {input.card} --weights {input.weights} "
        "--mapped {input.mapped} --maps {input.maps} {params.recipe} {params.options} {TRAIN_RUN} "
        "--output {output.weights} --trained-card {output.card} --metrics {output.metrics} &> {log}"


rule train_rows:
    input:
        [config[kind]["sheet"] or [] for kind in STUDY_SHEETS],
    output:
        "results/train/models.tsv",
    params:
        version=version("train", "rows"),
        config=json.dumps({name: config[name] for name in ("seed", *STUDY_SHEETS, "accuracy")}),
    log:
        "logs/train_rows.log",
    benchmark:
        "results/benchmarks/train_rows.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign train rows --config /dev/stdin --output {output} <<< {params.config:q} &> {log}"


def train_pairs() -> list[str]:
    """Trained models that have a baseline, and their baselines."""
    rows = {model: row for model, row in STUDY.models.items() if "baseline" in row}
    return list(dict.fromkeys([model for name, row in rows.items() for model in (name, row["baseline"])]))


def train_measured() -> list[str]:
    """Map sets on which trained models are compared with their baselines: all that are not trained on."""
    return [
        name
        for name, row in STUDY.maps.items()
        if row["scored"] and all(STUDY.mismatch(model, row["stimuli"]) is None for model in train_pairs())
    ]


rule train_measure:
    input:
        unpack(lambda w: network_input(SimpleNamespace(model=w.model, stimuli=STUDY.maps[w.maps]["stimuli"]))),
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
        maps="results/maps/{maps}.npz",
    output:
        "results/train/{model}/{maps}.csv",
    params:
        version=version("train", "measure"),
        transform=lambda w: STUDY.transform(w.model, STUDY.maps[w.maps]["stimuli"]),
    log:
        "logs/train_measure/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/train_measure/{model}/{maps}.tsv"
    resources:
        gpu=GPU,
        mem_mb=4000,
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign train measure --card {input.card} --weights {input.weights} --table {input.table} "
        "--pixels {input.pixels} --maps {input.maps} --transform {params.transform} --output {output} &> {log}"


rule train_compare:
    input:
        models=MODEL_SHEET,
        images=[f"results/train/{model}/{maps}.csv" for model in train_pairs() for maps in train_measured()],
        cards=[f"results/train/{model}.json" for model in train_pairs()],
        scores="results/scores.csv",
    output:
        table="results/train/comparison.csv",
        text="results/train/comparison.md",
    params:
        version=version("train", "compare"),
        maps=train_measured(),
        options=options(config["trend"], "bootstrap"),
        seed=config["seed"],
    log:
        "logs/train_compare.log",
    benchmark:
        "results/benchmarks/train_compare.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign train compare --models {input.models} --maps {params.maps} --directory results "
        "{params.options} --seed {params.seed} --output {output.table} --text {output.text} &> {log}"
