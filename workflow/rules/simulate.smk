# Recordings and clicks with a known ground truth, written in the public file formats.
# The truth cards are read by no rule.


rule simulate_recordings:
    input:
        unpack(lambda w: INPUTS.simulated("recordings", w.recording, "features")),
    output:
        assembly="results/simulate/recordings/{recording}.nc",
        truth="results/simulate/recordings/{recording}_truth.json",
    params:
        version=version("simulate", "recordings"),
        options=lambda w: options(
            config["simulate"]["recordings"][w.recording],
            "layer",
            "neuroids",
            "dimensions",
            "repetitions",
            "reliability",
            "seed",
        ),
        windows=lambda w: json_option("windows", config["simulate"]["recordings"][w.recording].get("windows")),
    log:
        "logs/simulate/{recording}.log",
    benchmark:
        "results/benchmarks/simulate/{recording}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign simulate recordings --name {wildcards.recording} --table {input.table} "
        "--features {input.features} --fit-features {input.fit} {params.options} {params.windows} "
        "--output {output.assembly} --truth {output.truth} &> {log}"


rule simulate_maps:
    input:
        unpack(lambda w: INPUTS.simulated("recordings", w.recording, "features")),
    output:
        card="results/simulate/maps/{recording}.yaml",
        files=[
            f"results/simulate/maps/{{recording}}_{name}"
            for name in ("responses.npy", "stimuli.csv", "neuroids.csv")
        ],
        truth="results/simulate/maps/{recording}_truth.json",
    params:
        version=version("simulate", "maps"),
        options=lambda w: options(
            config["simulate"]["recordings"][w.recording],
            "layer",
            "neuroids",
            "dimensions",
            "repetitions",
            "reliability",
            "grid",
            "images",
            "seed",
        ),
        windows=lambda w: json_option("windows", config["simulate"]["recordings"][w.recording].get("windows")),
    log:
        "logs/simulate/{recording}.log",
    benchmark:
        "results/benchmarks/simulate/{recording}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign simulate maps --name {wildcards.recording} --table {input.table} "
        "--features {input.features} --fit-features {input.fit} {params.options} {params.windows} "
        "--output {output.card} --truth {output.truth} &> {log}"


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
        options=lambda w: options(
            config["simulate"]["clicks"][w.maps],
            "teacher_weight",
            "sharpness",
            "participants",
            "clicks",
            "idiosyncrasy",
            "seed",
        ),
    log:
        "logs/simulate/{maps}.log",
    benchmark:
        "results/benchmarks/simulate/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign simulate clicks --name {wildcards.maps} --table {input.table} --saliency {input.saliency} "
        "--transform {params.transform} {params.options} "
        "--output {output.log} --shards {output.shards} --truth {output.truth} &> {log}"
