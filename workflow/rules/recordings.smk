# Neural recordings in one internal form, with their ceilings.


rule recordings:
    input:
        lambda w: INPUTS.of_recording(w.recording),
        table=lambda w: INPUTS.table_of_recording(w.recording),
    output:
        recording="results/recordings/{recording}.nc",
        ceilings="results/recordings/{recording}_ceilings.csv",
        card="results/recordings/{recording}.json",
    params:
        version=version("recordings"),
        row=lambda w: options(
            STUDY.recordings[w.recording],
            "path",
            "reader",
            "region",
            "subject",
            "windows",
            "first_ms",
            "sha1",
            "simulated",
        ),
        options=f"--ceiling-splits {config['recordings']['ceiling_splits']} "
        f"--seed {config['recordings']['ceiling_seed']} "
        f"--reliability-threshold {config['recordings']['reliability_threshold']}",
    log:
        "logs/recordings/{recording}.log",
    benchmark:
        "results/benchmarks/recordings/{recording}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign recordings --name {wildcards.recording} {params.row} "
        "{params.options} --table {input.table} --output {output.recording} --ceilings {output.ceilings} --card {output.card} &> {log}"
