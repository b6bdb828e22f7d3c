# One table per stimulus set; images that the stage makes itself lie in a folder beside it.


rule stimuli:
    input:
        lambda w: INPUTS.of_stimuli(w.stimuli),
    output:
        table="results/stimuli/{stimuli}.csv",
        images=directory("results/stimuli/{stimuli}"),
    params:
        version=version("stimuli"),
        row=lambda w: of_command(STUDY.stimuli[w.stimuli], definition("stimuli"), "stimuli"),
        # A changed image of a folder, or shard of a pattern, must be seen without being an input.
        listing=lambda w: fetched.listing(STUDY.stimuli[w.stimuli].get("path", "")),
    log:
        "logs/stimuli/{stimuli}.log",
    resources:
        mem_mb=MEMORY.of("stimuli"),
    priority: 3  # images to train on are compared with those to score before any training
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign stimuli --name {wildcards.stimuli} {params.row} "
        "--images {output.images} --table {output.table} "
        "--benchmark results/benchmarks/stimuli/{wildcards.stimuli}.tsv &> {log}"
