# One Gram matrix a layer; features are read once.


rule gram:
    input:
        features=ancient("results/features/{model}/{stimuli}.zarr"),
        features_manifest="results/features/{model}/{stimuli}.json",
    output:
        store=directory("results/gram/{model}/{stimuli}.zarr"),
        manifest="results/gram/{model}/{stimuli}.json",
    params:
        version=version("gram"),
        options=options(config["gram"], "dtype"),
    log:
        "logs/gram/{model}/{stimuli}.log",
    benchmark:
        "results/benchmarks/gram/{model}/{stimuli}.tsv"
    resources:
        mem_mb=2000,
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign gram --features {input.features} --features-manifest {input.features_manifest} "
        "{params.options} --output {output.store} --manifest {output.manifest} &> {log}"
