# Saliency against human importance maps; animals recognised in partly revealed images; examples.
from types import SimpleNamespace


def stimuli_of(wildcards) -> str:
    """Stimulus set of a map set."""
    return STUDY.maps[wildcards.maps]["stimuli"]


def revelation(wildcards) -> dict:
    """What the score needs of the revelation, where it is switched on and images and network are ImageNet's."""
    settings = config["clickme"]["revelation"]
    space = STUDY.stimuli[stimuli_of(wildcards)].get("label_space")
    if not settings["enabled"] or space != "imagenet-1k" or wildcards.model in LOW_LEVEL:
        return {}
    own = {"revelation": f"results/clickme/{wildcards.model}/{wildcards.maps}_revelation.npz"}
    return own | ({"human_curve": settings["human_curve"]} if settings["human_curve"] else {})


rule clickme:
    input:
        unpack(revelation),
        saliency=lambda w: ancient(f"results/saliency/{w.model}/{stimuli_of(w)}.zarr"),
        saliency_manifest=lambda w: f"results/saliency/{w.model}/{stimuli_of(w)}.json",
        table=lambda w: table_of(stimuli_of(w)),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: ceilings_of(w.maps, w.model),
    output:
        scores="results/clickme/{model}/{maps}.csv",
        images="results/clickme/{model}/{maps}_images.csv",
    params:
        version=version("clickme", "score"),
        transform=lambda w: STUDY.transform(w.model, stimuli_of(w)),
        simulated=lambda w: options(STUDY.maps[w.maps], "simulated"),
        revelation=lambda w: options(revelation(w), "revelation", "human_curve"),
        options=options(config["clickme"], "bootstrap"),
        seed=config["seed"],
    log:
        "logs/clickme/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/clickme/{model}/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign clickme score --model {wildcards.model} --dataset {wildcards.maps} "
        "--saliency {input.saliency} --saliency-manifest {input.saliency_manifest} --table {input.table} "
        "--transform {params.transform} --maps {input.maps} --ceilings {input.ceilings} {params.revelation} "
        "{params.simulated} {params.options} --seed {params.seed} "
        "--output {output.scores} --images {output.images} &> {log}"


rule clickme_reveal:
    input:
        unpack(lambda w: network_input(SimpleNamespace(model=w.model, stimuli=stimuli_of(w)))),
        table=lambda w: table_of(stimuli_of(w)),
        maps="results/maps/{maps}.npz",
    output:
        "results/clickme/{model}/{maps}_revelation.npz",
    params:
        version=version("clickme", "reveal"),
        transform=lambda w: STUDY.transform(w.model, stimuli_of(w)),
        options=options(config["clickme"]["revelation"], "images", "batch_size"),
        levels=(
            " ".join(["--levels", *map(str, config["clickme"]["revelation"]["levels"])])
            if config["clickme"]["revelation"]["levels"]
            else ""
        ),
        seed=config["seed"],
    log:
        "logs/clickme_reveal/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/clickme_reveal/{model}/{maps}.tsv"
    resources:
        gpu=GPU,
        mem_mb=6000,
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign clickme reveal --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --table {input.table} --transform {params.transform} --maps {input.maps} "
        "{params.options} {params.levels} --seed {params.seed} --output {output} &> {log}"


rule clickme_gallery:
    input:
        saliency=lambda w: ancient(f"results/saliency/{w.model}/{stimuli_of(w)}.zarr"),
        pixels=lambda w: network_input(SimpleNamespace(model=w.model, stimuli=stimuli_of(w)))["pixels"],
        table=lambda w: table_of(stimuli_of(w)),
        maps="results/maps/{maps}.npz",
        images="results/clickme/{model}/{maps}_images.csv",
    output:
        "results/clickme/{model}/{maps}_gallery.png",
    params:
        version=version("clickme", "gallery"),
        transform=lambda w: STUDY.transform(w.model, stimuli_of(w)),
        simulated=lambda w: options(STUDY.maps[w.maps], "simulated"),
    log:
        "logs/clickme_gallery/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/clickme_gallery/{model}/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign clickme gallery --model {wildcards.model} --saliency {input.saliency} "
        "--pixels {input.pixels} --table {input.table} --transform {params.transform} --maps {input.maps} "
        "--images {input.images} {params.simulated} --output {output} &> {log}"
