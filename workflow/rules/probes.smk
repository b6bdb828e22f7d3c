# What each model's frozen features know of the visual tasks of each probe.


rule probes:
    input:
        unpack(lambda w: INPUTS.probed(w.model, w.probe)),
    output:
        scores="results/probes/{model}/{probe}.csv",
        trials="results/probes/{model}/{probe}_trials.csv",
        curve="results/probes/{model}/{probe}_curve.csv",
    params:
        version=version("probes"),
        options=of_command(config["probes"], section("probes"), "probes"),
        row=lambda w: of_command(STUDY.probes[w.probe], definition("probes"), "probes"),
        files=lambda w: INPUTS.answers_of_probe(w.probe),
        # Of a folder, whose files have names that are not to be written down.
        people=lambda w: fetched.listing(STUDY.probes[w.probe].get("people", "")),
        seed=config["seed"],
    log:
        "logs/probes/{model}/{probe}.log",
    resources:
        mem_mb=MEMORY.of("probes"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign probes --model {wildcards.model} --dataset {wildcards.probe} "
        "--features-store {input.features} --features-manifest {input.features_manifest} "
        "--pixels {input.pixels} --pixels-manifest {input.pixels_manifest} --table {input.table} {params.files} "
        "{params.row} {params.options} --seed {params.seed} --output {output.scores} "
        "--trials-output {output.trials} --curve-output {output.curve} "
        "--benchmark results/benchmarks/probes/{wildcards.model}/{wildcards.probe}.tsv &> {log}"
