"""Claims about correlations and their intervals."""

import numpy as np
import pytest
import scipy.stats

from visalign.stats import correlations as stats
from visalign.trend.correlation import correlation, correlations


def test_spearman_equals_scipy_with_ties():
    rng = np.random.default_rng(1)
    x, y = rng.integers(5, size=40).astype(float), rng.integers(5, size=40).astype(float)
    found = correlation(x, y, np.arange(len(x)), seed=0, draws=200)
    assert found["value"] == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-12)
    assert found["ci_low"] < found["value"] < found["ci_high"]
    assert found["n"] == 40


def test_bootstrap_interval_is_reproducible_and_follows_the_seed():
    x, y = np.random.default_rng(2).standard_normal((2, 30))
    assert correlation(x, y, np.arange(len(x)), seed=3, draws=100) == correlation(
        x, y, np.arange(len(x)), seed=3, draws=100
    )
    assert correlation(x, y, np.arange(len(x)), seed=3, draws=100) != correlation(
        x, y, np.arange(len(x)), seed=4, draws=100
    )


def test_bootstrap_interval_covers_the_true_correlation_nine_times_in_ten():
    rng = np.random.default_rng(5)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's ρ of a bivariate normal with r = .6
    hits = 0
    for _ in range(60):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=60).T
        found = correlation(x, y, np.arange(len(x)), seed=0, draws=200)
        hits += found["ci_low"] <= truth <= found["ci_high"]
    assert hits >= 50  # nominal 57; fewer than 50 would happen once in a thousand at 95 % coverage


def test_a_constant_or_too_small_sample_has_no_correlation():
    assert correlation(np.ones(20), np.arange(20.0), np.arange(20), seed=0, draws=10)["value"] is None
    assert correlation(np.arange(5.0), np.arange(5.0), np.arange(5), seed=0, draws=10)["value"] is None


def test_the_changepoint_counts_on_neither_side():
    x = np.arange(13.0)
    y = np.concatenate([x[:6], [99], -x[7:]])
    found = correlations(x, y, ["a"] * 7 + ["b"] * 6, 6.0, seed=0, draws=50)
    assert (found["below"]["n"], found["above"]["n"], found["overall"]["n"]) == (6, 6, 13)
    assert found["below"]["value"] == pytest.approx(1)
    assert found["above"]["value"] == pytest.approx(-1)
    assert {name: part["n"] for name, part in found["by_family"].items()} == {"a": 7, "b": 6}


def test_pearson_equals_scipy_and_has_intervals():
    x, y = np.random.default_rng(1).standard_normal((2, 40))
    found = correlation(x, y, np.arange(40), stats.pearson, seed=0, draws=200)
    assert found["value"] == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-12)
    assert found["ci_low"] < found["value"] < found["ci_high"]


def test_interval_over_families_is_wider_where_families_stray_together():
    rng = np.random.default_rng(0)
    families = np.repeat(np.arange(8), 10)
    x, y = rng.standard_normal((2, 8))[:, families] + 0.1 * rng.standard_normal((2, 80))
    found = correlation(x, y, families, seed=0, draws=300)
    width, family_width = (found[f"{kind}_high"] - found[f"{kind}_low"] for kind in ("ci", "family_ci"))
    assert family_width > 1.5 * width


@pytest.mark.parametrize("families", [np.arange(40), np.arange(40) % 4], ids=["all alone", "four"])
def test_there_is_no_interval_over_families_without_families_or_with_four(families):
    x, y = np.random.default_rng(1).standard_normal((2, 40))
    found = correlation(x, y, families, seed=0, draws=50)
    assert found["ci_low"] is not None and found["family_ci_low"] is None


def test_the_bootstrap_of_models_is_that_of_one_sample_after_another():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(20), rng.integers(4, size=20).astype(float)
    drawn = np.random.default_rng(3).integers(20, size=(300, 20))
    for statistic, oracle in ((stats.spearman, scipy.stats.spearmanr), (stats.pearson, scipy.stats.pearsonr)):
        found = correlation(x, y, np.arange(20), statistic, seed=3, draws=300)
        expected = np.quantile([oracle(x[i], y[i])[0] for i in drawn], [0.025, 0.975])
        assert (found["ci_low"], found["ci_high"]) == pytest.approx(expected, abs=1e-12)


def test_interval_over_families_is_the_jackknife_of_fisher_s_z_written_out():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 30))
    families = rng.choice(6, 30, p=[0.3, 0.3, 0.1, 0.1, 0.1, 0.1])
    z = np.arctanh(scipy.stats.spearmanr(x, y)[0])
    without = [np.arctanh(scipy.stats.spearmanr(x[families != f], y[families != f])[0]) for f in range(6)]
    half = scipy.stats.t.ppf(0.975, 5) * np.sqrt(5 / 6 * np.sum((np.array(without) - z) ** 2))
    found = correlation(x, y, families, seed=0, draws=20)
    assert (found["family_ci_low"], found["family_ci_high"]) == pytest.approx(np.tanh([z - half, z + half]))


def test_families_in_perfect_order_have_an_interval():
    x = np.arange(20.0)
    found = correlation(x, np.concatenate([x[:18], [19, 18]]), np.arange(20) // 4, seed=0, draws=20)
    assert 0 < found["family_ci_low"] < found["value"] < found["family_ci_high"] < 1
    found = correlation(x, x, np.arange(20) // 4, seed=0, draws=20)
    assert 0.99 < found["family_ci_low"] <= found["value"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_families"), [(20, 5), (30, 6), (40, 8), (60, 12), (100, 20)])
def test_independent_scores_of_alike_models_seldom_have_a_direction(n, n_families):
    claimed = 0
    for run in range(400):
        rng = np.random.default_rng([run, n])
        families = np.concatenate([np.arange(n_families), rng.integers(n_families, size=n - n_families)])
        x, y = rng.standard_normal((2, n_families))[:, families] + rng.standard_normal((2, n))
        found = correlation(x, y, families, seed=0, draws=2)
        claimed += found["family_ci_low"] > 0 or found["family_ci_high"] < 0
    assert claimed <= 35  # nominal 20 of 400, SD 4.4; a percentile bootstrap claims up to 40


def test_models_of_one_family_are_judged_as_independent():
    x, y = np.random.default_rng(1).standard_normal((2, 20))
    part = correlations(x, y, ["a"] * 10 + ["b"] * 10, 0.0, seed=0, draws=50)["by_family"]["a"]
    assert (part["n"], part["n_families"]) == (10, 10)
