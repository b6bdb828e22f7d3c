# How well each model's layers predict each recording.


rule neural:
    input:
        unpack(lambda w: INPUTS.gram(w.model, w.recording)),
        recording="results/recordings/{recording}.nc",
        ceilings="results/recordings/{recording}_ceilings.csv",
        card="results/recordings/{recording}.json",
        table=lambda w: INPUTS.table_of_recording(w.recording),
    output:
        scores="results/neural/{model}/{recording}.csv",
        neuroids="results/neural/{model}/{recording}_neuroids.parquet",
        draws="results/neural/{model}/{recording}_draws.parquet",
    params:
        version=version("neural"),
        options=of_command(config["neural"], section("neural"), "neural"),
        row=lambda w: of_command(STUDY.recordings[w.recording], definition("recordings"), "neural"),
        seed=config["seed"],
        dask=lambda w, input: dask_options(config["dask"]),
    log:
        "logs/neural/{model}/{recording}.log",
    resources:
        mem_mb=MEMORY.of("neural"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign neural --model {wildcards.model} --dataset {wildcards.recording} "
        "--gram {input.gram} --gram-manifest {input.gram_manifest} --recording {input.recording} "
        "--recording-card {input.card} --ceilings {input.ceilings} --table {input.table} {params.row} "
        "{params.options} --seed {params.seed} --threads {threads} {params.dask} "
        "--output {output.scores} --neuroids {output.neuroids} --draws {output.draws} "
        "--benchmark results/benchmarks/neural/{wildcards.model}/{wildcards.recording}.tsv &> {log}"
