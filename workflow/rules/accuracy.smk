# Top-1 and top-5 accuracy, and multi-label accuracy where the table has all classes of its images.


rule accuracy:
    input:
        features=ancient("results/features/{model}/{stimuli}.zarr"),
        manifest="results/features/{model}/{stimuli}.json",
        table="results/stimuli/{stimuli}.csv",
    output:
        "results/accuracy/{model}/{stimuli}.csv",
    params:
        version=version("accuracy"),
        label_space=lambda w: of_command(STUDY.stimuli[w.stimuli], definition("stimuli"), "accuracy"),
    log:
        "logs/accuracy/{model}/{stimuli}.log",
    resources:
        mem_mb=MEMORY.of("accuracy"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign accuracy --model {wildcards.model} --dataset {wildcards.stimuli} "
        "--features {input.features} --features-manifest {input.manifest} --table {input.table} "
        "{params.label_space} --output {output} "
        "--benchmark results/benchmarks/accuracy/{wildcards.model}/{wildcards.stimuli}.tsv &> {log}"
