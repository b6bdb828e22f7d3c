# Saliency against human importance maps; animals recognised in partly revealed images; examples.


rule clickme_score:
    input:
        unpack(lambda w: INPUTS.revelation(w.model, w.maps)),
        unpack(lambda w: INPUTS.saliency(w.model, w.maps)),
        table=lambda w: INPUTS.table_of_maps(w.maps),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: INPUTS.ceilings(w.maps, w.model),
    output:
        scores="results/clickme/{model}/{maps}.csv",
        per_image="results/clickme/{model}/{maps}_images.csv",
    params:
        version=version("clickme", "score"),
        transform=lambda w: STUDY.transform(w.model, STUDY.stimuli_of(w.maps)),
        simulated=lambda w: of_command(STUDY.maps[w.maps], definition("maps"), "score"),
        revelation=lambda w: options(INPUTS.revelation(w.model, w.maps), "revelation", "human_curve"),
        options=of_command(config["clickme"], section("clickme"), "score"),
        seed=config["seed"],
    log:
        "logs/clickme_score/{model}/{maps}.log",
    resources:
        mem_mb=MEMORY.of("clickme_score"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign clickme score --model {wildcards.model} --dataset {wildcards.maps} "
        "--saliency {input.saliency} --saliency-manifest {input.saliency_manifest} --table {input.table} "
        "--transform {params.transform} --maps {input.maps} --ceilings {input.ceilings} {params.revelation} "
        "{params.simulated} {params.options} --seed {params.seed} "
        "--output {output.scores} --per-image {output.per_image} "
        "--benchmark results/benchmarks/clickme_score/{wildcards.model}/{wildcards.maps}.tsv &> {log}"


rule clickme_reveal:
    input:
        unpack(lambda w: INPUTS.network_on_maps(w.model, w.maps)),
        table=lambda w: INPUTS.table_of_maps(w.maps),
        maps="results/maps/{maps}.npz",
    output:
        "results/clickme/{model}/{maps}_revelation.npz",
    params:
        version=version("clickme", "reveal"),
        transform=lambda w: STUDY.transform(w.model, STUDY.stimuli_of(w.maps)),
        options=of_command(config["clickme"]["revelation"], section("clickme.revelation"), "reveal"),
        seed=config["seed"],
    log:
        "logs/clickme_reveal/{model}/{maps}.log",
    resources:
        gpu=GPU,
        mem_mb=MEMORY.of("clickme_reveal"),
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign clickme reveal --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --table {input.table} --transform {params.transform} --maps {input.maps} "
        "{params.options} --seed {params.seed} --output {output} "
        "--benchmark results/benchmarks/clickme_reveal/{wildcards.model}/{wildcards.maps}.tsv &> {log}"


rule clickme_gallery:
    input:
        saliency=lambda w: INPUTS.saliency(w.model, w.maps)["saliency"],
        pixels=lambda w: INPUTS.network_on_maps(w.model, w.maps)["pixels"],
        table=lambda w: INPUTS.table_of_maps(w.maps),
        maps="results/maps/{maps}.npz",
        per_image="results/clickme/{model}/{maps}_images.csv",
    output:
        "results/clickme/{model}/{maps}_gallery.png",
    params:
        version=version("clickme", "gallery"),
        transform=lambda w: STUDY.transform(w.model, STUDY.stimuli_of(w.maps)),
        simulated=lambda w: of_command(STUDY.maps[w.maps], definition("maps"), "gallery"),
    log:
        "logs/clickme_gallery/{model}/{maps}.log",
    resources:
        mem_mb=MEMORY.of("clickme_gallery"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign clickme gallery --model {wildcards.model} --saliency {input.saliency} "
        "--pixels {input.pixels} --table {input.table} --transform {params.transform} --maps {input.maps} "
        "--per-image {input.per_image} {params.simulated} --output {output} "
        "--benchmark results/benchmarks/clickme_gallery/{wildcards.model}/{wildcards.maps}.tsv &> {log}"
