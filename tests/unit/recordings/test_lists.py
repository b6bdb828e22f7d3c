"""Claims about what recordings list: what the readers would read, and what they would refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
import yaml

from visalign.errors import InputError
from visalign.recordings import arrays as array_recordings
from visalign.recordings import assembly as assemblies
from visalign.recordings import form, lists

ROW = {"recording": "r", "stimuli": "s", "simulated": False}
Y = np.random.default_rng(0).standard_normal((4, 3, 2, 1))  # stimulus, repetition, neuroid, time_bin


def assembly(tmp_path, **changes) -> dict:
    fields = {
        "stimulus_id": ["s2", "s0", "s1", "s3"],
        "object_name": ["b", "a", "a", "b"],
        "neuroid_id": ["n0", "n1"],
        "region": ["IT", "V4"],
        "subject": ["x", "x"],
        "time_bins": [(70, 170)],
    }
    assemblies.write_assembly(tmp_path / "a.nc", Y, **(fields | changes))
    return ROW | {"reader": "assembly", "path": str(tmp_path / "a.nc")}


def arrays(tmp_path, **changes) -> dict:
    np.save(tmp_path / "y.npy", Y.transpose(0, 2, 1, 3))
    card = {
        "responses": "y.npy",
        "stimulus_ids": ["s2", "s0", "s1", "s3"],
        "time_bins": [[70, 170]],
    } | changes
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    return ROW | {"reader": "arrays", "path": str(tmp_path / "card.yaml")}


def grid(tmp_path, images=("im0", "im1")) -> dict:
    cells = np.empty((2, 1), dtype=object)
    cells[:, 0] = images
    values = np.zeros((3, 3, 200, 5, 2))
    scipy.io.savemat(tmp_path / "m.mat", {"imageRF": values, "UniqueNames": cells})
    more = {"region": "ML", "subject": "x", "windows": "51-90", "grid": 3}
    return ROW | {"reader": "arcaro", "path": str(tmp_path / "m.mat")} | more


def test_an_assembly_lists_its_stimuli_and_the_neuroids_of_the_region(tmp_path):
    row = assembly(tmp_path)
    listed = lists.listed_stimuli(row)
    read = assemblies.read_assembly(row["path"])
    assert listed.stimulus_ids == read.stimulus_id.values.tolist() == ["s0", "s1", "s2", "s3"]
    assert listed.object_names == read.object_name.values.tolist()
    assert (listed.n_neuroids, listed.n_repetitions) == (2, 3)
    assert lists.listed_stimuli(row | {"region": "V4"}).n_neuroids == 1


def test_arrays_list_what_their_card_names(tmp_path):
    row = arrays(tmp_path, object_name=["b", "a", "a", "b"])
    listed = lists.listed_stimuli(row)
    assert listed[:4] == (["s2", "s0", "s1", "s3"], ["b", "a", "a", "b"], 2, 3)
    array_recordings.read_arrays(row["path"])


def test_stimuli_without_ids_are_numbers_in_the_order_of_the_set(tmp_path):
    row = arrays(tmp_path)
    card = Path(row["path"])
    content = yaml.safe_load(card.read_text())
    del content["stimulus_ids"]
    card.write_text(yaml.safe_dump(content))
    listed = lists.listed_stimuli(row)
    assert listed.stimulus_ids == ["1", "2", "3", "4"] and listed.in_order
    assert not lists.listed_stimuli(arrays(tmp_path)).in_order


def test_grid_recordings_list_images(tmp_path):
    assert lists.listed_stimuli(grid(tmp_path))[:4] == (["im0", "im1"], ["", ""], 5, 1)
    pd.DataFrame({"image_id": ["b", "b", "a", "a"], "grid_y": [0, 1] * 2, "grid_x": [0, 0] * 2}).to_csv(
        tmp_path / "ids.csv", index=False
    )
    row = arrays(tmp_path, stimulus_ids="ids.csv")
    with pytest.raises(InputError, match=r"grid: 2 × 1 grid positions, but in the sheet .* grid is empty"):
        lists.listed_stimuli(row)
    with pytest.raises(InputError, match=r"grid: 2 × 1 grid positions, but in the sheet .* grid is 2"):
        lists.listed_stimuli(row | {"grid": 2})


def test_responses_are_not_read(tmp_path, monkeypatch):
    rows = [assembly(tmp_path), arrays(tmp_path), grid(tmp_path)]
    monkeypatch.setattr(form, "load", None)
    monkeypatch.setattr(array_recordings, "read_numbers", None)
    assert [lists.listed_stimuli(row).n_neuroids for row in rows] == [2, 2, 5]


@pytest.mark.parametrize(
    ("make", "row", "message"),
    [
        (lambda t: assembly(t), {"region": "V1"}, "region: no neuroid in 'V1' .regions: IT, V4"),
        (lambda t: assembly(t), {"sha1": "0" * 40}, "sha1: "),
        (lambda t: assembly(t), {"path": "absent.nc"}, "absent.nc: no such file"),
        (lambda t: assembly(t), {"grid": 3}, "grid: no grid positions"),
        (lambda t: assembly(t, neuroid_id=["n", "n"]), {}, "neuroid_id: 'n' is there twice"),
        (lambda t: arrays(t, stimulus_ids=["a", "b"]), {}, "stimulus_id: 2 values, but responses of 4"),
        (lambda t: arrays(t, stimulus_ids=["a", "b", "c", "a"]), {}, "stimulus_id: 'a' is there twice"),
        (lambda t: arrays(t, object_name=["a"]), {}, "object_name: 1 values, but responses of 4"),
        (lambda t: arrays(t, time_bins=[[70, 7]]), {}, "time_bin_start: 70 ms, but time_bin_end is 7"),
        (lambda t: arrays(t, neuroids="n.csv"), {}, "'n.csv': no such file"),
        (lambda t: arrays(t, colour="red"), {}, "colour: unknown key"),
        (lambda t: arrays(t), {"region": "IT"}, "region: no neuroid in 'IT'"),
        (lambda t: grid(t), {"grid": 4}, "grid: 3 × 3 grid positions, but .* grid is 4"),
        (lambda t: grid(t), {"windows": "90-51"}, "windows: '90-51'"),
        (lambda t: grid(t, ("im0", "im0")), {}, "UniqueNames: 'im0' is there twice"),
    ],
)
def test_what_a_reader_would_refuse_is_known_from_the_lists(tmp_path, make, row, message):
    with pytest.raises(InputError, match=message):
        lists.listed_stimuli(make(tmp_path) | row)
