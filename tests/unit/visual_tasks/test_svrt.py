"""Claims about drawn images of the SVRT: their labels are right, and told by nothing but the rule."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import golden_images
import image_statistics
import numpy as np
import pytest
from many_images import IMAGES

from visalign.errors import InputError
from visalign.visual_tasks import svrt, svrt_oracle, svrt_tasks

PROBLEMS = list(svrt_tasks.PROBLEMS)
#: Problems whose rule leaves simple statistics alone, and those of which it leaves the mean image alone.
NO_CUE = [number for number, problem in svrt_tasks.PROBLEMS.items() if not problem.cue]
NO_PIXEL_CUE = sorted([*NO_CUE, 4, 8, 15, 16, 18])
SIDE = 112


def digest(drawn) -> str:
    return hashlib.sha256(drawn.image.tobytes() + drawn.parts.tobytes()).hexdigest()


def wrong(
    problem: int, count: int, side: int = SIDE, stroke: float | None = None, seed: int = 1
) -> list[int]:
    """Images whose label is not the oracle's answer."""
    found = []
    for index in range(count):
        drawn = svrt.draw(seed, index, side, problem=problem, stroke=stroke)
        if svrt_oracle.answer(problem, drawn.image, drawn.parts, stroke) != drawn.asked[0].label:
            found.append(index)
    return found


@pytest.mark.parametrize("problem", PROBLEMS)
def test_an_oracle_that_sees_pixels_only_gives_every_label(problem):
    assert wrong(problem, 20) == []


@pytest.mark.slow
@pytest.mark.parametrize("problem", PROBLEMS)
def test_an_oracle_gives_every_label_of_many(problem):
    assert wrong(problem, IMAGES, seed=0) == []


@pytest.mark.parametrize(("side", "stroke"), [(160, None), (128, 1.0), (224, 3.0)])
@pytest.mark.parametrize("problem", [3, 6, 8, 16, 19])
def test_labels_are_right_at_other_sides_and_strokes(problem, side, stroke):
    assert wrong(problem, 4, side, stroke) == []


@pytest.mark.parametrize("problem", PROBLEMS)
def test_both_labels_are_there_equally_often(problem):
    labels = [svrt.draw(2, index, 96, problem=problem).asked[0] for index in range(4)]
    assert {asked.task for asked in labels} == {svrt_tasks.name(problem)}
    assert sum(asked.label for asked in labels) == 2


def test_an_image_does_not_depend_on_those_before_it_or_on_the_process():
    own = [digest(svrt.draw(7, index, SIDE, problem=problem)) for problem, index in ((1, 9), (4, 3), (18, 5))]
    code = (
        "import hashlib\nfrom visalign.visual_tasks import svrt\n"
        "for problem, index in ((18, 5), (1, 9), (4, 3)):\n"
        f"    d = svrt.draw(7, index, {SIDE}, problem=problem)\n"
        "    print(hashlib.sha256(d.image.tobytes() + d.parts.tobytes()).hexdigest())\n"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last, *first = other.stdout.split()
    assert own == [*first, last]


def test_seeds_and_numbers_give_other_images():
    images = [svrt.draw(seed, index, SIDE, problem=1) for seed in (0, 1) for index in (0, 1)]
    assert len({digest(drawn) for drawn in images}) == 4


def test_images_are_those_that_are_kept():
    golden_images.check("svrt", [svrt.draw(0, 0, SIDE, problem=problem).image for problem in PROBLEMS])


@pytest.mark.parametrize("problem", PROBLEMS)
def test_parts_are_the_lines_of_the_shapes(problem):
    drawn = svrt.draw(3, 0, SIDE, problem=problem)
    described = drawn.geometry["parts"]
    assert sorted(np.unique(drawn.parts)) == list(range(len(described) + 1))
    assert (drawn.image[drawn.parts > 0] < 255).all() and (drawn.parts[drawn.image < 128] > 0).all()
    for number, part in enumerate(described, 1):
        y, x = np.nonzero(drawn.parts == number)
        contour = np.array(part["contour"])
        for axis, pixels in enumerate((x, y)):
            assert abs(contour[:, axis].min() - pixels.min()) < 3
            assert abs(contour[:, axis].max() - pixels.max()) < 3


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_pixel_beside_the_edge_stays_free(problem):
    drawn = svrt.draw(4, 1, SIDE, problem=problem)
    assert all(
        (edge == 255).all()
        for edge in (drawn.image[0], drawn.image[-1], drawn.image[:, 0], drawn.image[:, -1])
    )


@pytest.mark.parametrize(
    ("problem", "side", "reason"),
    [(24, 112, "problem: 24: the problems are 1 to 23"), (1, 64, "size: 64: parts")],
)
def test_what_cannot_be_drawn_is_an_error(problem, side, reason):
    with pytest.raises(InputError, match=reason):
        svrt.draw(0, 0, side, problem=problem)


@pytest.mark.slow
@pytest.mark.parametrize("problem", NO_PIXEL_CUE)
def test_nothing_simple_tells_the_label(problem):
    """A ridge on 28 × 28 pixels, and one on statistics and their squares; each statistic by itself."""
    drawn = [svrt.draw(5, index, SIDE, problem=problem) for index in range(2 * IMAGES)]
    labels = np.array([each.asked[0].label for each in drawn])
    chance = 3 * np.sqrt(0.25 / len(drawn))
    small = np.array([image_statistics.small(each.image) for each in drawn])
    assert abs(image_statistics.accuracy(small, labels) - 0.5) < chance
    if problem in NO_CUE:
        table = np.array([list(image_statistics.statistics(each.image).values()) for each in drawn])
        squares = image_statistics.with_squares(table)
        assert abs(image_statistics.accuracy(squares, labels) - 0.5) < chance
        assert image_statistics.differing(table, labels).min() > 0.01 / table.shape[1]


def test_a_ridge_on_statistics_finds_a_cue_where_there_is_one():
    """What the tests above could miss: of two sets, one has a little more ink."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    images = [rng.integers(0, 256, (32, 32)).astype(np.uint8) for _ in labels]
    images = [
        np.minimum(each, 255 - 30 * label).astype(np.uint8)
        for each, label in zip(images, labels, strict=True)
    ]
    table = np.array([list(image_statistics.statistics(each).values()) for each in images])
    assert image_statistics.accuracy(table, labels) > 0.9
    assert image_statistics.differing(table, labels).min() < 1e-10
