import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from visalign.stats import bootstrap, correlations


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=40))
def test_spearman_equals_scipy_with_ties(pairs):
    a, b = np.array(pairs, dtype=float).T
    ours = correlations.spearman(a, b)
    if a.std() == 0 or b.std() == 0:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(scipy_stats.spearmanr(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize("values", [3, 40, 10**9])
def test_ranks_equal_scipy_with_and_without_ties(values):
    a = np.random.default_rng(values).integers(0, values, (3, 2, 200)) / 7
    np.testing.assert_array_equal(correlations.ranks(a), scipy_stats.rankdata(a, axis=-1))
    a[1, 0, 5] = np.nan
    np.testing.assert_array_equal(correlations.ranks(a), scipy_stats.rankdata(a, axis=-1))


def test_spearman_is_vectorised_over_rows():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (2, 4, 50)).astype(float)
    expected = [scipy_stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(correlations.spearman(a, b), expected, atol=1e-12)


def test_pearson_equals_numpy_and_is_nan_for_constants():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 30, 3))
    a[:, 2] = 4.0
    ours = correlations.pearson(a, b)
    for column in range(2):
        assert ours[column] == pytest.approx(np.corrcoef(a[:, column], b[:, column])[0, 1], abs=1e-12)
    assert np.isnan(ours[2])


@pytest.mark.parametrize(("r", "expected"), [(0.0, 0.0), (0.5, 2 / 3), (1.0, 1.0), (-0.2, -0.5)])
def test_spearman_brown_closed_form(r, expected):
    assert correlations.spearman_brown(np.array(r)) == pytest.approx(expected)


def test_spearman_brown_of_eight_trials():
    assert correlations.spearman_brown(np.array(0.3), 8) == pytest.approx(8 * 0.3 / (1 + 7 * 0.3))


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (18, 20), (20, 20), (350, 1000)])
def test_wilson_equals_scipy(hits, n):
    interval = scipy_stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert correlations.wilson(hits, n) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_bootstrap_interval_of_a_mean_matches_its_standard_error():
    values = np.random.default_rng(2).standard_normal(400)
    low, high = bootstrap.percentile_interval(values, rng=np.random.default_rng(3), draws=4000)
    # 2 × 1.96 standard errors; 4000 draws fix the width to about 3 %.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)
    assert np.isnan(bootstrap.percentile_interval(values[:1], rng=np.random.default_rng(3))).all()


@pytest.mark.parametrize("value", [0.1, 0.3, 1.7, 123.456, 1e6 + 0.1, 0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_has_no_correlation_whatever_its_value(value, dtype):
    for n in (2, 5, 59, 3200):
        b = np.random.default_rng(n).standard_normal((n, 2))
        constant = np.full((n, 2), value, dtype)
        constant[0, 1] = np.nextafter(constant[0, 1], dtype(np.inf))  # as of a mean of other repetitions
        assert np.isnan(correlations.pearson(constant[:, :1], b[:, :1])).all()
        assert value == 0 or np.isnan(correlations.pearson(b, constant)).all()
        assert np.isnan(correlations.pearson(constant, b, where=np.arange(n)[:, None] != n // 2)[0])
    assert np.isnan(correlations.spearman(constant[:, 0], b[:, 0]))


@pytest.mark.parametrize(("offset", "size"), [(1e6, 1e-5), (300, 1e-9), (0, 1e-100)])
def test_variation_that_float64_resolves_on_an_offset_correlates(offset, size):
    b = np.random.default_rng(0).standard_normal(1000)
    # The offset rounds what it is added to: 1e6 · 2^-53 / 1e-5 = 1e-5 of it.
    assert correlations.pearson(offset + size * b, b) == pytest.approx(1, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=20), st.integers(0, 99))
def test_correlations_of_resamples_are_those_of_the_samples_one_by_one(pairs, seed):
    a, b = np.array(pairs, dtype=float).T
    drawn = np.random.default_rng(seed).integers(len(a), size=(5, len(a)))
    counts = bootstrap.resample_counts(len(a), np.random.default_rng(seed), 5)
    for together, one in (
        (correlations.resampled_spearman, correlations.spearman),
        (correlations.resampled_pearson, correlations.pearson),
    ):
        expected = [one(a[i], b[i]) for i in drawn]
        np.testing.assert_allclose(together(a, b, counts), expected, atol=1e-12)


def test_pearson_of_some_samples_is_that_of_the_others_left_out():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 30, 4)) + 5
    where = rng.random((30, 4)) < 0.6
    a[~where] = np.nan
    expected = [np.corrcoef(x[k], y[k])[0, 1] for x, y, k in zip(a.T, b.T, where.T, strict=True)]
    np.testing.assert_allclose(correlations.pearson(a, b, where), expected, atol=1e-12)
