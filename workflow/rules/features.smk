# Activations of all chosen layers and logits: one store a (model, stimulus set).


rule features:
    input:
        unpack(network_input),
    output:
        store=directory("results/features/{model}/{stimuli}.zarr"),
        manifest="results/features/{model}/{stimuli}.json",
    params:
        version=version("features"),
        options=lambda w: options(config["features"], "batch_size", "dtype"),
    log:
        "logs/features/{model}/{stimuli}.log",
    benchmark:
        "results/benchmarks/features/{model}/{stimuli}.tsv"
    resources:
        gpu=GPU,
        mem_mb=6000,
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign features --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --pixels-manifest {input.pixels_manifest} {params.options} "
        "--output {output.store} --manifest {output.manifest} &> {log}"
