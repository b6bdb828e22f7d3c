# One table a stimulus set; images that the stage makes itself lie in a folder beside it.


rule stimuli:
    input:
        lambda w: stimulus_files(w.stimuli),
    output:
        table="results/stimuli/{stimuli}.csv",
        images=directory("results/stimuli/{stimuli}"),
    params:
        version=version("stimuli"),
        row=lambda w: options(STUDY.stimuli[w.stimuli], "source", "path", "labels", "count", "seed"),
    log:
        "logs/stimuli/{stimuli}.log",
    benchmark:
        "results/benchmarks/stimuli/{stimuli}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign stimuli --name {wildcards.stimuli} {params.row} "
        "--images {output.images} --table {output.table} &> {log}"
