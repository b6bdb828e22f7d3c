# Activations of all chosen layers and logits: one store per (model, stimulus set). Sets that no
# recording uses need logits only.
KEPT = (lambda store: store) if config["features"]["keep"] else temp


rule features:
    input:
        unpack(lambda w: INPUTS.network(w.model, w.stimuli)),
    output:
        # Kept, or deleted by Snakemake once everything that reads it is done.
        store=KEPT(directory("results/features/{model}/{stimuli}.zarr")),
        manifest="results/features/{model}/{stimuli}.json",
    params:
        version=version("features"),
        options=of_command(config["features"], section("features"), "features"),
        layers=lambda w: layers_option(STUDY, w.model, w.stimuli),
    log:
        "logs/features/{model}/{stimuli}.log",
    resources:
        gpu=lambda w: 0 if STUDY.is_low_level(w.model) else GPU,
        mem_mb=MEMORY.of("features"),
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign features --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --pixels-manifest {input.pixels_manifest} {params.options} {params.layers} "
        "--output {output.store} --manifest {output.manifest} "
        "--benchmark results/benchmarks/features/{wildcards.model}/{wildcards.stimuli}.tsv &> {log}"
