"""Claims about sources of stimuli: what a row lists without reading images is what its stage lists."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from visalign import cli
from visalign.errors import InputError
from visalign.io import tfrecords
from visalign.stimuli import images, sources, tables
from visalign.stimuli.source import Listed
from visalign.study.schemas import definition


def write_images(root: Path, *names: str) -> str:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(root / name)
    return str(root)


def staged(folder: Path, row: dict) -> pd.DataFrame:
    """The table of the stage for a row of the sheet."""
    options = [f"--{key.replace('_', '-')}={value}" for key, value in row.items() if key != "stimuli"]
    table = str(folder / "out/set.csv")
    cli.main(
        ["stimuli", "--name", row["stimuli"], *options, "--images", str(folder / "out/set"), "--table", table]
    )
    return tables.read(table)


def agree(folder: Path, row: dict) -> Listed:
    listed, table = sources.listed(row), staged(folder, row)
    assert listed.stimulus_id == table["stimulus_id"].tolist()
    if listed.label is not None:
        assert listed.label == table["label"].tolist()
    if listed.files is not None:
        assert [str(file.resolve()) for file in listed.files] == table["path"].tolist()
    return listed


def test_photographs(tmp_path):
    assert agree(tmp_path, {"stimuli": "set", "source": "photographs"}).label[:3] == [243, 559, 438]


@pytest.mark.parametrize("label_space", ["scenes-8", "none"])
def test_scenes(tmp_path, label_space):
    row = {"stimuli": "set", "source": "scenes", "count": 10, "seed": 3, "label_space": label_space}
    assert agree(tmp_path, row).label == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]


def test_a_folder_of_classes(tmp_path):
    path = write_images(tmp_path / "images", "10/a.png", "2/a.png", "2/.a.png")
    row = {"stimuli": "set", "source": "folder", "path": path, "label_space": "imagenet-1k"}
    listed = agree(tmp_path, row)
    assert listed.label == [10, 2] and listed.unread == ["2/.a.png"]


def test_a_flat_folder(tmp_path):
    path = write_images(tmp_path / "images", "b.png", "a.png")
    assert agree(tmp_path, {"stimuli": "set", "source": "folder", "path": path}).label is None


def test_a_folder_with_labels(tmp_path):
    path = write_images(tmp_path / "images", "b.png", "a.png")
    (tmp_path / "labels.csv").write_text("name,label\nb.png,7\n")
    row = {"stimuli": "set", "source": "folder", "path": path, "labels": str(tmp_path / "labels.csv")}
    listed = agree(tmp_path, row)
    assert listed.label == [7] and listed.unread == ["a.png"]


@pytest.mark.parametrize(("labels", "expected"), [(("3", "1"), [3, 1]), (("3", ""), None)])
def test_a_brain_score_set(tmp_path, labels, expected):
    write_images(tmp_path, "a.png")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in ("a.png", "b.png", "c.png"):
            archive.write(tmp_path / "a.png", f"set/{name}")
    first, second = labels
    (tmp_path / "set.csv").write_text(f"stimulus_id,filename,label\ny,b.png,{first}\nx,a.png,{second}\n")
    names = {"path": str(tmp_path / "set.csv"), "archive": str(tmp_path / "set.zip")}
    listed = agree(tmp_path, {"stimuli": "set", "source": "brainscore"} | names)
    assert listed.stimulus_id == ["y", "x"] and listed.label == expected and listed.files is None
    assert listed.unread == ["set/c.png"]


def test_shards_are_counted(tmp_path):
    record = {"image": np.ones((256, 256, 3), np.float32).tobytes(), "label": 5}
    record |= {"heatmap": np.ones((256, 256), np.float32).tobytes()}
    for shard, count in enumerate((2, 1)):
        tfrecords.write_examples(tmp_path / f"val-{shard}.tfrecords", [record] * count)
    row = {"stimuli": "set", "source": "tfrecord", "path": str(tmp_path / "val-*.tfrecords")}
    assert agree(tmp_path, row).stimulus_id == [f"set-{index:06d}" for index in range(3)]


def test_npz_files_are_counted(tmp_path):
    for index in range(2):
        np.savez(tmp_path / f"{index}.npz", image=np.ones((4, 4, 3)), heatmap=np.ones((4, 4)), label=index)
    agree(tmp_path, {"stimuli": "set", "source": "npz", "path": str(tmp_path / "*.npz")})


def test_files_of_torch_are_counted(tmp_path):
    record = {"image": torch.ones(3, 4, 4), "heatmap": torch.ones(1, 4, 4), "label": torch.tensor(5)}
    for index in range(2):
        torch.save(record, tmp_path / f"{index}.pth")
    agree(tmp_path, {"stimuli": "set", "source": "pth", "path": str(tmp_path / "*.pth")})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": "absent"}, "absent: no such folder"),
        ({"label_space": "imagenet-1k"}, "no labels, but label_space is imagenet-1k"),
        ({"labels": "labels.csv"}, "labels.csv: label: line 2: '3.7' is not a whole number"),
        ({"background": "grey"}, "background: 'grey' is not a colour"),
        ({"source": "tfrecord", "path": "*.tfrecords"}, "no such TFRecord shard"),
        (
            {"source": "brainscore", "path": "labels.csv", "archive": "absent.zip"},
            "absent.zip: not a readable zip",
        ),
        ({"source": "scenes", "label_space": "imagenet-1k"}, "labels of scenes are their 8 shapes"),
        (
            {"source": "photographs", "background": "#808080"},
            "background: #808080 is for the sources folder and",
        ),
    ],
)
def test_what_is_wrong_with_a_row_is_an_error(tmp_path, monkeypatch, change, reason):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "images", "a.png")
    (tmp_path / "labels.csv").write_text("name,label\na.png,3.7\n")
    with pytest.raises(InputError, match=reason):
        sources.listed({"stimuli": "set", "source": "folder", "path": "images"} | change)


def test_listing_reads_no_image_and_imports_neither_torch_nor_pandas(tmp_path, monkeypatch):
    path = write_images(tmp_path, "1/a.png")
    (tmp_path / "1/b.png").write_text("no image")
    monkeypatch.setattr(images, "decode", None)
    assert len(sources.listed({"stimuli": "set", "source": "folder", "path": path}).stimulus_id) == 2
    heavy = "{'torch', 'pandas', 'numpy', 'PIL'}"
    code = f"import sys, visalign.stimuli.sources; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_source_of_the_sheet_is_declared_with_columns_of_the_sheet():
    properties = definition("stimuli")["properties"]
    assert list(sources.NAMES) == properties["source"]["enum"]
    for source in sources.SOURCES:
        assert set(source.needs) <= set(source.columns) <= set(properties)
        assert f"{source.name}: {source.meaning}" in properties["source"]["description"]


def test_files_of_a_row_are_those_whose_change_makes_the_set_anew():
    shard = {"source": "tfrecord", "path": "val-0.tfrecords"}
    assert sources.files(shard) == ["val-0.tfrecords"]
    assert sources.files(shard | {"path": "val-*.tfrecords"}) == []
    folder = {"source": "folder", "path": "images", "labels": "l.csv", "multi_labels": "m.json"}
    assert sources.files(folder) == ["l.csv", "m.json"]
    assert sources.files({"source": "brainscore", "path": "s.csv", "archive": "s.zip"}) == ["s.csv", "s.zip"]


def test_a_methods_section_says_what_a_set_is():
    row = {"source": "scenes", "count": 400, "seed": 3}
    described = "procedural scenes of objects on photographs, n = 400, seed 3"
    assert sources.of(row).describe(row) == described
