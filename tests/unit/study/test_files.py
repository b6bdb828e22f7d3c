"""Claims about the files that a study names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.maps import clicks
from visalign.stimuli.source import Listed
from visalign.study import files


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_click_log_beside_maps_is_checked():
    trials = [np.random.default_rng(0).uniform(0, 256, (8, 2))] * 5
    clicks.write_log("bad.npz", ["a"] * 5, trials, list("uvwxy"), np.full(5, 97), np.zeros(5))
    with pytest.raises(InputError, match=r"bad\.npz: user_catch_trial: 97 \(entry 0, 5 such\)"):
        files.map_set("c", {"reader": "tfrecord", "path": "v-*", "clicks": "bad.npz"}, None)


def test_as_many_stimuli_as_images_are_asked_of_a_recording_without_ids():
    np.save("r.npy", np.ones((3, 2)))
    Path("card.yaml").write_text("responses: r.npy\ntime_bins: [[70, 170]]\n")
    row = {"recording": "r", "reader": "arrays", "path": "card.yaml", "stimuli": "s", "simulated": False}
    for ids in (["b", "a", "c"], ["b", "a"]):
        shown = files.Stimuli(Listed(ids, None, None, []), {})
        if len(ids) == 3:
            files.recording(row, shown)
        else:
            with pytest.raises(
                InputError, match=r"card\.yaml: 3 stimuli, but the stimulus set s has 2 images"
            ):
                files.recording(row, shown)


TRIALS = "stimulus_id,task,label\n" + "".join(
    f"{name},depth,{index % 2}\n" for index, name in enumerate("abcd")
)
ANSWERS = "participant,stimulus_id,response,label,timed_out\np1,{},1,1,false\n"
DRAWN = {"stimuli": "s", "source": "folder", "path": "s"}


@pytest.mark.parametrize(
    ("row", "shown", "reason"),
    [
        ({}, "abc", "t.csv: stimulus_id: 'd' is no stimulus of the set"),
        ({"tasks": "vpt-*"}, "abcd", "t.csv: task: no task matches 'vpt-\\*'; there are depth"),
        (
            {"people": "p.csv"},
            "abcd",
            "p.csv: stimulus_id: none of 1 answers is to a trial of t.csv, such as 'z'",
        ),
    ],
)
def test_trials_and_answers_of_a_probe_are_checked_against_its_stimuli(row, shown, reason):
    Path("t.csv").write_text(TRIALS)
    Path("p.csv").write_text(ANSWERS.format("z"))
    probe = {"probe": "p", "stimuli": "s", "trials": "t.csv"} | row
    with pytest.raises(InputError, match=reason):
        files.probe(probe, DRAWN, files.Stimuli(Listed(list(shown), None, None, []), {}))


def test_a_probe_whose_trials_and_answers_are_right_passes():
    Path("t.csv").write_text(TRIALS)
    Path("p.csv").write_text(ANSWERS.format("a"))
    probe = {"probe": "p", "stimuli": "s", "trials": "t.csv", "people": "p.csv", "tasks": "dep*"}
    files.probe(probe, DRAWN, files.Stimuli(Listed(list("abcd"), None, None, []), {}))


def test_trials_that_a_source_lists_are_checked_where_the_sheet_names_none():
    asked = [
        {"stimulus_id": "a", "task": "depth", "label": "0"},
        {"stimulus_id": "b", "task": "depth", "label": "0"},
    ]
    listed = Listed(["a", "b"], None, None, [], asked)
    with pytest.raises(
        InputError, match="s: task depth: label: all trials: all are 0: both labels are needed"
    ):
        files.probe({"probe": "p", "stimuli": "s"}, DRAWN, files.Stimuli(listed, {}))
