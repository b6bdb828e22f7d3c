# Weights of each model as safetensors, with a card.


rule models:
    output:
        weights="results/models/{model}.safetensors",
        card="results/models/{model}.json",
    params:
        version=version("models"),
        row=lambda w: options(STUDY.models[w.model], "architecture", "weights", "source", "label_space", "layers"),
        data_config=lambda w: json.dumps(STUDY.data_configs[w.model]),
    log:
        "logs/models/{model}.log",
    benchmark:
        "results/benchmarks/models/{model}.tsv"
    resources:
        mem_mb=4000,
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign models --model {wildcards.model} {params.row} --data-config {params.data_config:q} "
        "--output {output.weights} --card {output.card} &> {log}"
