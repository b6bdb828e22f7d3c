import numpy as np
import pytest
from scipy import stats

from visalign.stats.bootstrap import expanded_interval, expanded_quantiles


def test_quantiles_are_the_percentiles_where_units_are_many():
    assert expanded_quantiles(10**6) == pytest.approx((0.025, 0.975), abs=1e-5)
    assert expanded_quantiles(10**6, 0.9) == pytest.approx((0.05, 0.95), abs=1e-5)


def test_quantiles_follow_students_distribution():
    low, high = expanded_quantiles(10)
    assert low == pytest.approx(stats.norm.cdf(np.sqrt(10 / 9) * stats.t.ppf(0.025, 9)), rel=1e-9)
    assert low + high == pytest.approx(1)


def test_the_interval_of_a_mean_is_nearly_students():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(20)
    draws = values[rng.integers(20, size=(100_000, 20))].mean(axis=1)
    expected = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    # A hundred thousand draws place a quantile of 1.6 % to .01 of the half-width; the rest is skewness.
    assert expanded_interval(draws, 20) == pytest.approx(expected, abs=0.05 * (expected[1] - values.mean()))


def test_draws_without_a_value_are_left_out():
    draws = np.random.default_rng(1).standard_normal(500)
    assert expanded_interval([*draws, np.nan, np.nan], 8) == expanded_interval(draws, 8)


def test_an_end_at_infinity_is_unknown():
    draws = [*np.linspace(0, 1, 900), *[np.inf] * 100]
    low, high = expanded_interval(draws, 30)
    assert 0 < low < 0.1 and np.isnan(high)


@pytest.mark.parametrize(("draws", "n"), [([0.1, 0.2], 1), ([], 5), ([np.nan], 5)])
def test_no_interval_without_units_or_values(draws, n):
    assert np.isnan(expanded_interval(draws, n)).all()
