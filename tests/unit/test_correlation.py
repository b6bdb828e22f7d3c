"""Claims about correlations and their intervals."""

import numpy as np
import pytest
import scipy.stats

from visalign import stats
from visalign.correlation import correlation, correlations


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
    assert correlation(np.arange(4.0), np.arange(4.0), np.arange(4), seed=0, draws=10)["value"] is None


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
