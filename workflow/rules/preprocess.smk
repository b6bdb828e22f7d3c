# One uint8 store per (stimulus set, transform), shared by all models with that transform.


rule preprocess:
    input:
        table="results/stimuli/{stimuli}.csv",
        images=ancient("results/stimuli/{stimuli}"),
    output:
        store=directory("results/preprocess/{stimuli}/{transform}.zarr"),
        manifest="results/preprocess/{stimuli}/{transform}.json",
    params:
        version=version("preprocess"),
    log:
        "logs/preprocess/{stimuli}/{transform}.log",
    resources:
        mem_mb=MEMORY.of("preprocess"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign preprocess --table {input.table} --transform {wildcards.transform} "
        "--threads {threads} --output {output.store} --manifest {output.manifest} "
        "--benchmark results/benchmarks/preprocess/{wildcards.stimuli}/{wildcards.transform}.tsv &> {log}"
