# Neural recordings in one internal form, with their ceilings.


rule recordings:
    input:
        lambda w: STUDY.recordings[w.recording]["path"],
    output:
        recording="results/recordings/{recording}.nc",
        ceilings="results/recordings/{recording}_ceilings.csv",
        card="results/recordings/{recording}.json",
    params:
        version=version("recordings"),
        row=lambda w: options(STUDY.recordings[w.recording], "reader", "region", "sha1", "simulated"),
        options=f"--ceiling-splits {config['recordings']['ceiling_splits']} "
        f"--seed {config['recordings']['ceiling_seed']}",
    log:
        "logs/recordings/{recording}.log",
    benchmark:
        "results/benchmarks/recordings/{recording}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign recordings --name {wildcards.recording} --assembly {input} {params.row} "
        "{params.options} --output {output.recording} --ceilings {output.ceilings} --card {output.card} &> {log}"
