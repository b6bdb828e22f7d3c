# Models trained on human maps, and their baselines; each enters the study like any other model.


# Not an input of the training, which another set to score would otherwise repeat (an ancient one would hide its other
# reasons from Snakemake 9.27), but of all scores, and before it by its priority.
rule train_apart:
    input:
        trained=lambda w: INPUTS.trained_on(w.model),
        scored=lambda w: INPUTS.scored_on(w.model),
    output:
        "results/train/apart/{model}.json",
    params:
        version=version("train", "apart"),
    log:
        "logs/train_apart/{model}.log",
    resources:
        mem_mb=MEMORY.of("train_apart"),
    priority: 3
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign train apart --model {wildcards.model} --trained {input.trained} "
        "--scored {input.scored} --output {output} "
        "--benchmark results/benchmarks/train_apart/{wildcards.model}.tsv &> {log}"


rule train_fit:
    input:
        unpack(lambda w: INPUTS.of_training(w.model)),
    output:
        weights="results/train/{model}.safetensors",
        card="results/train/{model}.json",
        metrics="results/train/{model}_metrics.csv",
    params:
        version=version("train", "fit"),
        # Not from `input`: parameters that depend on it do not count when they change.
        recipe=lambda w: recipe_options(STUDY, w.model, INPUTS.of_training(w.model)),
        # But these do: they change no result.
        cost=lambda w, input: of_command(config["train"], section("train"), "fit", cost=True),
    log:
        "logs/train_fit/{model}.log",
    resources:
        gpu=GPU * config["train"]["devices"],
        mem_mb=MEMORY.of("train_fit"),
    priority: 2  # what other models wait for
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign train fit --model {wildcards.model} --card {input.card} --weights {input.weights} "
        "--mapped {input.mapped} --maps {input.maps} {params.recipe} {params.cost} "
        "--output {output.weights} --trained-card {output.card} --metrics {output.metrics} "
        "--benchmark results/benchmarks/train_fit/{wildcards.model}.tsv &> {log}"


rule train_rows:
    input:
        INPUTS.sheets(),
    output:
        "results/train/models.tsv",
    params:
        version=version("train", "rows"),
        config=json.dumps({name: config[name] for name in ("seed", *SHEETS, "accuracy")}, sort_keys=True),
    log:
        "logs/train_rows.log",
    resources:
        mem_mb=MEMORY.of("train_rows"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign train rows --config /dev/stdin --output {output} <<< {params.config:q} "
        "--benchmark results/benchmarks/train_rows.tsv &> {log}"


rule train_evaluate:
    input:
        unpack(lambda w: INPUTS.network_on_maps(w.model, w.maps)),
        table=lambda w: INPUTS.table_of_maps(w.maps),
        maps="results/maps/{maps}.npz",
    output:
        "results/train/{model}/{maps}.csv",
    params:
        version=version("train", "evaluate"),
        transform=lambda w: STUDY.transform(w.model, STUDY.stimuli_of(w.maps)),
    log:
        "logs/train_evaluate/{model}/{maps}.log",
    resources:
        gpu=GPU,
        mem_mb=MEMORY.of("train_evaluate"),
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign train evaluate --card {input.card} --weights {input.weights} --table {input.table} "
        "--pixels {input.pixels} --maps {input.maps} --transform {params.transform} --output {output} "
        "--benchmark results/benchmarks/train_evaluate/{wildcards.model}/{wildcards.maps}.tsv &> {log}"


rule train_compare:
    input:
        **INPUTS.compared_models(),
        models=INPUTS.model_sheet(),
        scores="results/scores.csv",
    output:
        table="results/train/comparison.csv",
        text="results/train/comparison.md",
    params:
        version=version("train", "compare"),
        maps=STUDY.compared_on(),
        options=of_command(config["trend"], section("trend"), "compare"),
        seed=config["seed"],
    log:
        "logs/train_compare.log",
    resources:
        mem_mb=MEMORY.of("train_compare"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign train compare --models {input.models} --map-sets {params.maps} --directory results "
        "{params.options} --seed {params.seed} --output {output.table} --text {output.text} "
        "--benchmark results/benchmarks/train_compare.tsv &> {log}"
