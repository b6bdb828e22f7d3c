# The smallest perturbations (once a model and stimulus set), then their size and place; both by budget.
from types import SimpleNamespace

ATTACK_BATCH = options(config["attacks"], "batch_size")  # changes no result, and hence is no parameter
MAP_SETS = "|".join(map(re.escape, STUDY.maps))  # lest CLICKME_curve be taken for one


rule attacks:
    input:
        unpack(network_input),
        table="results/stimuli/{stimuli}.csv",
    output:
        store=directory("results/attacks/{model}/{stimuli}.zarr"),
        manifest="results/attacks/{model}/{stimuli}.json",
    params:
        version=version("attacks", "perturb"),
        options=options(config["attacks"], "images", "budget", "target"),
        seed=config["seed"],
    log:
        "logs/attacks/{model}/{stimuli}.log",
    benchmark:
        "results/benchmarks/attacks/{model}/{stimuli}.tsv"
    resources:
        gpu=GPU,
        mem_mb=6000,
    priority: 1  # the longest jobs first, so that none is left for the end
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign attacks perturb --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --pixels-manifest {input.pixels_manifest} --table {input.table} "
        "{params.options} {ATTACK_BATCH} --seed {params.seed} --output {output.store} --manifest {output.manifest} &> {log}"


rule attacks_score:
    input:
        perturbations=lambda w: ancient(f"results/attacks/{w.model}/{STUDY.maps[w.maps]['stimuli']}.zarr"),
        perturbations_manifest=lambda w: f"results/attacks/{w.model}/{STUDY.maps[w.maps]['stimuli']}.json",
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: ceilings_of(w.maps, w.model),
    output:
        scores="results/attacks/{model}/{maps}.csv",
        images="results/attacks/{model}/{maps}_images.csv",
    wildcard_constraints:
        maps=MAP_SETS,
    params:
        version=version("attacks", "score"),
        transform=lambda w: STUDY.transform(w.model, STUDY.maps[w.maps]["stimuli"]),
        simulated=lambda w: options(STUDY.maps[w.maps], "simulated"),
        options=options(config["attacks"], "target", "bootstrap"),
        seed=config["seed"],
    log:
        "logs/attacks_score/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/attacks_score/{model}/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign attacks score --model {wildcards.model} --dataset {wildcards.maps} "
        "--perturbations {input.perturbations} --perturbations-manifest {input.perturbations_manifest} "
        "--table {input.table} --transform {params.transform} --maps {input.maps} --ceilings {input.ceilings} "
        "{params.simulated} {params.options} --seed {params.seed} "
        "--output {output.scores} --images {output.images} &> {log}"


rule attacks_curve:
    input:
        unpack(lambda w: network_input(SimpleNamespace(model=w.model, stimuli=STUDY.maps[w.maps]["stimuli"]))),
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: ceilings_of(w.maps, w.model),
    output:
        "results/attacks/{model}/{maps}_curve.csv",
    wildcard_constraints:
        maps=MAP_SETS,
    params:
        version=version("attacks", "curve"),
        transform=lambda w: STUDY.transform(w.model, STUDY.maps[w.maps]["stimuli"]),
        options=options(config["attacks"], "images", "target"),
        budgets=" ".join(map(str, config["attacks"]["curve"])),
        seed=config["seed"],
    log:
        "logs/attacks_curve/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/attacks_curve/{model}/{maps}.tsv"
    resources:
        gpu=GPU,
        mem_mb=6000,
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign attacks curve --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --table {input.table} --transform {params.transform} --maps {input.maps} "
        "--ceilings {input.ceilings} {params.options} {ATTACK_BATCH} --seed {params.seed} "
        "--budgets {params.budgets} --output {output} &> {log}"


# Low-level models have importance maps in the place of perturbations.
ruleorder: attacks_control > attacks_score


rule attacks_control:
    input:
        saliency=lambda w: ancient(f"results/saliency/{w.model}/{STUDY.maps[w.maps]['stimuli']}.zarr"),
        saliency_manifest=lambda w: f"results/saliency/{w.model}/{STUDY.maps[w.maps]['stimuli']}.json",
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: ceilings_of(w.maps, w.model),
    output:
        scores="results/attacks/{model}/{maps}.csv",
        images="results/attacks/{model}/{maps}_images.csv",
    wildcard_constraints:
        model="|".join(map(re.escape, LOW_LEVEL)) or "(?!)",
        maps=MAP_SETS,
    params:
        version=version("attacks_control"),
        architecture=lambda w: STUDY.models[w.model]["architecture"],
        transform=lambda w: STUDY.transform(w.model, STUDY.maps[w.maps]["stimuli"]),
        simulated=lambda w: options(STUDY.maps[w.maps], "simulated"),
        options=options(config["attacks"], "images", "target", "bootstrap"),
        seed=config["seed"],
    log:
        "logs/attacks_control/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/attacks_control/{model}/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign attacks-control --model {wildcards.model} --architecture {params.architecture} "
        "--dataset {wildcards.maps} --saliency {input.saliency} --saliency-manifest {input.saliency_manifest} "
        "--table {input.table} --transform {params.transform} --maps {input.maps} --ceilings {input.ceilings} "
        "{params.simulated} {params.options} --seed {params.seed} "
        "--output {output.scores} --image-table {output.images} &> {log}"
