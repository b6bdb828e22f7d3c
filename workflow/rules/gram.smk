# One Gram matrix per layer and protocol (whole images, or grid positions); features are read once.


rule gram:
    input:
        features=ancient("results/features/{model}/{stimuli}.zarr"),
        features_manifest="results/features/{model}/{stimuli}.json",
    output:
        store=directory("results/gram/{model}/{stimuli}/{protocol}.zarr"),
        manifest="results/gram/{model}/{stimuli}/{protocol}.json",
    params:
        version=version("gram"),
        options=of_command(config["gram"], section("gram"), "gram"),
        dask=lambda w, input: dask_options(config["dask"]),
    log:
        "logs/gram/{model}/{stimuli}/{protocol}.log",
    resources:
        mem_mb=MEMORY.of("gram"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign gram --features {input.features} --features-manifest {input.features_manifest} "
        "--protocol {wildcards.protocol} {params.options} --threads {threads} {params.dask} "
        "--output {output.store} --manifest {output.manifest} "
        "--benchmark results/benchmarks/gram/{wildcards.model}/{wildcards.stimuli}/{wildcards.protocol}.tsv &> {log}"
