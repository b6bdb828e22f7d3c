# Files of config/downloads.tsv, one job per file: a rule that reads one of these paths fetches it first, and
# `snakemake data/clickme/val/val-{0..17}.tfrecords` fetches a range.
from visalign.io.downloads import expand_rows
from visalign.io.sheets import read_sheet

DOWNLOADS = expand_rows(read_sheet(ROOT / "config/downloads.tsv", "downloads", "name"))


rule downloads:
    output:
        "{download}",
    wildcard_constraints:
        download="|".join(map(re.escape, DOWNLOADS)),
    params:
        row=lambda w: of_command(DOWNLOADS[w.download], definition("downloads"), "downloads"),
        cost=lambda w, input: of_command(config["downloads"], section("downloads"), "downloads", cost=True),
    log:
        "logs/downloads/{download}.log",
    resources:
        mem_mb=MEMORY.of("downloads"),
    # Compute nodes of a cluster often have no way out.
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign downloads {params.row} {params.cost} --output {output:q} "
        "--checksums config/checksums.tsv "
        "--benchmark results/benchmarks/downloads/{wildcards.download}.tsv &> {log}"
