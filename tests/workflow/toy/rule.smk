# How large each model is.


rule size:
    input:
        card="results/models/{model}.json",
        recording="results/recordings/{recording}.json",
    output:
        "results/size/{model}/{recording}.csv",
    params:
        version=version("size"),
    log:
        "logs/size/{model}/{recording}.log",
    benchmark:
        "results/benchmarks/size/{model}/{recording}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign size --model {wildcards.model} --dataset {wildcards.recording} "
        "--card {input.card} --output {output} &> {log}"
