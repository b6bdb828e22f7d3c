"""Claims about the test of the upper envelope: known answers. How often it errs: docs/calibration.md."""

import numpy as np
import pytest

from visalign.trend import mean_decline, segmented
from visalign.trend.envelope_decline import above_quantile, envelope_decline


def test_beyond_every_start_the_models_above_their_quantile_are_told_from_the_others():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=40)
    y = np.round(5 * x) + rng.integers(4, size=40)  # rises, with ties
    starts = np.array([-np.inf, 0.3, 0.6])
    found = above_quantile(x, y, 0.8, starts)
    for row, start in zip(found, starts, strict=True):
        quantile = np.quantile(y[x > start], 0.8, method="inverted_cdf")
        higher = y[x > start] > quantile
        assert row[x > start] == pytest.approx(higher - higher.mean())
        assert not row[x <= start].any()


def edges(rng, n):
    """Return x, and scores of two clouds: a flat edge over a falling mean, a falling edge, mean rising."""
    x = rng.uniform(size=n)
    edge, mean = 0.6 + 0.6 * np.minimum(x, 0.6) - 0.5 * np.maximum(x - 0.6, 0), 0.3 + 0.5 * x
    falling = edge - 2 * np.maximum(edge - mean, 0.03) * rng.uniform(size=n)
    flat = np.where(rng.uniform(size=n) < 0.2, 1, -0.5 - x) + 0.3 * rng.standard_normal(n)
    return x, flat, falling


def test_mean_and_envelope_decline_without_each_other():
    rng = np.random.default_rng(3)
    x, flat, falling = edges(rng, 360)
    families = np.arange(360)
    signs = segmented.wild_signs(families, rng, 199)
    assert mean_decline.decline(x, flat, families, signs)["p"] <= 0.05
    assert envelope_decline(x, flat, families, signs)["p"] > 0.05
    assert mean_decline.decline(x, falling, families, signs)["p"] > 0.05
    found = envelope_decline(x, falling, families, signs)
    assert found["p"] <= 0.05 and found["tau"] == 0.9


def test_with_few_models_a_lower_quantile_or_none_is_tested():
    rng = np.random.default_rng(0)
    for n, tau, tested in ((199, 0.8, True), (50, 0.8, True), (49, 0.8, False)):
        x, y = rng.standard_normal((2, n))
        found = envelope_decline(x, y, np.arange(n), segmented.wild_signs(np.arange(n), rng, 19))
        assert (found["tau"], found["p"] is not None) == (tau, tested)
    assert "50 models" in found["reason"]


def test_the_envelope_test_does_not_depend_on_units_or_order():
    rng = np.random.default_rng(5)
    x, y, families = rng.uniform(size=80), rng.standard_normal(80), np.arange(80) % 9
    order = rng.permutation(80)
    signs = segmented.wild_signs(families, rng, 99)
    found = envelope_decline(x, y, families, signs)
    moved = envelope_decline(100 * x[order], 7 + 10 * y[order], families[order], signs)
    assert moved["statistic"] == pytest.approx(found["statistic"]) and moved["p"] == found["p"]
