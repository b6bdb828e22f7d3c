"""Claims about the synthetic visual reasoning test: an oracle reads its labels off the image."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import ks_2samp

from visalign.errors import InputError
from visalign.visual_tasks import svrt, svrt_oracle
from visalign.visual_tasks.svrt import PROBLEMS, draw

SIDE = 112


@pytest.mark.parametrize("problem", PROBLEMS)
def test_oracle_reads_every_label_off_the_parts(problem: int):
    for index in range(20):
        drawn = draw(0, index, SIDE, problem=problem)
        assert svrt_oracle.answer(drawn.parts, problem) == drawn.asked[0].label, f"image {index}"


@pytest.mark.slow
@pytest.mark.parametrize("problem", PROBLEMS)
def test_oracle_reads_a_thousand_labels(problem: int):
    images = (draw(1, index, SIDE, problem=problem) for index in range(1000))
    wrong = [
        index
        for index, drawn in enumerate(images)
        if svrt_oracle.answer(drawn.parts, problem) != drawn.asked[0].label
    ]
    assert not wrong


def test_half_of_each_two_images_are_of_each_label():
    labels = [draw(0, index, SIDE, problem=10).asked[0].label for index in range(12)]
    assert all(sum(labels[i : i + 2]) == 1 for i in range(0, 12, 2)) and labels[::2] != [labels[0]] * 6


def test_an_image_depends_on_its_seed_and_number_alone():
    code = "from visalign.visual_tasks.svrt import draw; print(int(draw(3, 7, 80, problem=5).image.sum()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    draw(3, 6, 80, problem=5)
    assert int(run.stdout) == int(draw(3, 7, 80, problem=5).image.sum())
    assert not np.array_equal(draw(3, 7, 80, problem=5).image, draw(4, 7, 80, problem=5).image)


@pytest.mark.parametrize("problem", [1, 5, 15, 19, 21, 22])
def test_ink_says_nothing_of_sameness(problem: int):
    drawn = [draw(2, index, SIDE, problem=problem) for index in range(120)]
    ink = np.array([one.image.sum() for one in drawn], float)
    labels = np.array([one.asked[0].label for one in drawn])
    assert ks_2samp(ink[labels == 1], ink[labels == 0]).pvalue > 0.001
    spread = [ink[labels == label].std() for label in (0, 1)]
    assert 0.7 < spread[0] / spread[1] < 1.4


def test_parts_number_the_shapes_and_lie_where_ink_is():
    drawn = draw(0, 0, SIDE, problem=7)
    assert set(np.unique(drawn.parts)) == set(range(7))
    assert (drawn.image[drawn.parts > 0] > 60).all() and (drawn.parts[drawn.image > 128] > 0).all()


def test_problems_of_sameness_are_those_that_were_published():
    assert [number for number, problem in PROBLEMS.items() if problem.same] == [
        1,
        5,
        7,
        15,
        16,
        19,
        20,
        21,
        22,
    ]
    means = {
        same: np.mean([problem.published for problem in PROBLEMS.values() if problem.same == same], axis=0)
        for same in (True, False)
    }
    np.testing.assert_allclose(means[True].round(3), [0.632, 0.795, 0.630], atol=0.01)
    np.testing.assert_allclose(means[False].round(3), [0.958, 0.961, 0.862], atol=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"), [({"problem": 24}, "not one of 1 to 23"), ({"side": 40}, "64 pixels")]
)
def test_what_cannot_be_drawn_is_refused(wrong: dict[str, int], message: str):
    options = {"problem": 1, "side": SIDE} | wrong
    with pytest.raises(InputError, match=message):
        draw(0, 0, options.pop("side"), **options)


def test_rules_are_there_for_all_problems():
    assert list(svrt_oracle.RULES) == list(svrt.PROBLEMS)
