# Human importance maps, processed, with ceilings and floors.


rule maps:
    input:
        shards=lambda w: STUDY.maps[w.maps]["path"] if "*" not in STUDY.maps[w.maps]["path"] else [],
        clicks=lambda w: STUDY.maps[w.maps].get("clicks", []),
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
    output:
        maps="results/maps/{maps}.npz",
        card="results/maps/{maps}.json",
    params:
        version=version("maps"),
        row=lambda w: options(STUDY.maps[w.maps], "reader", "clicks", "ceiling", "simulated"),
        shards=lambda w: shlex.quote(STUDY.maps[w.maps]["path"]),
        seed=config["seed"],
    log:
        "logs/maps/{maps}.log",
    benchmark:
        "results/benchmarks/maps/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign maps --name {wildcards.maps} --shards {params.shards} --stimuli {input.table} "
        "{params.row} --seed {params.seed} --output {output.maps} --card {output.card} &> {log}"
