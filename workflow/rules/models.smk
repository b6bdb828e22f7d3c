# Weights as safetensors, once for all models that share them; then a card for each model.
WEIGHTS = weights_of(STUDY)


rule models_weights:
    input:
        lambda w: INPUTS.of_weights(WEIGHTS[w.weights]),
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
        lambda w: layout.manifest(STUDY.weights(w.model)),
    output:
        "results/models/{model}.json",
    params:
        version=version("models", "card"),
        row=lambda w: options(STUDY.models[w.model], "label_space"),
        unavailable=lambda w: options({"unavailable": STUDY.unavailable_config(w.model)}, "unavailable"),
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
