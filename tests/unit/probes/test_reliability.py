"""Claims about the reliability of the spread between models."""

import numpy as np
import pytest

from visalign.probes import reliability


def test_reliability_is_the_share_of_the_variance_that_is_not_error():
    rng = np.random.default_rng(0)
    true, errors = 0.04 * rng.standard_normal(20_000), np.full(20_000, 0.03)
    found = reliability.spread_reliability(true + errors * rng.standard_normal(20_000), errors)
    assert found == pytest.approx(16 / 25, abs=0.02)


def test_no_correlation_with_the_truth_is_above_the_attainable_one():
    rng = np.random.default_rng(0)
    true = rng.standard_normal(50_000)
    measured = true + rng.standard_normal(50_000)
    rel = reliability.spread_reliability(measured, np.ones(50_000))
    r = np.corrcoef(true, measured)[0, 1]
    assert reliability.attainable(rel) == pytest.approx(r, abs=0.01)
    assert reliability.disattenuated(r, rel) == pytest.approx(1, abs=0.02)


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_known_is_no_number():
    nothing = np.array([np.nan, 0.1])
    assert np.isnan(reliability.spread_reliability(np.array([0.5, 0.6]), nothing))
    assert np.isnan(reliability.spread_reliability(np.full(5, 0.7), np.full(5, 0.1)))
    assert np.isnan(reliability.attainable(-0.1)) and np.isnan(reliability.disattenuated(0.4, 0.3))
    kept = reliability.spread_reliability(np.array([0.5, 0.6, 0.8, np.nan]), np.full(4, 0.01))
    assert kept == pytest.approx(1 - 1e-4 / np.var([0.5, 0.6, 0.8], ddof=1))


def test_binomial_errors():
    np.testing.assert_allclose(reliability.binomial_errors(np.array([0.5, 1.0]), 100), [0.05, 0])
