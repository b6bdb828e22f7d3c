# Activations of all chosen layers and logits: one store a (model, stimulus set). Sets that no
# recording uses need logits only.


def features_store(path: str):
    """Keep the store, or let Snakemake delete it once everything that reads it is done."""
    return directory(path) if config["features"]["keep"] else temp(directory(path))


def layers(wildcards) -> str:
    """Option of the layers to record: the model's, or none."""
    needed = STUDY.needs_layers(wildcards.stimuli)
    return options(STUDY.models[wildcards.model], "layers") if needed else "--logits-only"


rule features:
    input:
        unpack(network_input),
    output:
        store=features_store("results/features/{model}/{stimuli}.zarr"),
        manifest="results/features/{model}/{stimuli}.json",
    params:
        version=version("features"),
        options=options(config["features"], "batch_size", "dtype", "autocast"),
        layers=layers,
    log:
        "logs/features/{model}/{stimuli}.log",
    benchmark:
        "results/benchmarks/features/{model}/{stimuli}.tsv"
    resources:
        gpu=gpu_of,
        mem_mb=6000,
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign features --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --pixels-manifest {input.pixels_manifest} {params.options} {params.layers} "
        "--output {output.store} --manifest {output.manifest} &> {log}"
