"""Claims about what covariates change, and about their intervals."""

import numpy as np
import pytest
import scipy.stats
from sklearn.linear_model import LinearRegression

from visalign.trend.covariates import adjusted, clustered_regression, power_law


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


def test_clustered_intervals_are_the_jackknife_over_families_written_out():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(40), rng.standard_normal((40, 2))])
    y, families = rng.standard_normal(40), rng.integers(8, size=40)
    coefficients, intervals = clustered_regression(X, y, families)
    expected = np.linalg.lstsq(X, y)[0]
    without = [np.linalg.lstsq(X[families != f], y[families != f])[0] for f in range(8)]
    variance = 7 / 8 * np.sum((np.array(without) - expected) ** 2, axis=0)
    half = scipy.stats.t.ppf(0.975, 7) * np.sqrt(variance)
    assert coefficients == pytest.approx(expected, abs=1e-12)
    assert intervals == pytest.approx(np.column_stack([expected - half, expected + half]), abs=1e-10)


def test_a_coefficient_that_one_family_determines_has_no_interval():
    rng = np.random.default_rng(3)
    families = np.arange(40) % 8
    X = np.column_stack([np.ones(40), rng.standard_normal(40), families == 2])
    _, intervals = clustered_regression(X, rng.standard_normal(40), families)
    assert np.isnan(intervals[2]).all() and np.isfinite(intervals[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_families", "p"), [(40, 5, 4), (60, 8, 4), (200, 20, 4)])
def test_intervals_of_the_regression_hold_the_truth_with_families_of_unequal_size(n, n_families, p):
    held = 0
    for run in range(300):
        rng = np.random.default_rng([run, n])
        share = rng.dirichlet(np.ones(n_families))
        families = np.concatenate([np.arange(n_families), rng.choice(n_families, n - n_families, p=share)])
        shared = rng.standard_normal((p, n_families))[:, families]
        *columns, y = shared + rng.standard_normal((p, n))
        _, intervals = clustered_regression(np.column_stack([np.ones(n), *columns]), y, families)
        held += intervals[1, 0] <= 0 <= intervals[1, 1]
    assert held >= 270  # nominal 285 of 300, SD 3.8; the plain sandwich holds it in 255 to 270


def test_no_clustered_intervals_where_families_are_not_more_than_coefficients():
    X = np.column_stack([np.ones(40), np.random.default_rng(3).standard_normal((40, 5))])
    assert clustered_regression(X, X[:, 1], np.arange(40) % 6)[1] is None


def test_partial_correlation_given_parameters_is_the_closed_form(studied):
    x, y, families, parameters, _ = studied
    found = adjusted(x, y, families, parameters, [""] * 60)
    pairs = ((x, y), (x, parameters), (y, parameters))
    xy, xz, yz = (scipy.stats.spearmanr(a, b).statistic for a, b in pairs)
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert found["partial"]["value"] == pytest.approx(expected, abs=1e-10)
    assert found["partial"]["family_ci_low"] < expected < found["partial"]["family_ci_high"]


def test_betas_are_those_of_scikit_learn_on_standardised_columns(studied):
    x, y, families, parameters, classes = studied
    found = adjusted(x, y, families, parameters, classes)
    z = [scipy.stats.zscore(values, ddof=1) for values in (x, np.log10(parameters), y)]
    X = np.column_stack([*z[:2], classes == "imagenet-22k", classes == "laion-2b"])
    names = ["accuracy", "log parameters", "training data: imagenet-22k", "training data: laion-2b"]
    assert sorted(found["betas"]) == sorted(names)
    expected = LinearRegression().fit(X, z[2]).coef_
    assert [found["betas"][name]["value"] for name in names] == pytest.approx(expected, abs=1e-10)


def test_a_relation_that_the_input_side_explains_is_none_beside_it(studied):
    _, _, families, _, classes = studied
    rng, sides = np.random.default_rng(2), np.repeat([112.0, 224, 384, 448, 518, 768], 10)
    x, y = np.log10(sides) + 0.1 * rng.standard_normal((2, 60))
    unknown = np.full(60, np.nan)
    alone = adjusted(x, y, families, unknown, [""] * 60, sides=sides)
    xy, xz, yz = (scipy.stats.spearmanr(a, b).statistic for a, b in ((x, y), (x, sides), (y, sides)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert alone["partial"]["value"] == pytest.approx(expected, abs=1e-10)
    assert xy > 0.6 and abs(expected) < 0.3  # |ρ| of 60 independent pairs is below .3 in 49 of 50 studies
    found = adjusted(x, y, families, unknown, classes, sides=sides)
    z = [scipy.stats.zscore(values, ddof=1) for values in (x, np.log10(sides), y)]
    X = np.column_stack([*z[:2], classes == "imagenet-22k", classes == "laion-2b"])
    betas = [found["betas"][name]["value"] for name in ("accuracy", "log side")]
    assert betas == pytest.approx(LinearRegression().fit(X, z[2]).coef_[:2], abs=1e-10)


def test_one_side_of_all_inputs_is_no_covariate_and_a_model_of_unknown_side_is_left_out(studied):
    x, y, families, parameters, _ = studied
    sides = np.full(60, 224.0)
    sides[3] = np.nan
    found = adjusted(x, y, families, parameters, [""] * 60, sides=sides)
    assert found["n"] == 59 and "log side" not in found["betas"]


def test_classes_of_fewer_than_six_models_are_pooled(studied):
    x, y, families, parameters, classes = studied
    classes[:3], classes[3:6] = "webli", "jft-300m"
    found = adjusted(x, y, families, parameters, classes)
    assert "training data: others" in found["betas"]
    assert not any("webli" in name for name in found["betas"])


def test_models_without_a_covariate_are_left_out(studied):
    x, y, families, parameters, classes = studied
    parameters[:4], classes[2:6] = np.nan, ""
    assert adjusted(x, y, families, parameters, classes)["n"] == 54


def test_nothing_is_adjusted_without_covariates_or_where_they_determine_the_accuracy(studied):
    x, y, families, parameters, _ = studied
    nothing, unknown = [""] * 60, np.full(60, np.nan)
    assert adjusted(x, y, families, unknown, nothing) is None
    assert adjusted(x, y, families, unknown, ["imagenet-1k"] * 60) is None
    assert adjusted(np.log10(parameters), y, families, parameters, nothing) is None


def test_partial_correlation_is_undefined_where_the_size_gives_the_rank_of_the_accuracy(studied):
    _, y, families, parameters, _ = studied
    found = adjusted(parameters, y, families, parameters, [""] * 60)
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
