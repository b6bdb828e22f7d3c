"""Claims about folders of Pathfinder images: three layouts, damaged ones, labels of other images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visalign.errors import InputError
from visalign.visual_tasks import pathfinder, pathfinder_files

SIDE, COUNT = 112, 20


@pytest.fixture(scope="module")
def drawn():
    return [pathfinder.draw(3, index, SIDE, length=6) for index in range(COUNT)]


def rows_of(drawn, wrong: bool = False) -> list[list[str]]:
    """Rows of metadata, two parts of equal size."""
    look = pathfinder.look(SIDE)
    rows = []
    for index in range(len(drawn)):
        label = drawn[(index * 7 + 3) % COUNT if wrong else index].asked[0].label
        part, number = divmod(index, COUNT // 2)
        sizes = ["1.8", "6", "2.0", f"{look.dash:.3f}", f"{look.thickness:.3f}", f"{look.margin:.3f}", "1"]
        rows.append([f"imgs/{part}", f"sample_{number}.png", str(number), str(int(label)), *sizes])
    return rows


def tree(root: Path, drawn, rows: list[list[str]], kind: str) -> Path:
    (root / "metadata").mkdir(parents=True)
    for each, row in zip(drawn, rows, strict=True):
        (root / row[0]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(each.image).save(root / row[0] / row[1])
    for part in (0, 1):
        some = [row for row in rows if row[0] == f"imgs/{part}"]
        file = root / f"metadata/{part}.npy"
        if kind == "array":
            np.save(file, np.array(some))
        else:
            file.write_text("".join(" ".join(row) + "\n" for row in some))
    return root


def labels(found) -> list[int]:
    return [trial.label for trial in found.trials]


@pytest.mark.parametrize("kind", ["array", "text"])
def test_metadata_may_be_an_array_or_text(tmp_path, drawn, kind):
    found = pathfinder_files.read(tree(tmp_path / "set", drawn, rows_of(drawn), kind))
    assert labels(found) == [each.asked[0].label for each in drawn] and found.unread == []
    assert {trial.task for trial in found.trials} == {"pathfinder"}
    assert {trial.difficulty for trial in found.trials} == {"6"}
    assert found.trials[11].path == tmp_path / "set/imgs/1/sample_1.png"


def test_one_file_may_hold_all_metadata(tmp_path, drawn):
    root = tree(tmp_path / "set", drawn, rows_of(drawn), "array")
    for file in (root / "metadata").glob("*.npy"):
        file.unlink()
    np.save(root / "metadata/combined.npy", np.array(rows_of(drawn)))
    assert labels(pathfinder_files.read(root)) == [each.asked[0].label for each in drawn]


def test_a_folder_may_hold_several_sets_and_images_without_metadata_are_named(tmp_path, drawn):
    for name in ("curv_baseline", "curv_contour_length_9"):
        tree(tmp_path / name, drawn, rows_of(drawn), "text")
    Image.new("L", (SIDE, SIDE)).save(tmp_path / "curv_baseline/imgs/0/other.png")
    found = pathfinder_files.read(tmp_path)
    assert len(found.trials) == 2 * COUNT and found.unread == ["curv_baseline/imgs/0/other.png"]


def test_labels_may_be_names_of_folders(tmp_path, drawn):
    root = tmp_path / "curv_contour_length_14"
    for index, each in enumerate(drawn):
        folder = root / "imgs" / ("pos" if each.asked[0].label else "neg")
        folder.mkdir(parents=True, exist_ok=True)
        # As published: 300 pixels and half a gap of 3, which is ours at 168.
        image = np.pad(pathfinder.draw(3, index, 168, length=6).image, 66)
        Image.fromarray(image).save(folder / f"{index}.png")
    for found in (pathfinder_files.read(root), pathfinder_files.read(tmp_path)):
        assert sorted(labels(found)) == [0] * (COUNT // 2) + [1] * (COUNT // 2)
        assert {trial.difficulty for trial in found.trials} == {"14"}
        assert all(trial.path.parent.name == ("neg", "pos")[trial.label] for trial in found.trials)


def test_labels_of_other_images_are_refused_with_folder_and_share(tmp_path, drawn):
    root = tree(tmp_path / "pathfinder128", drawn, rows_of(drawn, wrong=True), "text")
    with pytest.raises(InputError, match=r"pathfinder128: label: 0\.\d\d of 20 images have the label that"):
        pathfinder_files.read(root)


def test_small_images_are_not_compared_and_it_is_said(tmp_path, drawn, capsys):
    root = tree(tmp_path / "set", drawn, rows_of(drawn, wrong=True), "text")
    for file in root.glob("imgs/*/*.png"):
        with Image.open(file) as image:
            image.resize((32, 32)).save(file)
    assert len(pathfinder_files.read(root).trials) == COUNT
    assert "labels were not compared with the images: below 96 pixels" in capsys.readouterr().err


def damaged(root: Path, drawn, how: str) -> None:
    rows = rows_of(drawn)
    file = root / "metadata/1.npy"
    if how == "objects":
        np.save(file, np.array([["imgs/1", 0, None]], dtype=object), allow_pickle=True)
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:-40])
    elif how == "noise":
        file.write_bytes(b"\x80\x04\x95 pickled")
    elif how == "numbers":
        np.save(file, np.zeros((3, 11)))
    elif how == "short":
        file.write_text("imgs/1 sample_0.png 0 1\n")
    elif how == "label":
        file.write_text(" ".join([*rows[10][:3], "2", *rows[10][4:]]))
    elif how == "thickness":
        file.write_text(" ".join([*rows[10][:8], "thin", *rows[10][9:]]))
    elif how == "twice":
        file.write_text(2 * (" ".join(rows[10]) + "\n"))
    elif how == "empty":
        file.write_text("\n")
    elif how == "image":
        (root / "imgs/1/sample_3.png").unlink()
    elif how == "broken image":
        for image in (root / "imgs/1").glob("*.png"):
            image.write_bytes(b"no image")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("objects", "1.npy: not a plain .npy array: an array of Python objects"),
        ("cut", "1.npy: not a plain .npy array"),
        ("noise", "1.npy: not metadata, neither a NumPy array nor text: line 1, byte 1"),
        ("numbers", r"1.npy: shape \(3, 11\), type float64; expected text"),
        ("short", "1.npy: row 1: 4 cells, fewer than 10"),
        ("label", "1.npy: row 1: label: '2' is neither 0 nor 1"),
        ("thickness", "1.npy: row 1: thickness: 'thin' is not a positive number"),
        ("twice", "sample_0.png: two rows of metadata"),
        ("empty", "1.npy: no rows of metadata"),
        ("image", "imgs/1/sample_3.png: no such image"),
        ("broken image", r"sample_\d+.png: not a readable image"),
    ],
)
def test_damaged_folders_are_refused(tmp_path, drawn, how, reason):
    root = tree(tmp_path / "set", drawn, rows_of(drawn), "array")
    damaged(root, drawn, how)
    with pytest.raises(InputError, match=reason):
        pathfinder_files.read(root)


def test_folders_of_no_layout_are_refused(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder of Pathfinder images"):
        pathfinder_files.read(tmp_path / "absent")
    with pytest.raises(InputError, match="no folder imgs, nor sub-folders that have one"):
        pathfinder_files.read(tmp_path)
    (tmp_path / "imgs/neg").mkdir(parents=True)
    with pytest.raises(InputError, match="no metadata/, so expected curv_contour_length_L"):
        pathfinder_files.read(tmp_path)
    (tmp_path / "metadata").mkdir()
    with pytest.raises(InputError, match=r"metadata: no metadata \(B.npy or combined.npy\)"):
        pathfinder_files.read(tmp_path)
    empty = tmp_path / "curv_contour_length_9/imgs/pos"
    empty.mkdir(parents=True)
    with pytest.raises(InputError, match="curv_contour_length_9: no images"):
        pathfinder_files.read(tmp_path / "curv_contour_length_9")
