# Human importance maps, processed; ceilings and floors, of whole images and of each crop that models see.


def ceilings_of(maps: str, model: str) -> str:
    """People's agreement on a map set within the crop of a model."""
    return f"results/maps/{maps}/{STUDY.transform(model, STUDY.maps[maps]['stimuli'])}.json"


def click_log(maps: str) -> dict:
    """Click log of a map set, if there is one."""
    row = STUDY.maps[maps]
    path = row["path"] if row["reader"] == "clicks" else row.get("clicks")
    return {"clicks": path} if path else {}


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


rule maps_ceilings:
    input:
        unpack(lambda w: click_log(w.maps)),
        maps="results/maps/{maps}.npz",
        table=lambda w: table_of(STUDY.maps[w.maps]["stimuli"]),
    output:
        "results/maps/{maps}/{transform}.json",
    params:
        version=version("maps_ceilings"),
        source=lambda w: options(STUDY.maps[w.maps] | click_log(w.maps), "clicks", "ceiling"),
        seed=config["seed"],
    log:
        "logs/maps_ceilings/{maps}/{transform}.log",
    benchmark:
        "results/benchmarks/maps_ceilings/{maps}/{transform}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign maps-ceilings --maps {input.maps} --table {input.table} "
        "--transform {wildcards.transform} {params.source} --seed {params.seed} --output {output} &> {log}"
