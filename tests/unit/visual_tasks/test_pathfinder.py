"""Claims about Pathfinder: certain labels, no other cue, contours as their rules say."""

from __future__ import annotations

import itertools
import subprocess
import sys

import golden_images
import numpy as np
import pytest
from scipy import stats

from visalign.errors import InputError
from visalign.visual_tasks import pathfinder, pathfinder_oracle
from visalign.visual_tasks.drawn import Drawn

SIDE = 112


def solved(drawn: Drawn, look: pathfinder.Look) -> bool:
    """Whether the oracle, from pixels and markers alone, finds the label."""
    markers = np.array(drawn.geometry["markers"])
    answer = pathfinder_oracle.answer(drawn.image, markers, look.reach, look.thickness)
    return answer == drawn.asked[0].label


def images(count: int, length: int, side: int = SIDE, convention: str = "separate") -> list[Drawn]:
    return [pathfinder.draw(3, index, side, length=length, convention=convention) for index in range(count)]


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    return images(20, 6)


def points_on(contour: np.ndarray, look: pathfinder.Look) -> np.ndarray:
    """Points along the middle lines of the dashes of a contour, 20 each."""
    share = np.linspace(0, 1, 20)[:, None]
    cut = (look.margin + look.thickness / 2) / look.edge
    ends = [(a + cut * (b - a), b - cut * (b - a)) for a, b in itertools.pairwise(contour)]
    return np.concatenate([start + share * (end - start) for start, end in ends])


