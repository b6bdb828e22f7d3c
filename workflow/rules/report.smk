# Self-contained HTML: a page of all models, and one page per model beside it.


rule report_model:
    input:
        scores=lambda w: INPUTS.scores_of(w.model),
        card="results/models/{model}.json",
        galleries=lambda w: INPUTS.of_galleries(w.model),
        probes=lambda w: INPUTS.of_probes(w.model),
    output:
        "results/report/{model}.html",
    params:
        version=version("report", "model"),
        galleries=lambda w: json.dumps(INPUTS.galleries(w.model), sort_keys=True),
        probes=lambda w: json_option("probes", INPUTS.probes(w.model)),
        published=lambda w: options({"published_top1": STUDY.published_top1.get(w.model)}, "published_top1"),
    log:
        "logs/report_model/{model}.log",
    resources:
        mem_mb=MEMORY.of("report_model"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign report model --model {wildcards.model} --scores {input.scores} --directory results "
        "--galleries {params.galleries:q} {params.probes} {params.published} --output {output} "
        "--benchmark results/benchmarks/report_model/{wildcards.model}.tsv &> {log}"


rule report_study:
    input:
        scores="results/scores.csv",
        trend="results/trend.json",
        figures=INPUTS.figures(),
        probe_figure=INPUTS.probe_figure(),
        cards=INPUTS.data_cards(),
        models=INPUTS.cards(),
        pages=INPUTS.pages(),
    output:
        page="results/report.html",
        # In an archive of `snakemake --report` links to other files would be dead.
        packed=report("results/report_packed.html", caption="../report/report.rst", category="Report"),
    params:
        version=version("report", "study"),
        config=config_hash(config),
        credits=json.dumps(credits.of(STUDY), sort_keys=True),
        not_measured=json_option("not-measured", STUDY.not_measured()),
    log:
        "logs/report_study.log",
    resources:
        mem_mb=MEMORY.of("report_study"),
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign report study --scores {input.scores} --trend {input.trend} --figure {input.figures} "
        "--probe-figure {input.probe_figure} "
        "--cards {input.cards} --credits {params.credits:q} {params.not_measured} "
        "--timings results/benchmarks --config-hash {params.config} "
        "--directory results --output {output.page} --packed {output.packed} "
        "--benchmark results/benchmarks/report_study.tsv &> {log}"
