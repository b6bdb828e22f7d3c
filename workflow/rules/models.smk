from visalign.study.callable_inputs import input_of

# Weights as safetensors, once for all models that share them; then one card per model.
WEIGHTS = weights_of(STUDY)


rule models_weights:
    input:
        lambda w: INPUTS.of_weights(WEIGHTS[w.weights]),
    output:
        weights="results/models/weights/{weights}.safetensors",
        card="results/models/weights/{weights}.json",
    params:
        version=version("models", "weights"),
        row=lambda w: of_command(WEIGHTS[w.weights], definition("models"), "weights"),
        # Changes no result, so that a row of another size of the same network reruns nothing.
        shown=lambda w, input: json_option("data-config", input_of(STUDY, w.weights)),
    log:
        "logs/models_weights/{weights}.log",
    resources:
        mem_mb=MEMORY.of("models_weights"),
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign models weights --model {wildcards.weights} {params.row} {params.shown} "
        "--output {output.weights} --card {output.card} "
        "--benchmark results/benchmarks/models_weights/{wildcards.weights}.tsv &> {log}"


rule models_card:
    input:
        lambda w: layout.manifest(STUDY.weights(w.model)),
    output:
        "results/models/{model}.json",
    params:
        version=version("models", "card"),
        row=lambda w: of_command(STUDY.models[w.model], definition("models"), "card"),
        unavailable=lambda w: options({"unavailable": STUDY.unavailable_config(w.model)}, "unavailable"),
        data_config=lambda w: json.dumps(STUDY.data_configs[w.model], sort_keys=True),
    log:
        "logs/models_card/{model}.log",
    resources:
        mem_mb=MEMORY.of("models_card"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign models card --model {wildcards.model} --weights-card {input} {params.row} {params.unavailable} "
        "--data-config {params.data_config:q} --card {output} "
        "--benchmark results/benchmarks/models_card/{wildcards.model}.tsv &> {log}"
