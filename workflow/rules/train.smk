# Models trained on human maps, and their baselines; each enters the study like any other model.
TRAIN = config["train"]
#: Sheet of all models: the config's, or where some are trained, one that has them too.
MODEL_SHEET = "results/train/models.tsv" if STUDY.trained else config["models"]["sheet"]
MODEL_SELECT = ["*"] if STUDY.trained else config["models"]["select"]
STUDY_SHEETS = ("models", "train", "stimuli", "recordings", "maps")


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


def train_options(wildcards, input) -> str:
    """Command-line options of a recipe, and of the inputs that not every one has."""
    recipe = STUDY.trained[wildcards.model]
    words = options(
        recipe | {"label_space": STUDY.models[wildcards.model]["label_space"]},
        *("label_space", "input_size", "seed", "supervision", "weight", "share", "steps", "batch_size"),
        *("optimiser", "schedule", "learning_rate", "decay", "smoothing", "smallest_crop", "batch_norm"),
    )
    files = [
        name
        for name in ("stimuli", "validation", "validation_maps", "validation_pixels")
        if name in input.keys()
    ]
    words += "".join(f" --{name.replace('_', '-')} {shlex.quote(str(input[name]))}" for name in files)
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
        version=version("train"),
        recipe=train_options,
        options=options(TRAIN, "precision", "devices", "workers", "evaluate_every", "checkpoint_every"),
    log:
        "logs/train/{model}.log",
    benchmark:
        "results/benchmarks/train/{model}.tsv"
    resources:
        gpu=GPU * TRAIN["devices"],
        mem_mb=8000,
    priority: 2  # what other models wait for
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign train fit --model {wildcards.model} --card {input.card} --weights {input.weights} "
        "--mapped {input.mapped} --maps {input.maps} {params.recipe} {params.options} "
        "--output {output.weights} --trained-card {output.card} --metrics {output.metrics} &> {log}"


rule train_rows:
    input:
        [config[kind]["sheet"] or [] for kind in STUDY_SHEETS],
    output:
        "results/train/models.tsv",
    params:
        version=version("train"),
        config=json.dumps({name: config[name] for name in ("seed", *STUDY_SHEETS)}),
    log:
        "logs/train_rows.log",
    benchmark:
        "results/benchmarks/train_rows.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign train rows --config /dev/stdin --output {output} <<< {params.config:q} &> {log}"
