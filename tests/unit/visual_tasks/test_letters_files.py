"""Claims about folders of cluttered letters: two layouts, and labels of other images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visalign.errors import InputError
from visalign.visual_tasks import cluttered_letters, letters_files

SIDE, COUNT = 175, 20


@pytest.fixture(scope="module")
def drawn():
    return [cluttered_letters.draw(3, index, SIDE, level="easy") for index in range(COUNT)]


def published(root: Path, drawn, wrong: bool = False, segs: bool = True) -> Path:
    """The tree of the published generator: images, letters as grey levels, and an array of text."""
    rows = []
    for folder in ("imgs/0", "segs/0", "metadata"):
        (root / folder).mkdir(parents=True)
    for index, each in enumerate(drawn):
        label = drawn[(index * 7 + 3) % COUNT if wrong else index].asked[0].label
        name = f"sample_{index}.png"
        Image.fromarray(each.image).save(root / "imgs/0" / name)
        Image.fromarray(np.array([0, 100, 200, 255], np.uint8)[each.parts]).save(root / "segs/0" / name)
        rows.append(["imgs/0", "segs/0", name, str(index), str(int(label)), "a", "b"])
    np.save(root / "metadata/0.npy", np.array(rows))
    if not segs:
        for file in (root / "segs/0").iterdir():
            file.unlink()
        (root / "segs/0").rmdir()
        (root / "segs").rmdir()
    return root


def test_the_layout_of_the_published_generator(tmp_path, drawn):
    found = letters_files.read(published(tmp_path / "set", drawn))
    assert [trial.label for trial in found.trials] == [each.asked[0].label for each in drawn]
    assert found.trials[0][1:] == ("cluttered-letters", drawn[0].asked[0].label, "", "", "")


def test_levels_may_be_folders(tmp_path, drawn):
    for level in ("easy", "hard"):
        published(tmp_path / level, drawn)
    found = letters_files.read(tmp_path)
    assert [trial.difficulty for trial in found.trials] == ["easy"] * COUNT + ["hard"] * COUNT


def test_labels_of_other_images_are_refused_where_there_are_segs(tmp_path, drawn, capsys):
    with pytest.raises(
        InputError, match=r"set: label: 0\.\d\d of 20 images have the label that their pixels"
    ):
        letters_files.read(published(tmp_path / "set", drawn, wrong=True))
    letters_files.read(published(tmp_path / "without", drawn, wrong=True, segs=False))
    assert "without: labels were not compared with the images: there are no segs" in capsys.readouterr().err


def test_the_layout_of_the_copies(tmp_path, drawn, capsys):
    for index, each in enumerate(drawn):
        label = "pos" if each.asked[0].label else "neg"
        folder = tmp_path / "medium/images" / ("train", "test")[index % 2] / label / "3"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(each.image).save(folder / f"sample_{index}.png")
    found = letters_files.read(tmp_path)
    assert len(found.trials) == COUNT and found.unread == []
    for trial in found.trials:
        index = int(trial.path.stem.split("_")[1])
        assert trial.label == drawn[index].asked[0].label and trial.difficulty == "medium"
        assert trial.split == ("train", "test")[index % 2]
    assert "medium/images: labels were not compared" in capsys.readouterr().err


def test_folders_of_no_layout_are_refused(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder of cluttered letters"):
        letters_files.read(tmp_path / "absent")
    with pytest.raises(InputError, match="no folder images: expected imgs/ and metadata/"):
        letters_files.read(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="no images"):
        letters_files.read(tmp_path)


def test_markers_are_found_in_the_pixels(drawn):
    for each in drawn:
        found, wanted = letters_files.markers(each.image), np.array(each.geometry["markers"])
        assert np.linalg.norm(found[:, None] - wanted, axis=-1).min(axis=1).max() < 1
    assert letters_files.markers(np.zeros((SIDE, SIDE), np.uint8)) is None
