# Saliency against human importance maps.


rule clickme:
    input:
        saliency=lambda w: ancient(f"results/saliency/{w.model}/{STUDY.maps[w.maps]['stimuli']}.zarr"),
        saliency_manifest=lambda w: f"results/saliency/{w.model}/{STUDY.maps[w.maps]['stimuli']}.json",
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
        maps="results/maps/{maps}.npz",
        card="results/maps/{maps}.json",
    output:
        scores="results/clickme/{model}/{maps}.csv",
        images="results/clickme/{model}/{maps}_images.csv",
    params:
        version=version("clickme"),
        transform=lambda w: STUDY.transform(w.model, STUDY.maps[w.maps]["stimuli"]),
        simulated=lambda w: options(STUDY.maps[w.maps], "simulated"),
        options=options(config["clickme"], "bootstrap"),
        seed=config["seed"],
    log:
        "logs/clickme/{model}/{maps}.log",
    benchmark:
        "results/benchmarks/clickme/{model}/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign clickme --model {wildcards.model} --dataset {wildcards.maps} "
        "--saliency {input.saliency} --saliency-manifest {input.saliency_manifest} --table {input.table} "
        "--transform {params.transform} --maps {input.maps} --card {input.card} {params.simulated} "
        "{params.options} --seed {params.seed} --output {output.scores} --images {output.images} &> {log}"
