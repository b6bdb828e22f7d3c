"""Claims about revealing images by importance, and about the curves that come of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visalign.errors import InputError
from visalign.maps import revelation

LEVELS = np.array(revelation.LEVELS)


def test_levels_are_none_and_eleven_equal_steps_of_the_logarithm_to_the_full_image():
    np.testing.assert_allclose(LEVELS[1:], 10 ** np.arange(0, 2.1, 0.2), rtol=5e-4)
    assert LEVELS[0] == 0 and LEVELS[-1] == 100


def test_the_most_important_pixels_are_revealed_first():
    importance = np.random.default_rng(0).random((3, 12, 17)).astype(np.float32)
    found = revelation.positions(importance, np.random.default_rng(1))
    for own, position in zip(importance, found, strict=True):
        np.testing.assert_array_equal(own.ravel()[np.argsort(position.ravel())], np.sort(own.ravel())[::-1])


def test_equal_pixels_are_revealed_in_a_random_order_that_the_seed_decides():
    flat = np.zeros((1, 40, 40), np.float32)
    first, again, other = (revelation.positions(flat, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9
    upper = first[0, :20] < 800  # the first half revealed is not the upper half
    assert 0.4 < upper.mean() < 0.6


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 100))
def test_a_level_shows_its_percentage_of_the_pixels_and_fills_the_rest(level):
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.uniform(0.6, 1, (2, 3, 10, 15)))
    position = torch.from_numpy(revelation.positions(rng.random((2, 10, 15)), rng))
    fill = torch.tensor([0.1, 0.2, 0.3], dtype=pixels.dtype).view(3, 1, 1)
    shown = revelation.reveal(pixels, position, level, fill)
    hidden = (shown == fill).all(dim=1)
    assert (~hidden).sum(dim=(1, 2)).tolist() == [round(level / 100 * 150)] * 2
    assert torch.equal(shown.permute(0, 2, 3, 1)[~hidden], pixels.permute(0, 2, 3, 1)[~hidden])
    assert position[~hidden].numel() == 0 or position[~hidden].max() < round(level / 100 * 150)


def test_the_area_of_a_line_over_the_logarithm_is_its_middle():
    line = np.concatenate([[0.123], np.linspace(0.2, 1, 11)])  # at level 0 anything
    assert revelation.area(LEVELS, line) == pytest.approx(0.6, abs=1e-4)
    np.testing.assert_allclose(revelation.area(LEVELS, np.stack([line, line - 0.1])), [0.6, 0.5], atol=1e-4)


def test_the_area_between_curves_equals_numerical_integration():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 12))
    log = np.log(LEVELS[1:])
    fine = np.linspace(log[0], log[-1], 200_001)
    distance = np.abs(np.interp(fine, log, first[1:]) - np.interp(fine, log, second[1:]))
    assert (np.diff(np.sign(first - second)[1:]) != 0).any()  # they cross
    assert revelation.area_between(LEVELS, first, second) == pytest.approx(distance.mean(), abs=1e-5)
    assert revelation.area_between(LEVELS, first, first) == 0


def test_distances_from_the_human_curve_have_closed_forms():
    correct = np.zeros((50, 12), bool)
    correct[:, 6:] = True
    human = correct.mean(axis=0) * 0.8 + 0.1  # off by .1 at every level
    entries = revelation.summarise(correct, LEVELS, human, np.random.default_rng(0), 200)
    found = {entry.metric: entry.value for entry in entries}
    assert found["revelation_mse"] == pytest.approx(0.01)
    # Where the step is crossed, from -.1 to .1, the distance is .05 on average.
    assert found["revelation_area"] == pytest.approx(0.1 - 0.05 / 10, abs=1e-4)
    assert found["revelation_auc"] == pytest.approx(0.55, abs=1e-3)


def test_the_interval_is_over_images_and_covers():
    truth, rng = np.linspace(0.4, 0.9, 12), np.random.default_rng(0)
    hits = 0
    for _ in range(60):
        correct = rng.random((80, 1)) < truth
        (entry,) = revelation.summarise(correct, LEVELS, None, rng, 200)
        hits += entry.ci_low <= revelation.area(LEVELS, truth) <= entry.ci_high
    assert 51 <= hits <= 60  # 95 % of 60 are 57


def test_no_image_is_a_status_not_a_number():
    entries = revelation.summarise(
        np.zeros((0, 12), bool), LEVELS, np.zeros(12), np.random.default_rng(0), 10
    )
    assert [entry.value for entry in entries] == [None] * 3
    assert all("no image" in entry.status for entry in entries)


def write(path, levels, accuracy):
    lines = [f"{level},{value}" for level, value in zip(levels, accuracy, strict=True)]
    path.write_text("\n".join(["level,accuracy", *lines]) + "\n")
    return path


def test_a_human_curve_is_read_by_level_in_any_order_and_rounding(tmp_path):
    accuracy = np.linspace(0.5, 0.95, 12)
    rounded = [float(f"{level:.2g}") for level in LEVELS]
    path = write(tmp_path / "human.csv", rounded[::-1], accuracy[::-1])
    np.testing.assert_allclose(revelation.read_human_curve(path, LEVELS), accuracy)


@pytest.mark.parametrize(
    ("levels", "accuracy", "message"),
    [
        (LEVELS[:-1], np.full(11, 0.5), "level: 0 rows of 100 %, expected 1"),
        ([*LEVELS, 1.0], np.full(13, 0.5), "level: 2 rows of 1 %, expected 1"),
        (LEVELS, ["?", *[0.5] * 11], "accuracy: line 2: '?' is not a number"),
        (LEVELS, np.full(12, 62.0), "accuracy: 62.0 at 0 % is not in [0, 1]"),
    ],
)
def test_a_human_curve_of_other_levels_or_units_is_refused(tmp_path, levels, accuracy, message):
    with pytest.raises(InputError) as error:
        revelation.read_human_curve(write(tmp_path / "human.csv", levels, accuracy), LEVELS)
    assert message in str(error.value) and "human.csv" in str(error.value)
