"""Claims about correlations, their intervals, and what covariates change."""

import numpy as np
import pytest
import scipy.stats
from sklearn.linear_model import LinearRegression

from visalign import stats
from visalign.association import adjusted, clustered_regression, correlation, correlations, power_law


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


@pytest.fixture
def studied():
    """Sixty models: accuracy, score, families, parameters and class of training data."""
    rng = np.random.default_rng(4)
    parameters = 10 ** rng.uniform(6, 9, 60)
    x = np.log10(parameters) / 10 + 0.1 * rng.standard_normal(60)
    classes = np.array(["imagenet-1k", "imagenet-22k", "laion-2b"], dtype=object)[
        rng.choice(3, 60, p=[0.6, 0.3, 0.1])
    ]
    y = 2 * x - np.log10(parameters) / 10 + 0.3 * (classes == "laion-2b") + 0.1 * rng.standard_normal(60)
    return x, y, np.arange(60) % 12, parameters, classes


def test_clustered_intervals_are_the_sandwich_written_out():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(40), rng.standard_normal((40, 2))])
    y, families = rng.standard_normal(40), rng.integers(8, size=40)
    coefficients, intervals = clustered_regression(X, y, families)
    expected = np.linalg.lstsq(X, y)[0]
    bread, meat = np.linalg.inv(X.T @ X), np.zeros((3, 3))
    for family in range(8):
        score = X[families == family].T @ (y - X @ expected)[families == family]
        meat += np.outer(score, score)
    covariance = 8 / 7 * 39 / 37 * bread @ meat @ bread
    half = scipy.stats.t.ppf(0.975, 7) * np.sqrt(np.diag(covariance))
    assert coefficients == pytest.approx(expected, abs=1e-12)
    assert intervals == pytest.approx(np.column_stack([expected - half, expected + half]), abs=1e-10)


def test_no_clustered_intervals_where_families_are_not_more_than_coefficients():
    X = np.column_stack([np.ones(40), np.random.default_rng(3).standard_normal((40, 5))])
    assert clustered_regression(X, X[:, 1], np.arange(40) % 6)[1] is None


def test_partial_correlation_given_parameters_is_the_closed_form(studied):
    x, y, families, parameters, _ = studied
    found = adjusted(x, y, families, parameters, [""] * 60, seed=0, draws=100)
    pairs = ((x, y), (x, parameters), (y, parameters))
    xy, xz, yz = (scipy.stats.spearmanr(a, b).statistic for a, b in pairs)
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert found["partial"]["value"] == pytest.approx(expected, abs=1e-10)
    assert found["partial"]["family_ci_low"] < expected < found["partial"]["family_ci_high"]


def test_betas_are_those_of_scikit_learn_on_standardised_columns(studied):
    x, y, families, parameters, classes = studied
    found = adjusted(x, y, families, parameters, classes, seed=0, draws=20)
    z = [scipy.stats.zscore(values, ddof=1) for values in (x, np.log10(parameters), y)]
    X = np.column_stack([*z[:2], classes == "imagenet-22k", classes == "laion-2b"])
    names = ["accuracy", "log parameters", "training data: imagenet-22k", "training data: laion-2b"]
    assert sorted(found["betas"]) == sorted(names)
    expected = LinearRegression().fit(X, z[2]).coef_
    assert [found["betas"][name]["value"] for name in names] == pytest.approx(expected, abs=1e-10)


def test_classes_of_fewer_than_five_models_are_pooled(studied):
    x, y, families, parameters, classes = studied
    classes[:3], classes[3:6] = "webli", "jft-300m"
    found = adjusted(x, y, families, parameters, classes, seed=0, draws=20)
    assert "training data: others" in found["betas"]
    assert not any("webli" in name for name in found["betas"])


def test_models_without_a_covariate_are_left_out(studied):
    x, y, families, parameters, classes = studied
    parameters[:4], classes[2:6] = np.nan, ""
    assert adjusted(x, y, families, parameters, classes, seed=0, draws=20)["n"] == 54


def test_nothing_is_adjusted_without_covariates_or_where_they_determine_the_accuracy(studied):
    x, y, families, parameters, _ = studied
    nothing, unknown = [""] * 60, np.full(60, np.nan)
    assert adjusted(x, y, families, unknown, nothing, seed=0, draws=20) is None
    assert adjusted(x, y, families, unknown, ["imagenet-1k"] * 60, seed=0, draws=20) is None
    assert adjusted(np.log10(parameters), y, families, parameters, nothing, seed=0, draws=20) is None


def test_partial_correlation_is_undefined_where_the_size_gives_the_rank_of_the_accuracy(studied):
    _, y, families, parameters, _ = studied
    found = adjusted(parameters, y, families, parameters, [""] * 60, seed=0, draws=20)
    assert found["partial"] == {"value": None, "family_ci_low": None, "family_ci_high": None}


def test_a_power_law_without_noise_is_recovered(studied):
    parameters = studied[3]
    parameters[0] = np.nan
    y = 3 * parameters**0.25
    y[1] = -1
    found = power_law(y, np.arange(60) % 12, parameters)
    assert (found["n"], found["n_excluded"]) == (58, 1)
    assert list(found["exponent"].values()) == pytest.approx([0.25] * 3)
    assert list(found["factor"].values()) == pytest.approx([3] * 3)


def test_there_is_no_power_law_of_one_size_or_nine_models():
    y, families = np.arange(1.0, 21), np.arange(20)
    assert power_law(y, families, np.full(20, 1e6)) is None
    assert power_law(y[:9], families[:9], y[:9]) is None