def test_an_image_depends_on_seed_and_number_alone(drawn):
    again = pathfinder.draw(3, 7, SIDE, length=6)
    np.testing.assert_array_equal(again.image, drawn[7].image)
    assert again.geometry == drawn[7].geometry and again.asked == drawn[7].asked
    assert (pathfinder.draw(4, 7, SIDE, length=6).image != again.image).any()
    code = (
        "import sys; from visalign.visual_tasks import pathfinder;"
        f"sys.stdout.buffer.write(pathfinder.draw(3, 7, {SIDE}, length=6).image.tobytes())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert other == again.image.tobytes()


def test_half_of_the_images_have_each_label():
    for length in (3, 6, 9):
        assert sum(each.asked[0].label for each in images(10, length)) == 5


def test_images_are_those_of_this_version(drawn):
    golden_images.check("pathfinder", drawn[0].image)
    golden_images.check("pathfinder_parts", drawn[0].parts)


@pytest.mark.parametrize("length", [3, 6, 9])
def test_the_oracle_solves_all_images(length):
    look = pathfinder.look(SIDE)
    assert all(solved(each, look) for each in images(20, length))


def test_the_oracle_solves_larger_images():
    assert all(solved(each, pathfinder.look(224)) for each in images(10, 9, 224))


def test_an_oracle_that_joins_other_gaps_does_not_solve_them(drawn):
    markers = [np.array(each.geometry["markers"]) for each in drawn]
    for reach, constant in ((0.5, 0), (20, 1)):
        found = [
            pathfinder_oracle.answer(each.image, pair, reach, 1.6)
            for each, pair in zip(drawn, markers, strict=True)
        ]
        assert found == [constant] * len(drawn)


@pytest.mark.parametrize("convention", ["separate", "published"])
def test_contours_keep_their_distance_from_each_other_and_from_markers(convention):
    look = pathfinder.look(SIDE, convention)
    for each in images(10, 6, convention=convention):
        lines = [points_on(np.array(contour), look) for contour in each.geometry["contours"]]
        for number, one in enumerate(lines):
            for other in lines[number + 1 :]:
                assert np.linalg.norm(one[:, None] - other, axis=-1).min() >= look.between - 0.01
        for marker in np.array(each.geometry["markers"]):
            away = sorted(np.linalg.norm(line - marker, axis=1).min() for line in lines)
            assert away[0] <= look.thickness and away[1] >= look.around - 0.01


def test_the_end_marker_could_stand_on_either_target_at_the_same_distances(drawn):
    look = pathfinder.look(SIDE)
    for each in drawn:
        own, other = (np.array(contour) for contour in each.geometry["contours"][:2])
        start, shown = np.array(each.geometry["markers"])
        ends = [line[-1] + look.margin / look.edge * (line[-2] - line[-1]) for line in (own, other)]
        away = [np.linalg.norm(end - start) for end in ends]
        assert away[0] == pytest.approx(away[1], abs=0.01)
        middle = [np.linalg.norm(end - (SIDE - 1) / 2) for end in ends]
        assert middle[0] == pytest.approx(middle[1], abs=0.01)
        np.testing.assert_allclose(shown, ends[0 if each.asked[0].label else 1], atol=0.01)
        assert np.linalg.norm(own[0] - other[0]) == pytest.approx(look.apart, abs=0.01)


def test_distractors_are_as_many_and_as_long_as_their_rule_says():
    for length, (count, dashes) in pathfinder.DISTRACTORS.items():
        for each in images(3, length):
            edges = [len(contour) - 1 for contour in each.geometry["contours"]]
            assert edges == [length] * 2 + [dashes] * count and each.asked[0].difficulty == str(length)
            assert each.parts.max() == count + 4


def test_dashes_are_drawn_where_the_geometry_says(drawn):
    look = pathfinder.look(SIDE)
    for each in drawn[:5]:
        for number, contour in enumerate(each.geometry["contours"], 1):
            line = points_on(np.array(contour), look)
            columns, rows = np.rint(line).astype(int).T
            assert (each.image[rows, columns] > 80).all()
            assert set(each.parts[rows, columns]) & {number}
        assert ((each.image > 127) == (each.parts > 0)).mean() > 0.999


def test_turning_angles_have_the_published_density():
    found = pathfinder.turns(np.random.default_rng(0), (20000,))
    assert np.abs(found).max() <= np.pi / 2 / 1.8

    def below(angle):  # integral of cos², by hand
        u = np.clip(1.8 * angle, -np.pi / 2, np.pi / 2)
        return 0.5 + (u + np.sin(2 * u) / 2) / np.pi

    assert stats.kstest(found, below).pvalue > 0.01


def test_markers_are_found_in_the_pixels(drawn):
    for each in drawn:
        found = pathfinder_oracle.markers(each.image, 1.6)
        wanted = np.array(each.geometry["markers"])
        assert np.linalg.norm(found[:, None] - wanted, axis=-1).min(axis=1).max() < 0.5
    assert pathfinder_oracle.markers(np.zeros((SIDE, SIDE), np.uint8), 1.6) is None


def test_sizes_are_in_proportion_to_the_side():
    small, large = pathfinder.look(112), pathfinder.look(224)
    assert large.edge == 2 * small.edge == 18 and large.between == 2 * small.between
    assert small.between == pytest.approx(2 * 2 + 1.6 + 1.5)
    assert pathfinder.look(112, "published").between == pytest.approx(2 * 2 + 1.6)


@pytest.mark.parametrize(
    ("side", "change", "reason"),
    [
        (112, {"length": 5}, "length: 5 is not one of 3, 6, 9"),
        (112, {"length": 6, "convention": "old"}, "convention: 'old' is not one of separate, published"),
        (64, {"length": 6}, "size: 64: Pathfinder images have 112 pixels a side or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(side, change, reason):
    with pytest.raises(InputError, match=reason):
        pathfinder.draw(0, 0, side, **change)


def test_a_geometry_that_is_not_found_is_an_error_after_bounded_tries(monkeypatch):
    monkeypatch.setitem(pathfinder.DISTRACTORS, 6, (200, 2))
    monkeypatch.setattr(pathfinder, "TRIES", 3)
    with pytest.raises(InputError, match="no Pathfinder image 4 of seed 0, length 6 in 3 tries"):
        pathfinder.draw(0, 4, SIDE, length=6)
