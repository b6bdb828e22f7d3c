"""Claims about the two-way bootstrap: stimuli and neuroids are both drawn with replacement in every draw."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.stats import resampling


def test_every_draw_takes_as_many_units_and_neuroids_as_there_are_some_of_them_again():
    draws = resampling.draw(np.arange(40), 12, seed=0, draws=500)
    assert draws.weights.shape == (500, 40) and draws.neuroids.shape == (500, 12)
    assert (draws.weights.sum(axis=1) == 40).all()
    assert draws.neuroids.min() == 0 and draws.neuroids.max() == 11
    assert len({tuple(row) for row in draws.weights}) == len({tuple(row) for row in draws.neuroids}) == 500
    # With replacement each is drawn 0, 1, 2, … times, of variance 1 − 1/n; the error is below .02.
    times = np.array([np.bincount(row, minlength=12) for row in draws.neuroids])
    assert draws.weights.var() == pytest.approx(1 - 1 / 40, abs=0.08)
    assert times.var() == pytest.approx(1 - 1 / 12, abs=0.08)


def test_the_draws_of_a_mean_have_the_variance_of_stimuli_and_of_neuroids():
    """Of values a_i + b_j the two variances add up: σ²/n of each, within 10 % for 4,000 draws."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(50), rng.standard_normal(30)
    draws = resampling.draw(np.arange(50), 30, seed=1, draws=4000)
    means = draws.of_stimuli() @ a / 50 + b[draws.neuroids].mean(axis=1)
    assert means.var() == pytest.approx(a.var() / 50 + b.var() / 30, rel=0.1)


def test_stimuli_of_one_unit_are_drawn_together_whatever_it_is_called():
    unit = np.array(["b", "b", "a", "c", "a", "a"])
    draws = resampling.draw(unit, 5, seed=0, draws=20)
    weights = draws.of_stimuli()
    for name in "abc":
        own = weights[:, unit == name]
        assert (own == own[:, :1]).all()
    assert (draws.weights.sum(axis=1) == 3).all() and draws.units == 3


def test_draws_in_parts_are_the_draws():
    draws = resampling.draw(np.arange(9), 4, seed=0, draws=resampling.DRAWS_AT_ONCE + 7)
    parts = list(draws.parts())
    assert len(parts) == 2
    np.testing.assert_array_equal(np.concatenate([part.weights for part in parts]), draws.weights)
    np.testing.assert_array_equal(np.concatenate([part.neuroids for part in parts]), draws.neuroids)
