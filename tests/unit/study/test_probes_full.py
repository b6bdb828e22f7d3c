"""Claims about the study of visual tasks with 2,000 images a task."""

from __future__ import annotations

from pathlib import Path

import yaml

from visalign.stimuli import sources
from visalign.study.study import Study

ROOT = Path(__file__).parents[3]


def test_the_full_study_of_visual_tasks_is_right_and_has_2000_images_a_task(monkeypatch):
    monkeypatch.chdir(ROOT)
    study = Study.read(yaml.safe_load(Path("config/probes_full.yaml").read_text()), "config/probes_full.yaml")
    assert (
        {row["stimuli"] for row in study.probes.values()} == set(study.stimuli) == study.in_use()["stimuli"]
    )
    counts = {name: len(sources.listed(row).stimulus_id) for name, row in study.stimuli.items()}
    assert counts.pop("svrt") == 23 * 2000 and counts.pop("gratings") == 2000 + 4 * 112
    assert set(counts.values()) == {2000}


def test_a_probe_of_a_set_that_asks_nothing_needs_a_table_of_trials(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.tsv").write_text("stimuli\tsource\nphotos\tphotographs\n")
    Path("p.tsv").write_text("probe\tstimuli\nmine\tphotos\n")
    config = {"stimuli": {"sheet": "s.tsv"}, "probes": {"sheet": "p.tsv"}}
    faults: list[str] = []
    Study.read(config, "study.yaml", faults)
    expected = "p.tsv: mine: trials: empty, but the source photographs of 'photos' writes none: give a CSV"
    assert expected in faults
