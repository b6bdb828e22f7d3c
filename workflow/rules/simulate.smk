# Recordings, clicks and answers with a known ground truth, written in the public file formats.
# The truth cards are read by no rule.


rule simulate_recordings:
    input:
        unpack(lambda w: INPUTS.simulated("recordings", w.recording, "features")),
    output:
        assembly="results/simulate/recordings/{recording}.nc",
        truth="results/simulate/recordings/{recording}_truth.json",
    params:
        version=version("simulate", "recordings"),
        options=lambda w: of_command(
            config["simulate"]["recordings"][w.recording], section("simulate.recordings"), "recordings"
        ),
    log:
        "logs/simulate_recordings/{recording}.log",
    resources:
        mem_mb=MEMORY.of("simulate_recordings"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign simulate recordings --name {wildcards.recording} --table {input.table} "
        "--features {input.features} --fit-features {input.fit} {params.options} "
        "--output {output.assembly} --truth {output.truth} "
        "--benchmark results/benchmarks/simulate_recordings/{wildcards.recording}.tsv &> {log}"


rule simulate_grid:
    input:
        unpack(lambda w: INPUTS.simulated("recordings", w.recording, "features")),
    output:
        card="results/simulate/grid/{recording}.yaml",
        files=[
            f"results/simulate/grid/{{recording}}_{name}"
            for name in ("responses.npy", "stimuli.csv", "neuroids.csv")
        ],
        truth="results/simulate/grid/{recording}_truth.json",
    params:
        version=version("simulate", "grid"),
        options=lambda w: of_command(
            config["simulate"]["recordings"][w.recording], section("simulate.recordings"), "grid"
        ),
    log:
        "logs/simulate_grid/{recording}.log",
    resources:
        mem_mb=MEMORY.of("simulate_grid"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign simulate grid --name {wildcards.recording} --table {input.table} "
        "--features {input.features} --fit-features {input.fit} {params.options} "
        "--output {output.card} --truth {output.truth} "
        "--benchmark results/benchmarks/simulate_grid/{wildcards.recording}.tsv &> {log}"


rule simulate_clicks:
    input:
        unpack(lambda w: INPUTS.simulated("clicks", w.maps, "saliency")),
    output:
        log="results/simulate/clicks/{maps}.npz",
        shards="results/simulate/clicks/{maps}.tfrecords",
        truth="results/simulate/clicks/{maps}_truth.json",
    params:
        version=version("simulate", "clicks"),
        transform=lambda w: STUDY.transform_of_clicks(w.maps),
        options=lambda w: of_command(
            config["simulate"]["clicks"][w.maps], section("simulate.clicks"), "clicks"
        ),
    log:
        "logs/simulate_clicks/{maps}.log",
    resources:
        mem_mb=MEMORY.of("simulate_clicks"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign simulate clicks --name {wildcards.maps} --table {input.table} --saliency {input.saliency} "
        "--transform {params.transform} {params.options} "
        "--output {output.log} --shards {output.shards} --truth {output.truth} "
        "--benchmark results/benchmarks/simulate_clicks/{wildcards.maps}.tsv &> {log}"


rule simulate_answers:
    input:
        table=lambda w: layout.stimuli(config["simulate"]["answers"][w.answers]["stimuli"]),
    output:
        answers="results/simulate/answers/{answers}.csv",
        truth="results/simulate/answers/{answers}_truth.json",
    params:
        version=version("simulate", "answers"),
        shown=lambda w: INPUTS.answered(w.answers),
        options=lambda w: of_command(
            config["simulate"]["answers"][w.answers], section("simulate.answers"), "answers"
        ),
    log:
        "logs/simulate_answers/{answers}.log",
    resources:
        mem_mb=MEMORY.of("simulate_answers"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign simulate answers --name {wildcards.answers} --trials {params.shown[0]} "
        "--geometry {params.shown[1]} {params.options} --output {output.answers} --truth {output.truth} "
        "--benchmark results/benchmarks/simulate_answers/{wildcards.answers}.tsv &> {log}"
