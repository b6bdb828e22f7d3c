# Accuracy against alignment: envelope, changepoint, correlation.


rule trend:
    input:
        scores="results/scores.csv",
        sheet=config["models"]["sheet"],
    output:
        "results/trend.json",
    params:
        version=version("trend"),
        accuracy=f"accuracy/{config['accuracy']['stimuli'][0]}",
        options=options(config["trend"], "bootstrap"),
        seed=config["seed"],
    log:
        "logs/trend.log",
    benchmark:
        "results/benchmarks/trend.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign trend --scores {input.scores} --models {input.sheet} "
        "--accuracy {params.accuracy} --metric top1 {params.options} --seed {params.seed} "
        "--output {output} &> {log}"
