# Human importance maps, processed; ceilings and floors, of whole images and of each crop that models see.


rule maps_read:
    input:
        unpack(lambda w: INPUTS.of_maps(w.maps)),
        table=lambda w: INPUTS.table_of_maps(w.maps),
    output:
        maps="results/maps/{maps}.npz",
        card="results/maps/{maps}.json",
    params:
        version=version("maps", "read"),
        row=lambda w: of_command(STUDY.maps[w.maps], definition("maps"), "read"),
        seed=config["seed"],
        listing=lambda w: fetched.listing(STUDY.maps[w.maps]["path"]),  # as of stimuli
    log:
        "logs/maps_read/{maps}.log",
    resources:
        mem_mb=MEMORY.of("maps_read"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign maps read --name {wildcards.maps} {params.row} --table {input.table} "
        "--seed {params.seed} --output {output.maps} --maps-card {output.card} "
        "--benchmark results/benchmarks/maps_read/{wildcards.maps}.tsv &> {log}"


rule maps_ceilings:
    input:
        unpack(lambda w: INPUTS.click_log(w.maps)),
        maps="results/maps/{maps}.npz",
        table=lambda w: INPUTS.table_of_maps(w.maps),
    output:
        "results/maps/{maps}/{transform}.json",
    params:
        version=version("maps", "ceilings"),
        source=lambda w: of_command(
            STUDY.maps[w.maps] | INPUTS.click_log(w.maps), definition("maps"), "ceilings"
        ),
        seed=config["seed"],
    log:
        "logs/maps_ceilings/{maps}/{transform}.log",
    resources:
        mem_mb=MEMORY.of("maps_ceilings"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign maps ceilings --maps {input.maps} --table {input.table} "
        "--transform {wildcards.transform} {params.source} --seed {params.seed} --output {output} "
        "--benchmark results/benchmarks/maps_ceilings/{wildcards.maps}/{wildcards.transform}.tsv &> {log}"
