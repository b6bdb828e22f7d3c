# Gradient saliency of a class, the label or the answer, or the importance maps of a low-level model: one store per
# (model, stimulus set).


rule saliency:
    input:
        unpack(lambda w: INPUTS.network(w.model, w.stimuli)),
        table="results/stimuli/{stimuli}.csv",
    output:
        store=directory("results/saliency/{model}/{stimuli}.zarr"),
        manifest="results/saliency/{model}/{stimuli}.json",
    params:
        version=version("saliency"),
        options=of_command(config["saliency"], section("saliency"), "saliency"),
    log:
        "logs/saliency/{model}/{stimuli}.log",
    resources:
        gpu=lambda w: 0 if STUDY.is_low_level(w.model) else GPU,
        mem_mb=MEMORY.of("saliency"),
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign saliency --card {input.card} --weights {input.weights} --pixels {input.pixels} "
        "--pixels-manifest {input.pixels_manifest} --table {input.table} {params.options} "
        "--output {output.store} --manifest {output.manifest} "
        "--benchmark results/benchmarks/saliency/{wildcards.model}/{wildcards.stimuli}.tsv &> {log}"
