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
