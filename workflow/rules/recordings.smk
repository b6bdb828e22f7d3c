# Neural recordings in one internal form, with their ceilings.
from visalign.recordings.arrays import named_files


def recording_files(recording: str) -> list[str]:
    """The file of a recording, and those that it names where it is the card of plain arrays."""
    row = STUDY.recordings[recording]
    # A simulated card comes with its files, and their checksums are in it.
    given = row["reader"] == "arrays" and recording not in config["simulate"]["recordings"]
    return [row["path"], *(named_files(row["path"]) if given else [])]


rule recordings:
    input:
        lambda w: recording_files(w.recording),
        table=lambda w: f"results/stimuli/{STUDY.recordings[w.recording]['stimuli']}.csv",
    output:
        recording="results/recordings/{recording}.nc",
        ceilings="results/recordings/{recording}_ceilings.csv",
        card="results/recordings/{recording}.json",
    params:
        version=version("recordings"),
        row=lambda w: options(
            STUDY.recordings[w.recording],
            *("path", "reader", "region", "subject", "windows", "first_ms", "sha1", "simulated"),
        ),
        options=f"--ceiling-splits {config['recordings']['ceiling_splits']} "
        f"--seed {config['recordings']['ceiling_seed']} "
        f"--reliability-threshold {config['recordings']['reliability_threshold']}",
    log:
        "logs/recordings/{recording}.log",
    benchmark:
        "results/benchmarks/recordings/{recording}.tsv"
    conda:
        "../../envs/analysis.yaml"
    shell:
        "python -m visalign recordings --name {wildcards.recording} {params.row} "
        "{params.options} --table {input.table} --output {output.recording} --ceilings {output.ceilings} --card {output.card} &> {log}"
