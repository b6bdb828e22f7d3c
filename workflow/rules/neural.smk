# How well each model's layers predict each recording.


rule neural:
    input:
        gram=lambda w: ancient(f"results/gram/{w.model}/{STUDY.recordings[w.recording]['stimuli']}.zarr"),
        gram_manifest=lambda w: f"results/gram/{w.model}/{STUDY.recordings[w.recording]['stimuli']}.json",
        recording="results/recordings/{recording}.nc",
        card="results/recordings/{recording}.json",
    output:
        "results/neural/{model}/{recording}.csv",
    params:
        version=version("neural"),
        options=options(config["neural"], "components", "splits", "train_size", "split_seed", "inner_splits"),
        simulated=lambda w: options(STUDY.recordings[w.recording], "simulated"),
        seed=config["seed"],
    log:
        "logs/neural/{model}/{recording}.log",
    benchmark:
        "results/benchmarks/neural/{model}/{recording}.tsv"
    resources:
        mem_mb=2000,
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign neural --model {wildcards.model} --dataset {wildcards.recording} "
        "--gram {input.gram} --gram-manifest {input.gram_manifest} --recording {input.recording} "
        "--card {input.card} {params.options} {params.simulated} --seed {params.seed} --threads {threads} "
        "--output {output} &> {log}"
