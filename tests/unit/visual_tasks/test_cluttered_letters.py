"""Claims about cluttered letters: certain labels, no other cue, letters in any direction."""

from __future__ import annotations

import subprocess
import sys

import golden_images
import numpy as np
import pytest
from scipy import stats

from visalign.errors import InputError
from visalign.visual_tasks import cluttered_letters, letters_oracle
from visalign.visual_tasks.alphabet import HEIGHT, LETTERS, WIDTH
from visalign.visual_tasks.drawn import Drawn

SIDE = 112


def solved(drawn: Drawn) -> bool:
    markers, radius = np.array(drawn.geometry["markers"]), drawn.geometry["radius"]
    return letters_oracle.answer(drawn.parts, markers, radius) == drawn.asked[0].label


@pytest.fixture(scope="module", params=["easy", "medium", "hard"])
def drawn(request) -> list[Drawn]:
    return [cluttered_letters.draw(3, index, SIDE, level=request.param) for index in range(60)]


def test_an_image_depends_on_seed_and_number_alone():
    first = cluttered_letters.draw(3, 5, SIDE, level="hard")
    assert (cluttered_letters.draw(4, 5, SIDE, level="hard").image != first.image).any()
    code = (
        "import sys; from visalign.visual_tasks import cluttered_letters as letters;"
        f"sys.stdout.buffer.write(letters.draw(3, 5, {SIDE}, level='hard').image.tobytes())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert other == first.image.tobytes()


def test_half_of_the_images_have_each_label(drawn):
    assert sum(each.asked[0].label for each in drawn) == len(drawn) / 2


def test_images_are_those_of_this_version():
    for level in cluttered_letters.LEVELS:
        image = cluttered_letters.draw(3, 0, SIDE, level=level).image
        golden_images.check(f"cluttered_letters_{level}", image)


def test_the_oracle_solves_all_images(drawn):
    assert all(map(solved, drawn))


def test_parts_are_where_the_ink_is_but_for_markers(drawn):
    rows, columns = np.indices((SIDE, SIDE))
    for each in drawn[:20]:
        near = np.zeros((SIDE, SIDE), bool)
        for x, y in each.geometry["markers"]:
            near |= np.hypot(columns - x, rows - y) <= each.geometry["radius"] + 1
        np.testing.assert_array_equal((each.image > 127)[~near], (each.parts > 0)[~near])
        assert {1, 2} <= set(np.unique(each.parts)) <= {0, 1, 2, 3}


def test_markers_are_rings_that_are_black_inside(drawn):
    rows, columns = np.indices((SIDE, SIDE))
    scale = SIDE / 350
    for each in drawn[:20]:
        for x, y in each.geometry["markers"]:
            away = np.hypot(columns - x, rows - y)
            assert each.image[away < 9.5 * scale - 0.5].max() == 0
            assert each.image[np.abs(away - 11 * scale) < 0.3].mean() > 150


def test_the_start_is_on_either_letter_and_the_first_letter_in_any_direction(drawn):
    starts, angles = [], []
    for each in drawn:
        x, y = each.geometry["markers"][0]
        starts.append(each.parts[round(y), round(x)])
        middle = np.mean(each.geometry["squares"][0], axis=0) - (SIDE - 1) / 2
        angles.append(np.arctan2(*middle))
    assert 0.3 <= np.mean(np.array(starts) == 1) <= 0.7
    assert stats.kstest(angles, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


def test_the_second_marker_could_stand_on_either_letter_at_the_same_distances(monkeypatch):
    places, found = cluttered_letters._places, []

    def noted(*arguments):
        chosen = places(*arguments)
        if chosen is not None:
            found.append(chosen)
        return chosen

    monkeypatch.setattr(cluttered_letters, "_places", noted)
    for index in range(40):
        cluttered_letters.draw(3, index, SIDE, level="medium")
    start, own, other = np.moveaxis(np.array(found), 1, 0)
    middle = cluttered_letters.CANVAS / 2 - 0.5
    for place in (start, middle):
        away = [np.linalg.norm(each - place, axis=1) for each in (own, other)]
        assert np.abs(away[0] - away[1]).max() <= cluttered_letters.ALIKE
        assert abs(np.mean(away[0] - away[1])) < 1
    assert min(np.linalg.norm(each - start, axis=1).min() for each in (own, other)) >= 23


def test_levels_differ_in_how_alike_and_how_near_letters_are():
    easy, medium, hard = (cluttered_letters.LEVELS[name] for name in ("easy", "medium", "hard"))
    assert easy.angle > medium.angle > hard.angle and easy.radii[0] > medium.radii[0] > hard.radii[0]
    assert easy.shared == hard.own == (0.5, 30, 0.2)
    assert np.square(medium.shared[0]) + np.square(medium.own[0]) == pytest.approx(0.25)


def test_there_are_twenty_six_letters_of_the_same_size():
    assert "".join(LETTERS) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for name, strokes in LETTERS.items():
        x, y = np.concatenate([np.array(stroke) for stroke in strokes]).T
        assert (y.min(), y.max()) == (0, HEIGHT) and x.min() >= 0 and x.max() <= WIDTH, name
        points = cluttered_letters.points_of(name)
        assert np.ptp(points[:, 1]) == pytest.approx(cluttered_letters.LETTER, rel=0.01)


def test_the_same_image_is_drawn_at_any_side():
    small, large = (cluttered_letters.draw(3, 1, side, level="easy") for side in (112, 224))
    scaled = (np.array(small.geometry["markers"]) + 0.5) * 2 - 0.5
    np.testing.assert_allclose(scaled, large.geometry["markers"], atol=0.01)
    assert small.asked == large.asked and large.image.mean() == pytest.approx(small.image.mean(), rel=0.1)


def test_an_oracle_that_sees_no_letter_or_both_under_a_marker_says_so():
    parts = np.zeros((20, 20), np.uint8)
    parts[:, 4:6], parts[:, 14:16], parts[8:12, 4:6] = 1, 2, 3
    assert letters_oracle.answer(parts, np.array([[4, 2], [5, 17]]), 2) == 1
    assert letters_oracle.answer(parts, np.array([[4, 2], [14, 17]]), 2) == 0
    assert letters_oracle.answer(parts, np.array([[4, 10], [14, 17]]), 2) is None
    assert letters_oracle.answer(parts, np.array([[10, 10], [14, 17]]), 2) is None


@pytest.mark.parametrize(
    ("side", "level", "reason"),
    [
        (112, "harder", "level: 'harder' is not one of easy, medium, hard"),
        (64, "easy", "size: 64: cluttered"),
    ],
)
def test_what_cannot_be_drawn_is_refused(side, level, reason):
    with pytest.raises(InputError, match=reason):
        cluttered_letters.draw(0, 0, side, level=level)


def test_a_geometry_that_is_not_found_is_an_error_after_bounded_tries(monkeypatch):
    monkeypatch.setattr(cluttered_letters, "OVERLAP", (0.99, 1.0))
    monkeypatch.setattr(cluttered_letters, "TRIES", 3)
    with pytest.raises(InputError, match="level: easy: no image 4 of seed 0 in 3 tries"):
        cluttered_letters.draw(0, 4, SIDE, level="easy")
