# Weights as safetensors, once for all models that share them; then a card for each model.


def weight_file(wildcards) -> list[str]:
    """The files of weights of a row; a missing one is the job's own error, lest it stop all other models."""
    row = WEIGHTS[wildcards.weights]
    return [str(file) for file in files_of(row) if file.is_file()]


def unavailable_config(model: str) -> str | None:
    """Why the data config of a model is not known yet: its repository of the hub could not be reached."""
    return STUDY.unavailable.get(model) if STUDY.models[model]["weights"] == "hub" else None


rule models_weights:
    input:
        weight_file,
    output:
        weights="results/models/weights/{weights}.safetensors",
        card="results/models/weights/{weights}.json",
    params:
        version=version("models", "weights"),
        row=lambda w: options(WEIGHTS[w.weights], "architecture", "weights", "source"),
    log:
        "logs/models_weights/{weights}.log",
    benchmark:
        "results/benchmarks/models_weights/{weights}.tsv"
    resources:
        mem_mb=4000,
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign models --model {wildcards.weights} {params.row} "
        "--output {output.weights} --card {output.card} &> {log}"


rule models:
    input:
        lambda w: f"{STUDY.weights(w.model)}.json",
    output:
        "results/models/{model}.json",
    params:
        version=version("models", "card"),
        row=lambda w: options(STUDY.models[w.model], "label_space"),
        unavailable=lambda w: options({"unavailable": unavailable_config(w.model)}, "unavailable"),
        data_config=lambda w: json.dumps(STUDY.data_configs[w.model]),
    log:
        "logs/models/{model}.log",
    benchmark:
        "results/benchmarks/models/{model}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign models --model {wildcards.model} --reuse {input} {params.row} {params.unavailable} "
        "--data-config {params.data_config:q} --card {output} &> {log}"
