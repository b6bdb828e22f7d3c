"""Claims about annotations of all classes of an image."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from PIL import Image

from visalign import cli
from visalign.errors import InputError
from visalign.labels import imagenet, multi_labels

WNIDS = list(imagenet.indices())
#: Laid out as the public file.
PUBLIC = {
    "initial_annots": {
        "ILSVRC2012_val_00000001.JPEG": {"correct": [WNIDS[5], WNIDS[3]], "unclear": [WNIDS[7], WNIDS[5]]},
        "ILSVRC2012_val_00000002.JPEG": {"correct": [WNIDS[1]], "wrong": [WNIDS[2]]},
        "ILSVRC2012_val_00000003.JPEG": {"unclear": [WNIDS[9]]},
    },
    "problematic_images": {"ILSVRC2012_val_00000003.JPEG": "collage"},
    "imagenet_m": [],
}


@pytest.fixture
def public(tmp_path):
    (tmp_path / "annotations.json").write_text(json.dumps(PUBLIC))
    return tmp_path / "annotations.json"


def test_correct_and_unclear_labels_count_and_problematic_images_do_not(public):
    ids = [f"n0/ILSVRC2012_val_0000000{number}.JPEG" for number in (2, 1, 3, 4)]
    assert multi_labels.of_stimuli(ids, public, "imagenet-1k") == ["1", "5 3 7", "", ""]


def test_a_table_is_like_the_public_file(tmp_path, public):
    (tmp_path / "a.csv").write_text(
        "name,multi_labels\nILSVRC2012_val_00000001.JPEG,5 3 7\nILSVRC2012_val_00000002.JPEG,1\n"
    )
    both = [multi_labels.read(path, "imagenet-1k") for path in (tmp_path / "a.csv", public)]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a file of annotations"),
        ("[1]", "not a file of annotations"),
        ('{"annots": {}}', "not a file of annotations"),
        ('{"initial_annots": {"a.JPEG": {"correct": ["n1"]}}}', "a.JPEG: 'n1' is not a wnid of imagenet-1k"),
        ('{"initial_annots": {}}', "none of 1 images is annotated"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path, content, reason):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=rf"a\.json: .*{reason}"):
        multi_labels.of_stimuli(["x.JPEG"], tmp_path / "a.json", "imagenet-1k")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("name,labels\nx,1\n", "a.csv: columns name and multi_labels are needed, not name, labels"),
        ("name,multi_labels\nx,1 1000\n", "a.csv:2: multi_labels: '1 1000': '1000' is not in 0..999"),
        ("name,multi_labels\nx,1\nx,2\n", "a.csv:3: name: 'x' is there twice"),
    ],
)
def test_a_wrong_table_is_refused_by_line_and_value(tmp_path, content, reason):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError) as error:
        multi_labels.read(tmp_path / "a.csv", "imagenet-1k")
    assert str(error.value).endswith(reason)


def test_annotations_of_imagenet_are_not_those_of_another_label_space(public):
    with pytest.raises(InputError, match="its classes are those of imagenet-1k, the label space is mine"):
        multi_labels.read(public, "mine")


def test_the_stage_writes_them_beside_the_labels_and_only_where_asked(tmp_path, public, capsys):
    for number, wnid in enumerate((WNIDS[5], WNIDS[1]), start=1):
        folder = tmp_path / "val" / wnid
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"ILSVRC2012_val_0000000{number}.JPEG", "JPEG")
    common = ["stimuli", "--name", "v", "--source", "folder", "--path", str(tmp_path / "val")]
    common += ["--label-space", "imagenet-1k", "--images", str(tmp_path / "i")]
    cli.main([*common, "--table", str(tmp_path / "plain.csv")])
    cli.main([*common, "--table", str(tmp_path / "t.csv"), "--multi-labels", str(public)])
    table = pd.read_csv(tmp_path / "t.csv", dtype=str).sort_values("label")
    assert table["label"].tolist() == ["1", "5"] and table["multi_labels"].tolist() == ["1", "5 3 7"]
    assert "multi_labels" not in pd.read_csv(tmp_path / "plain.csv")
    assert "2 of 2 images have multi-labels" in capsys.readouterr().err
