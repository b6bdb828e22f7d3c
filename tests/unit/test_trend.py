"""Claims about the trend statistics: known answers first, then the published panels, then the pipeline."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import synthetic_scores
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LinearRegression

from visalign import segmented, stats, tables, verdict
from visalign.association import adjusted, clustered_regression, correlation, correlations, power_law
from visalign.cli import main
from visalign.envelope import Line, envelope, falling_line, front
from visalign.fitted_curve import DRAWS, fitted_curve

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "published"
HARMONIZATION = "large_scale_results_hmn.csv"
IT_MAPS = "neural_alignment_red_central_it_shifted_211_250.csv"
ADVERSARIAL = "adversarial_alignment_L2FMNAttack.csv"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason=f"published tables are not at {PUBLISHED} (they may not be redistributed)"
)

# Twelve points; the front is 0, 2, 3, 6 (worked out on paper), its highest point (6, 8).
X = np.array([1.0, 2, 2, 4, 3, 5, 6, 7, 8, 9, 9, 10])
Y = np.array([2.0, 1, 3, 6, 3, 5, 8, 4, 6, 5, 7, 3])


def trend_of(capsys, *argv: str) -> dict:
    main(["trend", *map(str, argv), "--json"])
    return json.loads(capsys.readouterr().out)


def error_of(capsys, *argv: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["trend", *map(str, argv)])
    assert stop.value.code == 2
    message = capsys.readouterr().err.strip()
    assert len(message.splitlines()) == 1
    return message


# --- envelope: worked by hand --------------------------------------------------------------------------


def test_front_of_twelve_points_is_the_one_worked_out_by_hand():
    assert front(X, Y).tolist() == [0, 2, 3, 6]


def test_lines_of_twelve_points_are_the_ones_worked_out_by_hand():
    found = envelope(X, Y)
    assert found.changepoint == 6
    # Rising: dx = −5, −4, −2; dy = −6, −5, −2; slope = (30 + 20 + 4) / (25 + 16 + 4).
    assert found.rising.slope == pytest.approx(54 / 45)
    assert found.rising.intercept == pytest.approx(8 - 6 * 54 / 45)
    # Beyond: (7, 4), (8, 6), (9, 7). The weighted line, slope −61/91, covers only the last point.
    assert found.beyond.tolist() == [7, 8, 10]
    assert found.falling.slope == pytest.approx((7 - 8) / (9 - 6))


def test_falling_line_is_weighted_by_height_where_half_of_its_points_are_covered():
    # Weights 2/3 and 1; dx = 1, 2; dy = −4, −2; slope = −(8/3 + 4) / (2/3 + 4).
    line = falling_line(np.array([7.0, 8]), np.array([4.0, 6]), 6.0, 8.0)
    assert line.slope == pytest.approx(-10 / 7)
    assert "weighted" in line.rule


def test_of_points_at_one_x_only_the_highest_is_in_the_front():
    assert front(np.array([1.0, 1, 1]), np.array([1.0, 3, 2])).tolist() == [1]


def test_falling_line_goes_to_the_last_front_point_when_most_lie_below_it():
    x, y = np.array([1.0, 2, 3, 20]), np.array([1.0, 1.01, 1.02, 1.03])
    line = falling_line(x, y, 0.0, 3.0)
    assert line.rule == "to the last front point beyond"
    assert line.slope == pytest.approx((1.03 - 3) / 20)


def test_negative_alignment_beyond_the_changepoint_still_gives_a_falling_line():
    found = envelope(np.arange(4.0), np.array([0.5, -0.3, -0.2, -0.1]))
    assert found.falling.slope < 0


def test_a_front_that_ends_at_the_most_accurate_model_has_no_falling_line():
    found = envelope(np.arange(5.0), np.arange(5.0))
    assert found.falling is None
    assert found.rising.slope == pytest.approx(1)


def test_a_front_that_starts_at_its_highest_point_has_no_rising_line():
    assert envelope(np.arange(5.0), -np.arange(5.0)).rising is None


def test_envelope_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="finite"):
        envelope(np.array([0.0, np.nan]), np.array([0.0, 1.0]))


@given(arrays(float, st.tuples(st.integers(1, 25), st.just(2)), elements=st.integers(0, 8).map(float)))
def test_front_covers_all_points_and_does_not_depend_on_their_order(points):
    x, y = points.T
    upper = front(x, y)
    assert (np.diff(x[upper]) > 0).all() and (np.diff(y[upper]) > 0).all()
    for xi, yi in points:
        assert yi <= y[upper][x[upper] <= xi].max()
    shuffled = points[np.random.default_rng(0).permutation(len(points))]
    assert (shuffled[front(*shuffled.T)] == points[upper]).all()


@given(
    arrays(float, (12,), elements=st.integers(0, 100).map(float)),
    st.integers(-5, 5),
    st.sampled_from([0.5, 2]),
)
def test_rising_line_moves_with_the_units_of_y(y, shift, scale):
    line, moved = envelope(X, y).rising, envelope(X, scale * y + shift).rising
    assert (line is None) == (moved is None)
    if line:
        assert moved.slope == pytest.approx(scale * line.slope, abs=1e-9)
        assert moved.at(np.array([3.0])) == pytest.approx(scale * line.at(np.array([3.0])) + shift, abs=1e-6)


def test_line_gives_its_height():
    assert Line(2.0, 1.0, "").at(np.array([3.0])).tolist() == [7.0]


# --- correlations --------------------------------------------------------------------------------------


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


# --- covariates ----------------------------------------------------------------------------------------


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


# --- curve of the two-piece regression -----------------------------------------------------------------


def test_band_is_the_spread_of_the_bootstrap_curves_of_the_regression():
    rng = np.random.default_rng(8)
    x, families = rng.random(60), np.arange(60) % 12
    y = np.minimum(x, 0.6) + 0.1 * rng.standard_normal(60)
    curve = fitted_curve(x, y, [f"f{i}" for i in families], seed=4, draws=DRAWS)
    grid = np.array(curve["x"])
    assert (grid[0], grid[-1]) == (x.min(), x.max())
    signs = segmented.wild_signs(families, np.random.default_rng(4), DRAWS)
    knots = segmented.candidate_knots(x)
    design = segmented.designs(x, knots, "segmented")
    (best,), (fit,) = segmented.best_fit(design, y[:, None])
    at_grid = segmented.designs(grid, knots, "segmented")
    np.testing.assert_allclose(curve["y"], at_grid[best] @ fit, atol=1e-10)
    moved = np.where(x < knots[best], fit[1], fit[2])
    errors = segmented.left_out_errors(
        y - design[best] @ fit, np.column_stack([design[best], moved]), families
    )
    drawn = (design[best] @ fit)[:, None] + np.sqrt(11 / 12) * errors[:, None] * signs[families]
    chosen, fits = segmented.best_fit(design, drawn)
    low, high = np.quantile(np.einsum("dgp,dp->dg", at_grid[chosen], fits), [0.025, 0.975], axis=0)
    np.testing.assert_allclose(curve["low"], low, atol=1e-10)
    np.testing.assert_allclose(curve["high"], high, atol=1e-10)


def test_points_on_two_pieces_give_that_curve_and_a_band_without_width():
    x = np.linspace(0, 1, 41)
    y = np.interp(x, [0, 0.5125, 1], [0, 1, 0.2])  # the bend lies midway between two models
    curve = fitted_curve(x, y, [f"f{i % 8}" for i in range(41)], seed=0, draws=50)
    for name in ("y", "low", "high"):
        np.testing.assert_allclose(curve[name], np.interp(curve["x"], [0, 0.5125, 1], [0, 1, 0.2]), atol=1e-9)


def test_there_is_no_curve_where_there_is_no_regression():
    assert fitted_curve(np.arange(20.0), np.arange(20.0), ["a", "b"] * 10, seed=0, draws=20) is None


# --- verdict -------------------------------------------------------------------------------------------


def judged(p, below=(1.0, 2.0), beyond=(-2.0, -1.0), rho=(0.2, 0.6), reason=""):
    """Return the verdict on a trend of given p and intervals."""
    pieces = {"changepoint": 0.7, "changepoint_low": 0.6, "changepoint_high": 0.8}
    for name, (low, high) in (("slope_below", below), ("slope_beyond", beyond)):
        pieces |= {name: (low + high) / 2, f"{name}_low": low, f"{name}_high": high}
    overall = {"ci_low": 0.1, "ci_high": 0.9, "family_ci_low": rho[0], "family_ci_high": rho[1]}
    trend = {"decline": {"p": p, "reason": reason}, "segmented": pieces, "spearman": {"overall": overall}}
    return verdict.of_trend(trend)


def test_a_decline_is_claimed_with_place_slope_intervals_and_p():
    assert judged(0.01) == (
        "Rises, then declines beyond x = 0.70 (95 % 0.60 to 0.80): "
        "slope −1.500, 95 % −2.000 to −1.000; test of decline: p = 0.010."
    )
    assert judged(0.01, below=(-1, 1)).startswith("Declines beyond x = 0.70")
    assert judged(0.01, below=(-2, -1)).startswith("Declines below and beyond x = 0.70")
    assert "p < 0.001" in judged(0.0005)


def test_no_decline_is_claimed_beyond_a_changepoint_where_the_slope_may_be_zero():
    words = judged(0.01, beyond=(-2, 0))
    assert words.startswith("Declines somewhere") and "may be 0" in words


def test_without_evidence_the_verdict_says_that_and_whether_scores_rise_over_families():
    assert judged(0.06).startswith("Rises with accuracy; no evidence of decline (test of decline: p = 0.060)")
    assert judged(0.06, rho=(-0.1, 0.6)).startswith("No evidence of decline")
    assert "not evidence that there is none" in judged(0.9)


def test_what_was_not_tested_is_said_not_to_be():
    assert judged(None, reason="five families") == "Not tested for a decline: five families."


def test_a_correlation_is_judged_by_its_interval_over_families():
    rho = {"value": 0.5, "ci_low": 0.1, "ci_high": 0.8, "family_ci_low": -0.1, "family_ci_high": 0.9, "n": 20}
    words = verdict.of_correlation(rho, "All")
    assert "over families −0.10 to +0.90" in words and "no evidence of a relation" in words


# --- published panels ----------------------------------------------------------------------------------

A = ("brainscore_coded.csv", "--x", "ImageNet-top1", "--y", "MajajHong2015.IT-pls")
ON = ("--join", PUBLISHED / IT_MAPS, "--on", "model=model_name")
B = (HARMONIZATION, *ON, "--x", "multi_label_acc", "--y", "new_brain_score")
C = (HARMONIZATION, *ON, "--x", "multi_label_acc", "--y", "spearman")
# n, changepoint (model, x, y), rising, falling, overall ρ: as printed, each to its printed digits.
PANELS = {
    "A": (A, 224, "vonegrcnn_52e_full", ".703 .569", ".282 .371", "-.869 1.180", ".13"),
    "B": (B, 363, "tresnet_v2_l.miil_in21k_ft_in1k", ".9272 .6955", ".408 .317", "-1.450 2.040", ".366"),
    "C": (C, 363, "wide_resnet50_2_linf_eps0.5", ".8519 .5259", ".611 .006", "-4.399 4.274", "-.766"),
}


def agrees(value: float, printed: str) -> bool:
    """Return whether a value rounds to a printed number."""
    return round(value, len(printed.partition(".")[2])) == float(printed)


@needs_published
@pytest.mark.parametrize("name", PANELS)
def test_published_panel_is_reproduced_to_the_printed_digits(name, capsys):
    argv, n, model, peak, rising, falling, overall = PANELS[name]
    found = trend_of(capsys, PUBLISHED / argv[0], *argv[1:], "--bootstrap", "20")
    trend = found["trend"]
    assert found["n"] == n and found["n_missing"] == 0
    assert trend["changepoint"]["model"] == model
    pairs = [(trend["changepoint"][axis], printed) for axis, printed in zip("xy", peak.split(), strict=True)]
    for line, printed in ((trend["rising"], rising), (trend["falling"], falling)):
        pairs += zip((line["slope"], line["intercept"]), printed.split(), strict=True)
    pairs.append((trend["spearman"]["overall"]["value"], overall))
    assert [printed for value, printed in pairs if not agrees(value, printed)] == []


@needs_published
@pytest.mark.parametrize(
    ("name", "said"),
    [("A", "Rises, then declines"), ("B", "Declines somewhere"), ("C", "Declines beyond x = 0.85")],
)
def test_published_panels_decline_were_their_models_independent(name, said, capsys):
    argv = PANELS[name][0]
    trend = trend_of(capsys, PUBLISHED / argv[0], *argv[1:], "--bootstrap", "400")["trend"]
    assert trend["decline"]["p"] <= 0.01
    assert trend["verdict"].startswith(said)


@needs_published
def test_published_falling_line_of_panel_a_goes_through_its_anchor(capsys):
    anchor = ("--anchor", "fixres_resnext101_32x48d_wsl")
    line = trend_of(capsys, PUBLISHED / A[0], *A[1:], *anchor, "--bootstrap", "5")["trend"]["falling"]
    assert agrees(line["slope"], "-.350") and agrees(line["intercept"], ".815")


@needs_published
@pytest.mark.parametrize(("column", "printed"), [("pt", ".807"), ("aa", "-.737")])
def test_published_adversarial_correlations_over_models_not_adversarially_trained(column, printed, capsys):
    argv = ("--join", PUBLISHED / ADVERSARIAL, "--on", "model", "--exclude", "type1=adv")
    argv = (PUBLISHED / HARMONIZATION, *argv, "--x", "multi_label_acc", "--y", column, "--bootstrap", "20")
    found = trend_of(capsys, *argv)
    assert found["n"] == 309
    assert agrees(found["trend"]["spearman"]["overall"]["value"], printed)


@needs_published
def test_without_the_join_four_rows_with_a_broken_accuracy_change_panel_c(capsys):
    argv = ("--x", "multi_label_acc", "--y", "spearman", "--bootstrap", "5")
    assert trend_of(capsys, PUBLISHED / HARMONIZATION, *argv)["n"] == 367


# --- any table -----------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    names = [f"net{i}" for i in range(12)]
    pd.DataFrame({"model": names, "acc": X, "score": Y, "kind": ["a", "b"] * 6}).to_csv(path, index=False)
    return path


def test_rows_without_a_value_are_counted_and_reported(table, capsys):
    rows = pd.read_csv(table)
    rows.loc[[0, 1], "acc"] = np.nan, np.inf
    rows.to_csv(table, index=False)
    assert trend_of(capsys, table, "--x", "acc", "--y", "score")["n_missing"] == 2
    main(["trend", str(table), "--x", "acc", "--y", "score"])
    assert "2 rows with an empty or not finite value" in capsys.readouterr().out


def test_nine_points_give_no_trend_but_are_reported(table, capsys):
    pd.read_csv(table).head(9).to_csv(table, index=False)
    found = trend_of(capsys, table, "--x", "acc", "--y", "score")
    assert found["trend"] is None and "at least 10" in found["reason"]
    assert [point["model"] for point in found["points"]] == [f"net{i}" for i in range(9)]
    main(["trend", str(table), "--x", "acc", "--y", "score"])
    text = capsys.readouterr().out
    assert "no trend" in text and "net8" in text and "rising" not in text


def test_text_names_changepoint_lines_and_correlations(table, capsys):
    main(["trend", str(table), "--x", "acc", "--y", "score", "--family", "kind"])
    text = capsys.readouterr().out
    for expected in (
        "net6",
        "y = 1.200 x +0.800",
        "overall",
        "below",
        "family a",
        "envelope: net0, net2, net3, net6",
    ):
        assert expected in text


def test_inner_join_counts_rows_without_partner(table, tmp_path, capsys):
    other = tmp_path / "other.csv"
    pd.DataFrame({"name": [f"net{i}" for i in range(1, 14)], "z": range(13)}).to_csv(other, index=False)
    found = trend_of(capsys, table, "--join", other, "--on", "model=name", "--x", "acc", "--y", "z")
    assert (found["n"], found["n_unmatched"]) == (11, 3)


def test_columns_of_parameters_and_training_data_are_used_where_the_table_has_them(table, capsys):
    argv = (table, "--x", "acc", "--y", "score", "--bootstrap", "20")
    trend = trend_of(capsys, *argv)["trend"]
    assert trend["adjusted"] is None and trend["power_law"] is None
    rows = pd.read_csv(table).assign(
        parameters=np.geomspace(1e6, 1e8, 12).tolist(), training_data=["a", "b"] * 6
    )
    rows.loc[3, "parameters"] = np.nan
    rows.to_csv(table, index=False)
    trend = trend_of(capsys, *argv, "--exclude", "model=net0")["trend"]
    assert trend["adjusted"]["n"] == trend["power_law"]["n"] == 10
    assert list(trend["adjusted"]["betas"]) == ["accuracy", "log parameters", "training data: a"]
    main(["trend", *map(str, argv)])
    text = capsys.readouterr().out
    for expected in (
        "rho given the covariates",
        "coefficient, log parameters",
        "power law",
        "segmented: BIC",
    ):
        assert expected in text


@pytest.mark.parametrize(("value", "message"), [("0", "0 is not positive"), ("86M", "'86M' is not a number")])
def test_parameters_that_are_not_positive_numbers_are_named(table, capsys, value, message):
    rows = pd.read_csv(table).assign(parameters="5")
    rows.loc[4, "parameters"] = value
    rows.to_csv(table, index=False)
    assert message in error_of(capsys, table, "--x", "acc", "--y", "score")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--x", "nope", "--y", "score"], "no column 'nope'"),
        (["--x", "model", "--y", "score"], "'net0' is not a number"),
        (["--x", "acc"], "--y is missing"),
        (["--x", "acc", "--y", "score", "--join", "TABLE"], "--join and --on go together"),
        (["--x", "acc", "--y", "score", "--join", "TABLE", "--on", "kind"], "has 'a' twice"),
        (["--x", "acc", "--y", "score", "--anchor", "net99"], "no such point"),
        (["--x", "acc", "--y", "score", "--anchor", "net0"], "not right of the changepoint"),
        (["--x", "acc", "--y", "score", "--exclude", "kind=c"], "no row"),
        (["--x", "acc", "--y", "score", "--bootstrap", "0"], "--bootstrap 0"),
    ],
)
def test_bad_options_end_with_one_line_that_names_them(table, capsys, argv, message):
    argv = [str(table) if value == "TABLE" else value for value in argv]
    assert message in error_of(capsys, table, *argv)


def test_missing_table_is_named(capsys):
    assert "nowhere.csv" in error_of(capsys, "nowhere.csv", "--x", "a", "--y", "b")


# --- panels of the pipeline ----------------------------------------------------------------------------


def panels_of(folder: Path, scores: pd.DataFrame) -> list[dict]:
    paths = synthetic_scores.write_study(folder)
    tables.write_table(paths[0], scores)
    argv = ["--scores", paths[0], "--models", paths[1], "--bootstrap", "50"]
    main(["trend", *argv, "--output", str(folder / "trend.json")])
    return tables.read_json(folder / "trend.json")["panels"]


def test_models_of_one_family_have_a_trend_but_no_cross_validated_error(tmp_path):
    scores, sheet = synthetic_scores.write_study(tmp_path)
    synthetic_scores.model_sheet().assign(family="one").to_csv(sheet, sep="\t", index=False)
    output = tmp_path / "trend.json"
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "20", "--output", str(output)])
    shapes = tables.read_json(output)["panels"][0]["trend"]["shapes"]
    assert {shape["cv_rmse"] for shape in shapes.values()} == {None}


def test_in_a_sheet_without_families_each_model_is_its_own(tmp_path):
    scores, sheet = str(tmp_path / "scores.csv"), str(tmp_path / "models.tsv")
    tables.write_table(scores, synthetic_scores.score_table())
    names = sorted(set(synthetic_scores.score_table()["model"]))
    (tmp_path / "models.tsv").write_text("\n".join(["model", *names]) + "\n")
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "20",
          "--output", str(tmp_path / "trend.json")])  # fmt: skip
    points = tables.read_json(tmp_path / "trend.json")["panels"][0]["points"]
    assert points and {point["family"] for point in points} == {""}


TITLES = ["IT predictivity", "ClickMe alignment", "Adversarial alignment", "Perturbation tolerance"]


@pytest.fixture(scope="module")
def panels(tmp_path_factory):
    return panels_of(tmp_path_factory.mktemp("trend"), synthetic_scores.score_table())


def test_panels_are_the_four_measures_in_fixed_order(panels):
    assert [panel["title"] for panel in panels] == TITLES
    assert [panel["simulated"] for panel in panels] == [True, True, True, False]
    assert [panel["n"] for panel in panels] == [14, 14, 11, 11]


TREND_FIELDS = {
    *("spearman", "pearson", "envelope", "changepoint", "rising", "beyond", "falling"),
    *("segmented", "decline", "shapes", "adjusted", "power_law", "verdict", "fitted_curve"),
}


def test_every_trend_has_the_same_fields(panels):
    for panel in panels:
        assert set(panel["trend"]) == TREND_FIELDS
        assert set(panel["trend"]["decline"]) == {"statistic", "p", "start", "reason"}
        assert set(panel["trend"]["shapes"] or ()) <= {"linear", "plateau", "segmented"}


def test_four_families_are_too_few_for_a_test_of_decline(panels):
    assert panels[0]["trend"]["verdict"].startswith("Not tested for a decline: ")


def test_parameters_and_training_data_of_the_model_sheet_are_used(tmp_path):
    scores, sheet = synthetic_scores.write_study(tmp_path)
    rows = synthetic_scores.model_sheet()
    rows["parameters"] = [str(5_000_000 + 100_000 * i) for i in range(14)] + [""]
    rows["training_data"] = ["imagenet-1k", "imagenet-22k"] * 7 + ["imagenet-1k"]
    rows.to_csv(sheet, sep="\t", index=False)
    output = tmp_path / "trend.json"
    main(["trend", "--scores", scores, "--models", sheet, "--bootstrap", "20", "--output", str(output)])
    trend = tables.read_json(output)["panels"][0]["trend"]
    assert trend["adjusted"]["n"] == trend["power_law"]["n"] == 13
    assert list(trend["adjusted"]["betas"])[1:] == ["log parameters", "training data: imagenet-22k"]


def test_a_model_with_two_rows_in_the_sheet_is_an_error(tmp_path, capsys):
    scores, sheet = synthetic_scores.write_study(tmp_path)
    rows = synthetic_scores.model_sheet()
    pd.concat([rows, rows.head(1)]).to_csv(sheet, sep="\t", index=False)
    with pytest.raises(SystemExit):
        main(["trend", "--scores", scores, "--models", sheet, "--output", str(tmp_path / "trend.json")])
    assert "'tf_efficientnet_lite0' has two rows" in capsys.readouterr().err


def test_points_are_the_scores_of_the_headline_convention(panels):
    scores = synthetic_scores.score_table()
    model = "tf_efficientnet_lite0"
    point = next(p for p in panels[0]["points"] if p["model"] == model)
    row = scores[(scores.model == model) & (scores.metric == "pls") & (scores.convention == "r2/c")].iloc[0]
    assert (point["y"], point["y_low"], point["y_high"]) == pytest.approx(
        (row.value, row.ci_low, row.ci_high)
    )
    assert point["family"] == "EfficientNet-Lite0"


def test_failed_models_are_excluded_with_their_status(panels):
    for panel in panels:
        reasons = {entry["model"]: entry["reason"] for entry in panel["excluded"]}
        assert reasons["tf_efficientnet_lite2_80"] == synthetic_scores.FAILED
        assert len(panel["points"]) + len(panel["excluded"]) == 15
    untrained = next(e for e in panels[2]["excluded"] if e["model"] == "tf_efficientnet_lite0_untrained")
    assert untrained["reason"] == f"adversarial_alignment: {synthetic_scores.UNDEFINED}"


def test_a_model_without_any_row_is_excluded_as_such(tmp_path):
    scores = synthetic_scores.score_table()
    gone = "tf_efficientnet_lite1"
    for panel in panels_of(tmp_path, scores[scores.model != gone]):
        assert {
            "model": gone,
            "family": "EfficientNet-Lite1",
            "reason": "no row in the score table",
        } in panel["excluded"]


def test_measures_without_any_row_keep_their_panel(tmp_path):
    scores = synthetic_scores.score_table()
    panels = panels_of(tmp_path, scores[scores.benchmark.str.startswith("accuracy")])
    assert [panel["title"] for panel in panels] == TITLES
    assert all(
        panel["n"] == 0 and panel["trend"] is None and len(panel["excluded"]) == 15 for panel in panels
    )


def test_a_failure_before_regions_are_known_makes_no_panel_but_gives_the_reason(tmp_path):
    scores = synthetic_scores.score_table()
    model = "tf_efficientnet_lite1_80"
    scores = scores[~((scores.model == model) & scores.benchmark.str.startswith("neural"))]
    bare = tables.score_row(
        model=model, benchmark="neural/scenes", metric="pls", status="failed: out of memory"
    )
    panels = panels_of(tmp_path, pd.concat([scores, pd.DataFrame([bare])]))
    assert [panel["title"] for panel in panels] == TITLES
    reasons = {entry["model"]: entry["reason"] for entry in panels[0]["excluded"]}
    assert reasons[model] == "pls: failed: out of memory"


def test_every_time_window_of_a_recording_has_its_panel(tmp_path):
    scores = synthetic_scores.score_table()
    late = scores[scores.benchmark == synthetic_scores.IT].assign(
        benchmark=synthetic_scores.IT.replace("70-170", "170-270")
    )
    panels = panels_of(tmp_path, pd.concat([scores, late]))
    assert [panel["title"] for panel in panels] == [TITLES[0], *TITLES]
    assert {"scenes IT 70-170 whole image", "scenes IT 170-270 whole image"} == {
        p["subtitle"] for p in panels[:2]
    }


def test_panels_of_time_windows_are_in_the_order_of_time(tmp_path):
    scores = synthetic_scores.score_table()
    early = scores[scores.benchmark == synthetic_scores.IT].assign(
        benchmark=synthetic_scores.IT.replace("70-170", "131-170")
    )
    panels = panels_of(tmp_path, pd.concat([early, scores]))
    assert [p["benchmark"].split("/")[3] for p in panels[:2]] == ["70-170", "131-170"]


def test_a_score_with_a_remark_in_its_status_is_a_point(tmp_path):
    scores = synthetic_scores.score_table()
    chosen = (scores.model == "tf_efficientnet_lite0") & (scores.metric == "perturbation_tolerance")
    scores.loc[chosen, "status"] = "ok, 1 of 20 censored at the largest tried norm"
    panels = panels_of(tmp_path, scores)
    assert "tf_efficientnet_lite0" in [point["model"] for point in panels[3]["points"]]


def test_a_panel_knows_measure_data_versions_and_seeds(panels):
    assert [panel["measure"] for panel in panels] == [
        "neural", "clickme", "adversarial_alignment", "perturbation_tolerance",
    ]  # fmt: skip
    accuracy, it = panels[0]["sources"]
    assert accuracy == {
        "benchmark": "accuracy/photographs",
        "simulated": False,
        "versions": [1],
        "seeds": [0],
    }
    assert it == {"benchmark": synthetic_scores.IT, "simulated": True, "versions": [1], "seeds": [0]}


def test_a_score_without_ceiling_says_that_the_headline_convention_is_missing(tmp_path):
    scores = synthetic_scores.score_table()
    panels = panels_of(tmp_path, scores[~((scores.metric == "pls") & (scores.convention == "r2/c"))])
    reasons = {entry["model"]: entry["reason"] for entry in panels[0]["excluded"]}
    assert reasons["tf_efficientnet_lite0"] == "pls: no r2/c value"


def test_fewer_than_ten_models_give_points_but_no_trend(tmp_path):
    scores = synthetic_scores.score_table()
    few = synthetic_scores.model_sheet()["model"][:9]
    panels = panels_of(tmp_path, scores[scores.model.isin(few)])
    assert panels[0]["n"] == 9 and len(panels[0]["points"]) == 9
    assert panels[0]["trend"] is None and "at least 10" in panels[0]["reason"]


def test_two_rows_of_one_score_are_an_error(tmp_path, capsys):
    scores = synthetic_scores.score_table()
    with pytest.raises(SystemExit):
        panels_of(tmp_path, pd.concat([scores, scores.head(1)]))
    assert "'tf_efficientnet_lite0' has two rows" in capsys.readouterr().err
