"""Claims about stimulus sets: what is listed, in which order, with which labels."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import golden
import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from visalign import cli
from visalign.errors import InputError
from visalign.io import sheets, tfrecords
from visalign.stimuli import brainscore, clickme, scenes, tables
from visalign.stimuli.photographs import embedded as embedded_photographs
from visalign.study.schemas import definition


def listed(folder: Path, *arguments: str) -> pd.DataFrame:
    table = str(folder / "out/set.csv")
    cli.main(["stimuli", "--name", "set", "--images", str(folder / "out/set"), "--table", table, *arguments])
    return tables.read(table)


@pytest.fixture
def refusal(refused, tmp_path) -> Callable[..., str]:
    """The one line of a refusal; no table may have been written."""

    def fail(*arguments: str) -> str:
        output = ["--images", tmp_path / "out/set", "--table", tmp_path / "out/set.csv"]
        lines = [
            line for line in refused("stimuli", "--name", "set", *output, *arguments) if "error: " in line
        ]
        assert len(lines) == 1 and not (tmp_path / "out/set.csv").exists()
        return lines[0]

    return fail


def write_images(root: Path, *names: str) -> None:
    for index, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + index, 10), (index, 0, 0)).save(root / name)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> pd.DataFrame:
    return listed(tmp_path_factory.mktemp("photographs"), "--source", "photographs")


def test_there_are_twenty_photographs_with_labels(photographs):
    assert len(photographs) == 20 == photographs["stimulus_id"].nunique()
    # ImageNet's bull mastiff, folding chair and beaker.
    assert photographs["label"].head(3).tolist() == [243, 559, 438]
    assert photographs["label"].between(0, 999).all()


def test_listing_photographs_does_not_import_the_package_that_ships_them():
    code = (
        "import sys; from visalign.stimuli import photographs; "
        "sys.exit(len(photographs.embedded()) != 20 or 'foolbox' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_sizes_and_checksums_are_those_of_the_files(photographs):
    for _, row in photographs.iterrows():
        assert hashlib.sha256(Path(row["path"]).read_bytes()).hexdigest() == row["sha256"]
        with Image.open(row["path"]) as image:
            assert (image.height, image.width) == (row["height"], row["width"])


def test_scenes_are_written_with_masks_and_categories(tmp_path):
    table = listed(tmp_path, "--source", "scenes", "--count", "9", "--seed", "1")
    assert table["label"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert table["category"].tolist() == [*scenes.SHAPES, scenes.SHAPES[0]]
    backgrounds = [np.asarray(Image.open(p).convert("RGB")) for p in embedded(tmp_path)]
    for scene, (_, row) in zip(scenes.scenes(9, backgrounds, 1), table.iterrows(), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(row["path"])), scene.image)
        np.testing.assert_array_equal(np.asarray(Image.open(row["mask"])) == 255, scene.mask)


def test_smaller_scenes_are_the_same_scenes_reduced(tmp_path):
    large = listed(tmp_path / "a", "--source", "scenes", "--count", "8", "--cue", "0.5")
    small = listed(tmp_path / "b", "--source", "scenes", "--count", "8", "--cue", "0.5", "--size", "64")
    assert (small[["height", "width"]] == 64).all(axis=None)
    for column in ("path", "mask"):
        for one, other in zip(large[column], small[column], strict=True):
            reduced = Image.open(one).resize((64, 64), Image.Resampling.BILINEAR)
            np.testing.assert_array_equal(np.asarray(reduced), np.asarray(Image.open(other)))


def embedded(folder: Path) -> list[Path]:
    for file in embedded_photographs():
        shutil.copy(file, folder)
    return sorted(folder.glob("imagenet_*.jpg"))


def test_scenes_are_the_same_each_time(tmp_path):
    one, other = (
        listed(tmp_path / name, "--source", "scenes", "--count", "8", "--seed", "5") for name in "ab"
    )
    assert one["sha256"].tolist() == other["sha256"].tolist()


def test_a_flat_folder_is_listed_in_order_without_labels(tmp_path):
    write_images(tmp_path / "images", "b.png", "a.jpg", "c.PNG")
    (tmp_path / "images/notes.txt").write_text("not an image")
    table = listed(tmp_path, "--source", "folder", "--path", str(tmp_path / "images"))
    assert table["stimulus_id"].tolist() == ["a.jpg", "b.png", "c.PNG"]
    assert table["width"].tolist() == [21, 20, 22]
    assert table["label"].isna().all()


def test_subfolders_named_by_index_are_that_index(tmp_path):
    """Sorted as words, 10 would come before 2."""
    write_images(tmp_path / "images", "0/a.png", "10/a.png", "2/a.png")
    arguments = ["--path", str(tmp_path / "images"), "--label-space", "imagenet-1k"]
    table = listed(tmp_path, "--source", "folder", *arguments)
    assert dict(zip(table["stimulus_id"], table["label"], strict=True)) == {
        "0/a.png": 0, "10/a.png": 10, "2/a.png": 2,
    }  # fmt: skip


def test_subfolders_of_some_wnids_have_the_indices_of_imagenet(tmp_path, capsys):
    write_images(tmp_path / "images", "n02108422/a.png", "n03376595/a.png", "n02815834/a.png")
    arguments = ["--path", str(tmp_path / "images"), "--label-space", "imagenet-1k"]
    table = listed(tmp_path, "--source", "folder", *arguments)
    assert table["label"].tolist() == [243, 438, 559]
    assert "labels of class folders: the indices of imagenet-1k of their wnids" in capsys.readouterr().err


def test_what_is_refused_in_a_folder_is_refused_before_a_table_is_written(tmp_path, refusal):
    write_images(tmp_path / "images", "0/a.png", "2/a.png")
    (tmp_path / "images/1").mkdir()
    error = refusal("--source", "folder", "--path", str(tmp_path / "images"))
    assert f"{tmp_path}/images/1: a class folder without images (empty)" in error


def test_a_flat_folder_with_a_label_space_needs_labels(tmp_path, refusal):
    write_images(tmp_path / "images", "a.png")
    arguments = ["--path", str(tmp_path / "images"), "--label-space", "imagenet-1k"]
    assert "no labels, but label_space is imagenet-1k" in refusal("--source", "folder", *arguments)


def test_files_that_are_not_read_are_counted_and_named(tmp_path, capsys):
    write_images(tmp_path / "images", "0/a.png", "1/a.png", "1/.ipynb_checkpoints/a.png", "1/b.gif")
    table = listed(tmp_path, "--source", "folder", "--path", str(tmp_path / "images"))
    assert table["stimulus_id"].tolist() == ["0/a.png", "1/a.png"]
    said = capsys.readouterr().err
    assert "images: 2 files that are not read: 1 .gif (1/b.gif), 1 .png (1/.ipynb_checkpoints/a.png)" in said
    assert (tmp_path / "out/set/unread.txt").read_text() == "1/.ipynb_checkpoints/a.png\n1/b.gif\n"


def test_subfolders_are_classes_in_order_of_name(tmp_path):
    write_images(tmp_path / "images", "dog/1.png", "cat/2.png", "cat/1.png")
    table = listed(tmp_path, "--source", "folder", "--path", str(tmp_path / "images"))
    assert table["stimulus_id"].tolist() == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert table["label"].tolist() == [0, 0, 1]


def test_a_table_of_labels_says_which_images_and_their_order(tmp_path):
    write_images(tmp_path / "images", "a.png", "b.png", "c.png")
    (tmp_path / "labels.csv").write_text("name,label\nc.png,7\na.png,3\n")
    labels = ["--labels", str(tmp_path / "labels.csv")]
    table = listed(tmp_path, "--source", "folder", "--path", str(tmp_path / "images"), *labels)
    assert table["stimulus_id"].tolist() == ["c.png", "a.png"]
    assert table["label"].tolist() == [7, 3]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("name,label\na.png,1\nz.png,2\n", "name: line 3: 'z.png' does not exist"),
        ("name,label\na.png,1\na.png,2\n", "name: line 3: 'a.png' is there twice"),
        ("file,label\na.png,1\n", "no column 'name'"),
        ("name,label\n", "no images"),
        ("name,label\na.png,3.7\n", "label: line 2: '3.7' is not a whole number"),
        ("name,label\na.png,cat\n", "label: line 2: 'cat' is not a whole number"),
        ("name,label\na.png,\n", "label: line 2: '' is not a whole number"),
        ("name,label\na.png,-1\n", "label: line 2: -1 is negative"),
        ("name,label\nA.png,1\n", "name: line 2: 'A.png' does not exist in .*images, but 'a.png' does"),
    ],
)
def test_a_wrong_table_of_labels_is_named(tmp_path, labels, reason, refusal):
    write_images(tmp_path / "images", "a.png")
    (tmp_path / "labels.csv").write_text(labels)
    arguments = ["--path", str(tmp_path / "images"), "--labels", str(tmp_path / "labels.csv")]
    error = refusal("--source", "folder", *arguments)
    assert re.search(rf"labels\.csv: {reason}", error)


def test_an_empty_and_a_missing_folder_are_named(tmp_path, refusal):
    (tmp_path / "images").mkdir()
    for name, reason in (("images", "no images"), ("absent", "no such folder")):
        error = refusal("--source", "folder", "--path", str(tmp_path / name))
        assert f"{tmp_path / name}: {reason}" in error


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_corrupt_jpeg_is_named(tmp_path, damage, refusal):
    content = embedded_photographs()[0].read_bytes()
    (tmp_path / "images").mkdir()
    (tmp_path / "images/good.jpg").write_bytes(content)
    corrupt = {"cut": content[: len(content) // 2], "text": b"<html>404</html>", "empty": b""}[damage]
    (tmp_path / "images/bad.jpg").write_bytes(corrupt)
    error = refusal("--source", "folder", "--path", str(tmp_path / "images"))
    assert f"{tmp_path}/images/bad.jpg: not a readable image" in error


def test_an_image_is_as_high_as_people_saw_it(tmp_path, capsys):
    exif = Image.Exif()
    exif[274] = 6
    (tmp_path / "images").mkdir()
    Image.new("RGB", (20, 10)).save(tmp_path / "images/a.jpg", exif=exif)
    Image.fromarray(np.full((5, 7), 40_000, np.uint16)).save(tmp_path / "images/b.png")
    write_images(tmp_path / "images", "c.png")
    table = listed(tmp_path, "--source", "folder", "--path", str(tmp_path / "images"))
    assert table[["height", "width"]].to_numpy().tolist() == [[20, 10], [5, 7], [10, 20]]
    assert table["decoded"].fillna("").tolist() == ["exif", "16-bit", ""]
    assert "3 images, exif in 1, 16-bit in 1" in capsys.readouterr().err


def test_the_ground_of_transparent_images_is_in_the_table(tmp_path, refusal):
    (tmp_path / "images").mkdir()
    Image.new("RGBA", (9, 9), (255, 0, 0, 128)).save(tmp_path / "images/a.png")
    arguments = ["--source", "folder", "--path", str(tmp_path / "images")]
    error = refusal(*arguments)
    assert f"{tmp_path}/images/a.png: transparent pixels" in error and "background" in error
    table = listed(tmp_path, *arguments, "--background", "#808080")
    assert table["decoded"].tolist() == ["alpha"] and table["background"].tolist() == ["#808080"]
    (tmp_path / "out/set.csv").unlink()
    assert "background: 'grey' is not a colour" in refusal(*arguments, "--background", "grey")


@pytest.mark.parametrize("content", [np.ones((4, 4), np.float32), np.full((4, 4), 70_000, np.int32)])
def test_images_without_a_range_are_refused(tmp_path, content, refusal):
    (tmp_path / "images").mkdir()
    Image.fromarray(content).save(tmp_path / "images/a.tif")
    error = refusal("--source", "folder", "--path", str(tmp_path / "images"))
    assert f"{tmp_path}/images/a.tif: " in error and "pixels have no range that is agreed on" in error


def test_a_bomb_and_a_long_comment_are_named(tmp_path, monkeypatch, refusal):
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 2_000_000, zip=True)
    (tmp_path / "images").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "images/a.png", pnginfo=text)
    arguments = ["--source", "folder", "--path", str(tmp_path / "images")]
    assert "images/a.png: not a readable image: a comment of the PNG is too long" in refusal(*arguments)
    Image.new("1", (14_000, 14_000)).save(tmp_path / "images/a.png")
    assert "images/a.png: not a readable image: " in refusal(*arguments)


def test_the_photographs_are_plain(photographs):
    assert (photographs[["decoded", "background"]].fillna("") == "").all(axis=None)


def test_labels_of_scenes_are_not_those_of_imagenet(tmp_path, refusal):
    arguments = ["--source", "scenes", "--count", "8", "--label-space", "imagenet-1k"]
    assert "label_space: imagenet-1k: labels of scenes are their 8 shapes" in refusal(*arguments)


def test_no_shards_are_named(tmp_path, refusal):
    pattern = str(tmp_path / "val-*.tfrecords")
    assert f"{pattern}: no such TFRecord shard" in refusal("--source", "tfrecord", "--path", pattern)


def test_images_of_shards_are_listed_in_shard_order(tmp_path):
    rng = np.random.default_rng(0)
    for shard, labels in ((0, [5, 6]), (1, [7])):
        records = [
            {
                "image": rng.random((256, 256, 3), dtype=np.float32).tobytes(),
                "heatmap": np.ones((256, 256), np.float32).tobytes(),
                "label": label,
            }
            for label in labels
        ]
        tfrecords.write_examples(str(tmp_path / f"val-{shard}.tfrecords"), records)
    table = listed(tmp_path, "--source", "tfrecord", "--path", str(tmp_path / "val-*.tfrecords"))
    assert table["label"].tolist() == [5, 6, 7]
    assert table["stimulus_id"].tolist() == [clickme.stimulus_id("set", i) for i in range(3)]
    assert table["height"].tolist() == [256] * 3


@pytest.mark.parametrize(("label", "label_space"), [(1000, "imagenet-1k"), (2**40, "")])
def test_a_label_of_a_shard_beyond_its_space_is_named(tmp_path, label, label_space, refusal):
    record = {"image": np.ones((256, 256, 3), np.float32).tobytes()}
    record |= {"heatmap": np.ones((256, 256), np.float32).tobytes()}
    shard = tmp_path / "val-0.tfrecords"
    tfrecords.write_examples(shard, [record | {"label": 999}, record | {"label": label}])
    arguments = ["--source", "tfrecord", "--path", str(shard), "--label-space", label_space]
    assert f"{shard}: record 1: label: {label} is no" in refusal(*arguments)


def test_shards_without_records_are_named(tmp_path, refusal):
    (tmp_path / "val-0.tfrecords").touch()
    assert "no record" in refusal("--source", "tfrecord", "--path", str(tmp_path / "val-0.tfrecords"))


def image_bytes(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20 + value, 10), (value, 0, 0)).save(buffer, format="PNG")
    return buffer.getvalue()


def write_stimulus_set(folder: Path, table: str, members: dict[str, bytes] | None = None) -> list[str]:
    """Write a Brain-Score stimulus set; the arguments that name it."""
    (folder / "set.csv").write_text(table)
    with zipfile.ZipFile(folder / "set.zip", "w") as archive:
        for name, content in (members or {"a.png": image_bytes(1), "b.png": image_bytes(2)}).items():
            archive.writestr(name, content)
    arguments = {"source": "brainscore", "path": folder / "set.csv", "archive": folder / "set.zip"}
    return [word for name, value in arguments.items() for word in (f"--{name}", str(value))]


@pytest.mark.parametrize("header", ["stimulus_id,filename", "image_id,image_file_name"])
@pytest.mark.parametrize("folder", ["", "hvm/", "hvm/images/"])
def test_a_brain_score_stimulus_set_is_unpacked_in_the_order_of_its_table(tmp_path, capsys, header, folder):
    table = f"{header},object_name,rxy\n007,b.png,car,1\nNA,sub/a.png,face,2\n"
    members = {f"{folder}{name}": image_bytes(i) for i, name in enumerate(("b.png", "sub/a.png", "c.png"))}
    listing = listed(tmp_path, *write_stimulus_set(tmp_path, table, members))
    assert listing["stimulus_id"].fillna("NA").tolist() == ["007", "NA"]
    assert listing["category"].tolist() == ["car", "face"] and listing["label"].isna().all()
    assert [Path(path).read_bytes() for path in listing["path"]] == [image_bytes(0), image_bytes(1)]
    assert listing["width"].tolist() == [20, 21]
    assert not (tmp_path / "out/set/c.png").exists()
    assert "set.zip: 1 files that " in capsys.readouterr().err


def test_labels_of_a_brain_score_stimulus_set_are_read_where_there_are_any(tmp_path):
    table = "stimulus_id,filename,label\nx,a.png,7\ny,b.png,\n"
    assert listed(tmp_path, *write_stimulus_set(tmp_path, table))["label"].fillna(-1).tolist() == [7, -1]


def test_a_label_space_needs_a_label_of_every_image_of_a_brain_score_set(tmp_path, refusal):
    for table, reason in (
        ("stimulus_id,filename\nx,a.png\n", "set.csv: no column 'label', but label_space is toys-4"),
        ("stimulus_id,filename,label\nx,a.png,\n", "set.csv:2: label: '' is not a whole number"),
    ):
        arguments = [*write_stimulus_set(tmp_path, table), "--label-space", "toys-4"]
        assert reason in refusal(*arguments)


def test_what_macos_adds_to_an_archive_hides_no_image(tmp_path):
    members = {"hvm/a.png": image_bytes(1), "__MACOSX/hvm/._a.png": b"fork", "hvm/.DS_Store": b""}
    table = listed(tmp_path, *write_stimulus_set(tmp_path, "stimulus_id,filename\nx,a.png\n", members))
    assert table["width"].tolist() == [21]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("filename\na.png\n", r"set\.csv: no column 'stimulus_id' or 'image_id'"),
        ("stimulus_id\nx\n", r"set\.csv: no column 'filename' or 'image_file_name'"),
        ("stimulus_id,filename\nx,a.png\ny,z.png\n", r"set\.csv:3: filename: 'z\.png' is not in .*set\.zip"),
        ("stimulus_id,filename\nx,a.png\nx,b.png\n", r"set\.csv:3: stimulus_id: 'x' is there twice"),
        ("stimulus_id,filename\nx,\n", r"set\.csv:2: filename: '' is not in"),
        ("stimulus_id,filename,label\nx,a.png,car\n", r"set\.csv:2: label: 'car' is not a whole number"),
        ("stimulus_id,filename,label\nx,a.png,3.7\n", r"set\.csv:2: label: '3\.7' is not a whole number"),
        ("stimulus_id,filename,label\nx,a.png,-\n", r"set\.csv:2: label: '-' is not a whole number"),
        ("stimulus_id,filename,label\nx,a.png,-1\n", r"set\.csv:2: label: -1 is negative"),
        ("stimulus_id,filename\n,a.png\n", r"set\.csv:2: stimulus_id: empty"),
        ("stimulus_id,filename\n", r"set\.csv: no images"),
        (
            "stimulus_id,filename\nx,../a.png\n",
            r"set\.csv:2: filename: '\.\./a\.png' leads out of the folder",
        ),
        ("stimulus_id,filename\nx,/a.png\n", r"set\.csv:2: filename: '/a\.png' leads out of the folder"),
    ],
)
def test_a_wrong_brain_score_table_is_named_with_line_and_field(tmp_path, table, reason, refusal):
    members = {name: image_bytes(1) for name in ("a.png", "b.png", "../a.png", "/a.png")}
    assert re.search(reason, refusal(*write_stimulus_set(tmp_path, table, members)))
    assert not [path for path in tmp_path.rglob("*.png")]


def test_a_link_and_an_oversized_file_of_an_archive_are_refused(tmp_path, monkeypatch, refusal):
    arguments = write_stimulus_set(tmp_path, "stimulus_id,filename\nx,a.png\n")
    monkeypatch.setattr(brainscore, "MAX_IMAGE_BYTES", 10)
    size = len(image_bytes(1))
    assert f"'a.png' has {size} bytes, more than 10" in refusal(*arguments)
    link = zipfile.ZipInfo("a.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "'a.png' is a link in" in refusal(*arguments)


@pytest.mark.parametrize("damage", ["text", "flipped"])
def test_a_damaged_archive_is_named(tmp_path, damage, refusal):
    arguments = write_stimulus_set(tmp_path, "stimulus_id,filename\nx,a.png\n")
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[60] ^= 255  # within the image
    (tmp_path / "set.zip").write_bytes(b"<html>404</html>" if damage == "text" else content)
    reason = {"text": "not a readable zip archive", "flipped": "a.png: unreadable: Bad CRC-32"}[damage]
    assert f"set.zip: {reason}" in refusal(*arguments)


def test_a_row_of_a_brain_score_stimulus_set_must_name_its_archive(tmp_path):
    sheet = tmp_path / "stimuli.tsv"
    sheet.write_text("stimuli\tsource\tpath\tarchive\nhvm\tbrainscore\thvm.csv\t")
    with pytest.raises(InputError, match=r"stimuli\.tsv:2: .*'archive' is a required property"):
        sheets.read_sheet(sheet, definition("stimuli"), "stimuli")
    sheet.write_text(sheet.read_text() + "hvm.zip")
    assert sheets.read_sheet(sheet, definition("stimuli"), "stimuli")["hvm"]["archive"] == "hvm.zip"


@pytest.mark.parametrize(("name", "option"), [("set.csv", "--sha1"), ("set.zip", "--archive-sha1")])
def test_checksums_of_a_brain_score_stimulus_set_are_checked(tmp_path, name, option, refusal):
    arguments = write_stimulus_set(tmp_path, "stimulus_id,filename\nx,a.png\n")
    right = hashlib.sha1((tmp_path / name).read_bytes()).hexdigest()
    assert f"{name}: sha1: {right}, expected 00" in refusal(*arguments, option, "00")
    listed(tmp_path, *arguments, option, right)


def test_a_table_can_be_moved_with_its_images(tmp_path):
    table = listed(tmp_path, "--source", "scenes", "--count", "8")
    (tmp_path / "out").rename(tmp_path / "moved")
    moved = tables.read(tmp_path / "moved/set.csv")
    assert moved["path"].map(lambda path: Path(path).is_file()).all()
    assert moved["mask"].map(lambda path: Path(path).is_file()).all()
    assert moved["sha256"].tolist() == table["sha256"].tolist()


def test_results_of_stimuli_are_those_of_its_version(tmp_path):
    table = listed(
        tmp_path, "--source", "scenes", "--count", "8", "--seed", "1", "--cue", "0.5", "--size", "64"
    )
    pixels = np.stack([np.asarray(Image.open(path), float) for path in table["path"]])
    masks = np.stack([np.asarray(Image.open(path)) == 255 for path in table["mask"]])
    kept = table[["stimulus_id", "label", "category", "height", "width", "decoded"]].fillna("")
    found = {"pixels": pixels.mean(axis=(1, 2, 3)), "sd": pixels.std(), "masks": masks.mean(axis=(1, 2))}
    golden.check("stimuli", "stimuli", kept.to_dict("list") | found)
