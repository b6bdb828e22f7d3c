"""Claims about slopes beyond many starts: brute force, one start and one draw at a time."""

import numpy as np
import pytest

from visalign.trend import segmented
from visalign.trend.falling_slopes import decline_statistic, family_shares


def falling_t(x, y, families, start):
    """Return −slope / error of the models beyond a start, the error from fits without each family."""
    x, y, families = x[x > start], y[x > start], families[x > start]
    slope, labels = np.polyfit(x, y, 1)[0], np.unique(families)
    without = [np.polyfit(x[families != f], y[families != f], 1)[0] for f in labels]
    return -slope / np.sqrt(np.sum((without - slope) ** 2) * (len(labels) - 1) / len(labels))


def test_statistic_of_every_draw_is_the_largest_robust_t_over_the_starts(cloud):
    x, y, families = cloud
    starts = np.array([-np.inf, *segmented.candidate_knots(x)])
    signs = segmented.wild_signs(families, np.random.default_rng(1), 6)
    statistic, where = decline_statistic(x, y, families, starts, signs)
    for draw in range(6):
        t = [falling_t(x, y * signs[families, draw], families, start) for start in starts]
        assert statistic[draw] == pytest.approx(max(t), rel=1e-9)
        assert where[draw] == np.argmax(t)


def test_a_shift_is_the_part_of_a_draw_that_no_sign_turns(cloud):
    x, y, families = cloud
    starts = np.array([-np.inf, *segmented.candidate_knots(x)])
    signs = segmented.wild_signs(families, np.random.default_rng(1), 4)
    shift = 3 - x**2
    statistic, _ = decline_statistic(x, y, families, starts, signs, shift)
    for draw in range(4):
        t = [falling_t(x, shift + y * signs[families, draw], families, start) for start in starts]
        assert statistic[draw] == pytest.approx(max(t), rel=1e-9)


def test_shares_of_the_slope_s_variance_are_those_of_simulated_noise():
    rng = np.random.default_rng(0)
    families = rng.choice(6, 40, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])
    x, start = rng.uniform(size=40) + 0.1 * families, 0.3
    beyond = x > start
    p = np.where(beyond, x - x[beyond].mean(), 0) / np.sum((x[beyond] - x[beyond].mean()) ** 2)
    noise = rng.standard_normal((20000, 6))[:, families] + rng.standard_normal((20000, 40))
    variance = [np.var((noise * p)[:, families == f].sum(axis=1)) for f in range(6)]
    found = family_shares(x, families, np.array([start]))[0]
    assert found == pytest.approx(variance / np.sum(variance), abs=0.01)  # 20000 draws: SD .003


def test_even_families_of_equal_x_are_all_effective():
    x = np.tile(np.linspace(0, 1, 10), 8)
    shares = family_shares(x, np.repeat(np.arange(8), 10), np.array([-np.inf]))
    assert shares == pytest.approx(1 / 8)
