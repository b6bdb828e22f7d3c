# Perturbation tolerances of all models of a map set, in one frame and on the same images.


rule tolerances:
    input:
        lambda w: INPUTS.attacked(w.maps),
    output:
        "results/tolerances/{maps}.csv",
    params:
        version=version("tolerances"),
        models=lambda w, input: " ".join(shlex.quote(Path(file).parent.name) for file in input),
        options=of_command(config["attacks"], section("attacks"), "tolerances"),
        seed=config["seed"],
    log:
        "logs/tolerances/{maps}.log",
    resources:
        mem_mb=MEMORY.of("tolerances"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign tolerances --directory results/attacks --dataset {wildcards.maps} "
        "--models {params.models} {params.options} --seed {params.seed} --output {output} "
        "--benchmark results/benchmarks/tolerances/{wildcards.maps}.tsv &> {log}"
