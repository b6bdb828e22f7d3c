# Recordings and clicks with a known ground truth, written in the public file formats.
# The truth cards are read by no rule.


def windows(wildcards) -> str:
    """Option that names the time windows of a simulated recording, where they are set."""
    settings = simulated("recordings", wildcards)
    return f"--windows {shlex.quote(json.dumps(settings['windows']))}" if "windows" in settings else ""


rule simulate_recordings:
    input:
        table=lambda w: table_of(simulated("recordings", w)["stimuli"]),
        features=lambda w: store("features", simulated("recordings", w), "stimuli"),
        features_manifest=lambda w: manifest("features", simulated("recordings", w), "stimuli"),
        fit=lambda w: store("features", simulated("recordings", w), "fit_stimuli"),
        fit_manifest=lambda w: manifest("features", simulated("recordings", w), "fit_stimuli"),
    output:
        assembly="results/simulate/recordings/{recording}.nc",
        truth="results/simulate/recordings/{recording}_truth.json",
    params:
        version=version("simulate", "recordings"),
        options=lambda w: options(
            simulated("recordings", w),
            *("layer", "neuroids", "dimensions", "repetitions", "reliability", "seed"),
        ),
        windows=lambda w: windows(w),
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
        table=lambda w: table_of(simulated("recordings", w)["stimuli"]),
        features=lambda w: store("features", simulated("recordings", w), "stimuli"),
        features_manifest=lambda w: manifest("features", simulated("recordings", w), "stimuli"),
        fit=lambda w: store("features", simulated("recordings", w), "fit_stimuli"),
        fit_manifest=lambda w: manifest("features", simulated("recordings", w), "fit_stimuli"),
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
            simulated("recordings", w),
            *("layer", "neuroids", "dimensions", "repetitions", "reliability", "grid", "images", "seed"),
        ),
        windows=lambda w: windows(w),
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
        table=lambda w: table_of(simulated("clicks", w)["stimuli"]),
        saliency=lambda w: store("saliency", simulated("clicks", w), "stimuli"),
        saliency_manifest=lambda w: manifest("saliency", simulated("clicks", w), "stimuli"),
    output:
        log="results/simulate/clicks/{maps}.npz",
        shards="results/simulate/clicks/{maps}.tfrecords",
        truth="results/simulate/clicks/{maps}_truth.json",
    params:
        version=version("simulate", "clicks"),
        transform=lambda w: STUDY.transform(
            simulated("clicks", w)["teacher"], simulated("clicks", w)["stimuli"]
        ),
        options=lambda w: options(
            simulated("clicks", w),
            *("teacher_weight", "sharpness", "participants", "clicks", "idiosyncrasy", "seed"),
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
