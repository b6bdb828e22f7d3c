# Human importance maps, processed, with ceilings and floors.


rule maps:
    input:
        path=lambda w: STUDY.maps[w.maps]["path"] if "*" not in STUDY.maps[w.maps]["path"] else [],
        labels=lambda w: STUDY.maps[w.maps].get("labels", []),
        clicks=lambda w: STUDY.maps[w.maps].get("clicks", []),
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
    output:
        maps="results/maps/{maps}.npz",
        card="results/maps/{maps}.json",
    params:
        version=version("maps"),
        row=lambda w: options(
            STUDY.maps[w.maps], "reader", "path", "labels", "clicks", "ceiling", "simulated"
        ),
        seed=config["seed"],
        listing=lambda w: listing(STUDY.maps[w.maps]["path"]),  # as of stimuli
    log:
        "logs/maps/{maps}.log",
    benchmark:
        "results/benchmarks/maps/{maps}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign maps --name {wildcards.maps} {params.row} --stimuli {input.table} "
        "--seed {params.seed} --output {output.maps} --card {output.card} &> {log}"
