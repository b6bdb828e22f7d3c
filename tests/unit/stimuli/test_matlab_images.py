"""Claims about images of MATLAB files: pixels and order are those of the file, labels only where asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from visalign.errors import InputError
from visalign.stimuli.matlab_images import SOURCE

FILE = (
    Path(__file__).resolve().parents[4]
    / "shared/real/kriegeskorte92/Kriegeskorte_Neuron2008_supplementalData.mat"
)
WORDS = ["tree", "face", "face", "car"]


@pytest.fixture
def pixels() -> np.ndarray:
    """Four images, higher than wide."""
    return np.random.default_rng(0).integers(0, 256, size=(4, 9, 7, 3), dtype=np.uint8)


def row(path: Path, variable: str, **more: str) -> dict:
    return {"stimuli": "set", "source": "matlab", "path": str(path), "variable": variable} | more


def written(folder: Path, row: dict) -> tuple[list, np.ndarray]:
    """Rows of the table of a set, and the pixels of its files."""
    rows = list(SOURCE.images(row, folder))
    return rows, np.array([np.asarray(Image.open(each.path).convert("RGB")) for each in rows])


def structure(pixels: np.ndarray) -> np.ndarray:
    result = np.zeros((1, len(pixels)), dtype=[("category", object), ("image", object)])
    for index, each in enumerate(pixels):
        result[0, index] = (WORDS[index], each)
    return result


@pytest.mark.parametrize("form", ["structure", "cells", "stack", "floats"])
def test_pixels_and_order_are_those_of_the_file(tmp_path, pixels, form):
    cells = np.empty((4, 1), dtype=object)
    cells[:, 0] = list(pixels)
    stack = np.moveaxis(pixels, 0, -1)
    content = {
        "structure": (structure(pixels), "X.image"),
        "cells": (cells, "X"),
        "stack": (stack, "X"),
        "floats": (stack / 255, "X"),
    }
    savemat(tmp_path / "x.mat", {"X": content[form][0]})
    asked = row(tmp_path / "x.mat", content[form][1])
    rows, found = written(tmp_path, asked)
    np.testing.assert_array_equal(found, pixels)
    ids = [f"set-{index:06d}" for index in range(4)]
    assert [each.stimulus_id for each in rows] == SOURCE.listed(asked).stimulus_id == ids
    assert [(each.height, each.width) for each in rows] == [(9, 7)] * 4
    assert {each.label for each in rows} == {each.category for each in rows} == {None}
    assert SOURCE.listed(asked).label is None


def test_grey_images_are_grey(tmp_path, pixels):
    savemat(tmp_path / "x.mat", {"X": np.moveaxis(pixels[..., 0], 0, -1)})
    _, found = written(tmp_path, row(tmp_path / "x.mat", "X"))
    np.testing.assert_array_equal(found, np.repeat(pixels[..., :1], 3, axis=3))


def test_categories_become_labels_only_where_a_label_space_is_declared(tmp_path, pixels):
    savemat(tmp_path / "x.mat", {"X": structure(pixels)})
    asked = row(tmp_path / "x.mat", "X.image", categories="X.category")
    rows, _ = written(tmp_path, asked)
    assert [each.category for each in rows] == WORDS and {each.label for each in rows} == {None}
    asked |= {"label_space": "kinds-3"}
    rows, _ = written(tmp_path, asked)
    assert [each.label for each in rows] == SOURCE.listed(asked).label == [2, 1, 1, 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"variable": "Y"}, r"x\.mat: variable: no 'Y' \(variables: X, other, words\)"),
        (
            {"variable": "X"},
            r"x\.mat: X\(1\): no image \(height, width\[, 3\]\[, n\]\): fields category, image",
        ),
        ({"variable": "X.category"}, r"x\.mat: X\(1\)\.category: no image .*: <U4, shape \(1,\)"),
        (
            {"variable": "other"},
            r"x\.mat: other: image 1: values of -1 to .*, neither of 0 to 1 nor of 0 to 255",
        ),
        ({"categories": "words"}, r"x\.mat: categories: 1 of words, but 4 images"),
        ({"categories": "X.image"}, r"x\.mat: categories: X\(1\)\.image is no word"),
        ({"label_space": "kinds-3"}, r"label_space: kinds-3, but no categories name what images show"),
        ({"sha1": "0" * 40}, r"x\.mat: sha1: "),
        ({"path": "absent.mat"}, r"absent\.mat: no such file"),
    ],
)
def test_what_is_wrong_with_a_row_is_an_error(tmp_path, monkeypatch, pixels, change, reason):
    monkeypatch.chdir(tmp_path)
    normalised = np.random.default_rng(0).uniform(-1, 2, size=(4, 4, 3, 2))
    normalised[0, 0, 0, 0] = -1
    savemat("x.mat", {"X": structure(pixels), "other": normalised, "words": "car"})
    with pytest.raises(InputError, match=reason) as error:
        list(SOURCE.images(row(Path("x.mat"), "X.image") | change, tmp_path))
    assert "\n" not in str(error.value)


def test_labels_of_imagenet_are_refused():
    with pytest.raises(InputError, match="label_space: imagenet-1k: labels of MATLAB files are their"):
        SOURCE.check_labels("imagenet-1k")


@pytest.mark.skipif(
    not FILE.is_file(), reason=f"the 92 images are not at {FILE} (they are not part of the project)"
)
def test_the_92_images_of_kriegeskorte_are_written_as_they_are(tmp_path):
    asked = row(FILE, "stimuli_92objs.image", categories="stimuli_92objs.category", label_space="kinds-6")
    rows, found = written(tmp_path, asked)
    published = loadmat(FILE)["stimuli_92objs"][0]
    np.testing.assert_array_equal(found, np.array([each["image"] for each in published]))
    assert [each.category for each in rows] == [str(each["category"][0]) for each in published]
    counts = np.bincount([each.label for each in rows])
    # artificial, human bodypart, human face, natural, nonhuman bodypart, nonhuman face
    assert counts.tolist() == [21, 12, 12, 23, 12, 12]
