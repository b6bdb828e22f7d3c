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
