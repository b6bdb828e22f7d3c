"""Claims about what a map set lists before any map is decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visalign.errors import InputError
from visalign.io import tfrecords
from visalign.maps import clicks as click_logs
from visalign.maps import lists


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("l.csv").write_text("name,label\nb.jpg,5\na.jpg,3\n")


def write_clicks(path: str, images: list[str]) -> None:
    rows = [(image, f"user-{user}") for image in images for user in range(5)]
    clicks = np.random.default_rng(0).uniform(0, 256, (len(rows), 8, 2))
    images, users = zip(*rows, strict=True)
    click_logs.write_log(path, images, list(clicks), users, np.ones(len(rows)), np.zeros(len(rows)))


FOLDER = {"reader": "folder", "path": "m", "labels": "l.csv"}


def test_a_folder_lists_the_images_of_its_labels_without_decoding_maps():
    Path("m").mkdir()
    for name in ("a.png", "b.npy"):
        (Path("m") / name).write_bytes(b"not read")
    assert lists.listed_maps("c", FOLDER) == [("b.jpg", 5), ("a.jpg", 3)]


def test_what_is_wrong_with_a_folder_is_found():
    Path("m").mkdir()
    (Path("m") / "a.png").touch()
    with pytest.raises(InputError, match=r"m: b.jpg: 0 maps of this name .*there are 'a.png'"):
        lists.listed_maps("c", FOLDER)


def test_shards_list_one_id_a_record():
    record = {"image": b"", "heatmap": b"", "label": 1}
    for shard, count in (("v-0", 2), ("v-1", 3)):
        tfrecords.write_examples(f"{shard}.tfrecords", [record] * count)
    found = lists.listed_maps("c", {"reader": "tfrecord", "path": "v-*"})
    assert found == [(f"c-{index:06d}", None) for index in range(5)]
    for index in range(2):
        Path(f"{index}.npz").touch()
    assert len(lists.listed_maps("c", {"reader": "npz", "path": "*.npz"})) == 2


def test_a_click_log_is_read_and_filtered():
    row = {"reader": "clicks", "path": "c.npz", "labels": "l.csv"}
    write_clicks("c.npz", ["a.jpg", "other.jpg"])
    assert lists.listed_maps("c", row) == [("b.jpg", 5), ("a.jpg", 3)]
    write_clicks("c.npz", ["other.jpg"])
    with pytest.raises(InputError, match=r"c\.npz: file_pointer: none of its 1 images"):
        lists.listed_maps("c", row)


def test_masks_list_the_ids_and_labels_of_their_table():
    Path("s.csv").write_text("stimulus_id,label,mask\nx,2,x.png\ny,0,y.png\n")
    assert lists.listed_maps("c", {"reader": "masks", "path": "s.csv"}) == [("x", 2), ("y", 0)]


def test_shapes_are_compared_by_the_headers_of_files():
    Path("m").mkdir()
    np.save("m/a.npy", np.zeros((37, 50)))
    Image.new("L", (50, 37)).save("m/b.png")
    lists.check_shapes("c", FOLDER, {"a.jpg": (370, 500), "b.jpg": (370, 500)})
    lists.check_shapes("c", FOLDER, {"a.jpg": (370, 500)})
    with pytest.raises(InputError, match=r"m/b.png: the map has 37 × 50 pixels .* its image 500 × 370"):
        lists.check_shapes("c", FOLDER, {"a.jpg": (370, 500), "b.jpg": (500, 370)})
    with pytest.raises(InputError, match=r"c.npz: a.jpg: the map has 256 × 256 pixels"):
        row = {"reader": "clicks", "path": "c.npz", "labels": "l.csv"}
        lists.check_shapes("c", row, {"a.jpg": (370, 500)})
