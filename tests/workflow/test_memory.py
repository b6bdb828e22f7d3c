"""The jobs of a real run took no more memory than they had asked for."""

import csv
from pathlib import Path

import pytest

from visalign.study.memory import MB, Memory
from visalign.study.plan import job_of, load


@pytest.mark.slow
def test_no_job_of_a_study_takes_more_than_was_forecast(small_study, monkeypatch):
    monkeypatch.chdir(small_study)
    memory, exceeded, looked = Memory(load(Path("config/config.yaml"))), [], 0
    timings = Path("results/benchmarks")
    for file in sorted(timings.rglob("*.tsv")):
        rule, names = job_of(str(file.relative_to(timings).with_suffix("")))
        with file.open(newline="") as table:
            # Snakemake writes MiB; a job may be over before it looks.
            taken = [row["max_rss"] for row in csv.DictReader(table, delimiter="\t")]
        peaks = [float(value) * 2**20 / MB for value in taken if value not in ("-", "NA")]
        looked += len(peaks)
        asked = memory.mb(rule, names)
        exceeded += [f"{file}: {peak:.0f} MB of {asked}" for peak in peaks if peak > asked]
    assert not exceeded
    assert looked > 30
