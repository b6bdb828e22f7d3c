# The methods of the whole study, in words.


rule methods:
    input:
        sheets=INPUTS.sheets(),
        scores="results/scores.csv",
        models=INPUTS.cards(),
        cards=INPUTS.data_cards(),
        stimuli=INPUTS.tables_in_use(),
    output:
        report("results/methods.md", caption="../report/methods.rst", category="Methods"),
    params:
        version=version("methods"),
        config=json.dumps(of_methods(config), sort_keys=True),
    log:
        "logs/methods.log",
    resources:
        mem_mb=MEMORY.of("methods"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign methods --config /dev/stdin --directory results --output {output} "
        "<<< {params.config:q} "
        "--benchmark results/benchmarks/methods.tsv &> {log}"
