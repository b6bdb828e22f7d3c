# The smallest perturbations (once per model and stimulus set), then their size and place; both by budget.
MAP_SETS = "|".join(map(re.escape, STUDY.maps))  # lest CLICKME_curve be taken for one


rule attacks_perturb:
    input:
        unpack(lambda w: INPUTS.network(w.model, w.stimuli)),
        table="results/stimuli/{stimuli}.csv",
    output:
        store=directory("results/attacks/{model}/{stimuli}.zarr"),
        manifest="results/attacks/{model}/{stimuli}.json",
    params:
        version=version("attacks", "perturb"),
        options=of_command(config["attacks"], section("attacks"), "perturb"),
        cost=lambda w, input: of_command(config["attacks"], section("attacks"), "perturb", cost=True),
        seed=config["seed"],
    log:
        "logs/attacks_perturb/{model}/{stimuli}.log",
    resources:
        gpu=GPU,
        mem_mb=MEMORY.of("attacks_perturb"),
    priority: 1  # the longest jobs first, so that none is left for the end
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign attacks perturb --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --pixels-manifest {input.pixels_manifest} --table {input.table} "
        "{params.options} {params.cost} --seed {params.seed} --output {output.store} --manifest {output.manifest} "
        "--benchmark results/benchmarks/attacks_perturb/{wildcards.model}/{wildcards.stimuli}.tsv &> {log}"


rule attacks_score:
    input:
        unpack(lambda w: INPUTS.perturbations(w.model, w.maps)),
        table=lambda w: INPUTS.table_of_maps(w.maps),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: INPUTS.ceilings(w.maps, w.model),
    output:
        scores="results/attacks/{model}/{maps}.csv",
        per_image="results/attacks/{model}/{maps}_images.csv",
    wildcard_constraints:
        maps=MAP_SETS,
    params:
        version=version("attacks", "score"),
        transform=lambda w: STUDY.transform(w.model, STUDY.stimuli_of(w.maps)),
        simulated=lambda w: of_command(STUDY.maps[w.maps], definition("maps"), "score"),
        options=of_command(config["attacks"], section("attacks"), "score"),
        seed=config["seed"],
    log:
        "logs/attacks_score/{model}/{maps}.log",
    resources:
        mem_mb=MEMORY.of("attacks_score"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign attacks score --model {wildcards.model} --dataset {wildcards.maps} "
        "--perturbations {input.perturbations} --perturbations-manifest {input.perturbations_manifest} "
        "--table {input.table} --transform {params.transform} --maps {input.maps} --ceilings {input.ceilings} "
        "{params.simulated} {params.options} --seed {params.seed} "
        "--output {output.scores} --per-image {output.per_image} "
        "--benchmark results/benchmarks/attacks_score/{wildcards.model}/{wildcards.maps}.tsv &> {log}"


rule attacks_curve:
    input:
        unpack(lambda w: INPUTS.network_on_maps(w.model, w.maps)),
        table=lambda w: INPUTS.table_of_maps(w.maps),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: INPUTS.ceilings(w.maps, w.model),
    output:
        "results/attacks/{model}/{maps}_curve.csv",
    wildcard_constraints:
        maps=MAP_SETS,
    params:
        version=version("attacks", "curve"),
        transform=lambda w: STUDY.transform(w.model, STUDY.stimuli_of(w.maps)),
        options=of_command(config["attacks"], section("attacks"), "curve"),
        cost=lambda w, input: of_command(config["attacks"], section("attacks"), "curve", cost=True),
        seed=config["seed"],
    log:
        "logs/attacks_curve/{model}/{maps}.log",
    resources:
        gpu=GPU,
        mem_mb=MEMORY.of("attacks_curve"),
    conda:
        "../../envs/vision.yaml"
    shell:
        "python -m visalign attacks curve --card {input.card} --weights {input.weights} "
        "--pixels {input.pixels} --table {input.table} --transform {params.transform} --maps {input.maps} "
        "--ceilings {input.ceilings} {params.options} {params.cost} --seed {params.seed} --output {output} "
        "--benchmark results/benchmarks/attacks_curve/{wildcards.model}/{wildcards.maps}.tsv &> {log}"


# Low-level models have importance maps in the place of perturbations.
ruleorder: attacks_control > attacks_score


rule attacks_control:
    input:
        unpack(lambda w: INPUTS.saliency(w.model, w.maps)),
        table=lambda w: INPUTS.table_of_maps(w.maps),
        maps="results/maps/{maps}.npz",
        ceilings=lambda w: INPUTS.ceilings(w.maps, w.model),
    output:
        scores="results/attacks/{model}/{maps}.csv",
        per_image="results/attacks/{model}/{maps}_images.csv",
    wildcard_constraints:
        model="|".join(map(re.escape, STUDY.low_level())) or "(?!)",
        maps=MAP_SETS,
    params:
        version=version("attacks", "control"),
        architecture=lambda w: STUDY.models[w.model]["architecture"],
        transform=lambda w: STUDY.transform(w.model, STUDY.stimuli_of(w.maps)),
        simulated=lambda w: of_command(STUDY.maps[w.maps], definition("maps"), "control"),
        options=of_command(config["attacks"], section("attacks"), "control"),
        seed=config["seed"],
    log:
        "logs/attacks_control/{model}/{maps}.log",
    resources:
        mem_mb=MEMORY.of("attacks_control"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign attacks control --model {wildcards.model} --architecture {params.architecture} "
        "--dataset {wildcards.maps} --saliency {input.saliency} --saliency-manifest {input.saliency_manifest} "
        "--table {input.table} --transform {params.transform} --maps {input.maps} --ceilings {input.ceilings} "
        "{params.simulated} {params.options} --seed {params.seed} "
        "--output {output.scores} --per-image {output.per_image} "
        "--benchmark results/benchmarks/attacks_control/{wildcards.model}/{wildcards.maps}.tsv &> {log}"
