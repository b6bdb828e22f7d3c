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
        row=lambda w: of_command(STUDY.recordings[w.recording], definition("recordings"), "recordings"),
        options=of_command(config["recordings"], section("recordings"), "recordings"),
    log:
        "logs/recordings/{recording}.log",
    resources:
        mem_mb=MEMORY.of("recordings"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign recordings --name {wildcards.recording} {params.row} {params.options} "
        "--table {input.table} --output {output.recording} --ceilings {output.ceilings} "
        "--recording-card {output.card} "
        "--benchmark results/benchmarks/recordings/{wildcards.recording}.tsv &> {log}"
