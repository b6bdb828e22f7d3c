"""Claims about maps without a file of labels: images, and labels if any, are those of the stimulus set."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visalign.cli import main
from visalign.maps import lists
from visalign.maps.reader import NO_LABEL
from visalign.stimuli.source import Listed

NAMES = ["b.jpg", "a.png", "sub/c.png"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of maps m of three images, in the order of the stimulus set."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in NAMES:
        path = Path("m", name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(path)
    Path("bare.csv").write_text(table([""] * 3))
    Path("known.csv").write_text(table([7, 0, 3]))
    Path("labels.csv").write_text(
        "name,label\n" + "".join(f"{n},{i}\n" for n, i in zip(NAMES, [7, 0, 3], strict=True))
    )
    return tmp_path


def table(labels):
    rows = [f"{name},{label},32,32\n" for name, label in zip(NAMES, labels, strict=True)]
    return "stimulus_id,label,height,width\n" + "".join(rows)


def read(*more):
    argv = [
        "--name",
        "own",
        "--reader",
        "folder",
        "--path",
        "m",
        "--output",
        "o.npz",
        "--maps-card",
        "o.json",
    ]
    main(["maps", "read", *argv, *more])
    return np.load("o.npz"), json.loads(Path("o.json").read_text())


def test_maps_are_those_that_a_file_of_labels_gives(folder):
    given, card = read("--table", "known.csv", "--labels", "labels.csv")
    for stimuli, labels in (("known.csv", [7, 0, 3]), ("bare.csv", [NO_LABEL] * 3)):
        found, own = read("--table", stimuli)
        assert found["stimulus_id"].tolist() == NAMES and found["label"].tolist() == labels
        np.testing.assert_array_equal(found["map"], given["map"])
        assert own["n"] == card["n"] == 3 and own["unused_files"]["n"] == 0


def test_an_image_of_the_set_without_a_map_is_named(folder, refused):
    Path("m/a.png").unlink()
    argv = [
        "--name",
        "own",
        "--reader",
        "folder",
        "--path",
        "m",
        "--output",
        "o.npz",
        "--maps-card",
        "o.json",
    ]
    assert "m: a.png: 0 maps of this name" in refused("maps", "read", *argv, "--table", "bare.csv")[0]


def test_before_a_run_the_images_are_those_of_the_set_and_need_not_be_known(folder):
    row = {"reader": "folder", "path": "m", "stimuli": "own"}
    assert lists.listed_maps("own", row, Listed(NAMES, None, None, [])) == [
        (name, NO_LABEL) for name in NAMES
    ]
    assert lists.listed_maps("own", row) == []
