"""Claims about the files that a study names."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.maps import clicks
from visalign.study import files


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_click_log_beside_maps_is_checked():
    trials = [np.random.default_rng(0).uniform(0, 256, (8, 2))] * 5
    clicks.write_log("bad.npz", ["a"] * 5, trials, list("uvwxy"), np.full(5, 97), np.zeros(5))
    with pytest.raises(InputError, match=r"bad\.npz: user_catch_trial: 97 \(entry 0, 5 such\)"):
        files.map_set("c", {"reader": "tfrecord", "path": "v-*", "clicks": "bad.npz"}, None)
