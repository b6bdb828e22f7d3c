"""Claims about the two-piece regression and the test of decline: brute force and known answers.

How often the test errs over many studies is in test_decline_calibration.py.
"""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from visalign.trend import mean_decline, segmented

N = 60


# --- changepoints --------------------------------------------------------------------------------------


def test_changepoints_leave_a_share_of_the_models_on_both_sides():
    knots = segmented.candidate_knots(np.arange(40.0), 0.2)
    assert (knots[0], knots[-1], len(knots)) == (7.5, 31.5, 25)
    assert len(segmented.candidate_knots(np.arange(1000.0))) == segmented.MAX_KNOTS


def test_changepoints_leave_two_distinct_x_and_five_models_on_both_sides():
    assert len(segmented.candidate_knots(np.repeat([0.0, 1, 2], 10))) == 0
    assert segmented.candidate_knots(np.repeat([0.0, 1, 2, 3], 5)).tolist() == [1.5]
    assert segmented.candidate_knots(np.arange(10.0)).tolist() == [4.5]
    assert len(segmented.candidate_knots(np.arange(9.0))) == 0


# --- two pieces ----------------------------------------------------------------------------------------


def test_best_fit_of_many_draws_is_that_of_least_squares_at_every_changepoint(cloud):
    x, y, _ = cloud
    Y = 100 + y[:, None] + np.random.default_rng(1).standard_normal((N, 5))
    knots = segmented.candidate_knots(x)
    for shape in ("linear", "plateau", "segmented"):
        design = segmented.designs(x, knots, shape)
        best, coefficients = segmented.best_fit(design, Y)
        for draw in range(5):
            rss = [np.linalg.lstsq(d, Y[:, draw])[1][0] for d in design]
            assert best[draw] == np.argmin(rss)
            expected = np.linalg.lstsq(design[best[draw]], Y[:, draw])[0]
            assert coefficients[draw] == pytest.approx(expected, abs=1e-9)


def test_two_pieces_without_noise_are_recovered():
    x, families = np.arange(30.0), np.arange(30)
    y = 5 + 2 * np.minimum(x - 14.5, 0) - 3 * np.maximum(x - 14.5, 0)
    found = segmented.fit(x, y, families, segmented.wild_signs(families, np.random.default_rng(0), 50))
    for name, value in {"changepoint": 14.5, "height": 5, "slope_below": 2, "slope_beyond": -3}.items():
        for bound in ("", "_low", "_high"):
            assert found[name + bound] == pytest.approx(value, abs=1e-9)


def test_two_pieces_move_with_the_units(cloud):
    x, y, families = cloud
    signs = segmented.wild_signs(families, np.random.default_rng(0), 50)
    found = segmented.fit(x, y, families, signs)
    moved = segmented.fit(100 * x, 7 + 10 * y, families, signs)
    for bound in ("", "_low", "_high"):
        assert moved[f"changepoint{bound}"] == pytest.approx(100 * found[f"changepoint{bound}"])
        assert moved[f"height{bound}"] == pytest.approx(7 + 10 * found[f"height{bound}"])
        assert moved[f"slope_beyond{bound}"] == pytest.approx(found[f"slope_beyond{bound}"] / 10)


def test_left_out_errors_are_those_of_fits_without_the_family(cloud):
    x, y, families = cloud
    design = np.column_stack([np.ones(N), x])
    residuals = y - design @ np.linalg.lstsq(design, y)[0]
    errors = segmented.left_out_errors(residuals, design, families)
    folds = LeaveOneGroupOut()
    predicted = cross_val_predict(LinearRegression(), x[:, None], y, groups=families, cv=folds)
    assert errors == pytest.approx(y - predicted, abs=1e-9)


# --- test of decline -----------------------------------------------------------------------------------


def decline_of(x, y, families, draws=99):
    return mean_decline.decline(
        x, y, families, segmented.wild_signs(families, np.random.default_rng(0), draws)
    )


def test_a_plain_decline_is_found(cloud):
    found = decline_of(*cloud, draws=499)
    assert found["p"] <= 0.05 and found["reason"] == ""
    assert 0.3 < found["start"] < 0.75


def test_decline_does_not_depend_on_units_or_order(cloud):
    x, y, families = cloud
    order = np.random.default_rng(0).permutation(N)
    found, moved = decline_of(x, y, families), decline_of(100 * x[order], 7 + 10 * y[order], families[order])
    assert moved["statistic"] == pytest.approx(found["statistic"])
    assert moved["p"] == found["p"]


@pytest.mark.parametrize(
    ("y", "p"),
    [
        (np.arange(30.0), 1),
        (np.minimum(np.arange(30.0), 14.5), 1),
        (np.zeros(30), 1),
        (-np.arange(30.0), 0.01),
        (-np.maximum(np.arange(30.0), 14.5), 0.01),
    ],
    ids=["rise", "rise then plateau", "constant", "decline", "plateau then decline"],
)
def test_points_on_a_curve_decline_for_certain_or_not_at_all(y, p):
    assert decline_of(np.arange(30.0), y, np.arange(30))["p"] == pytest.approx(p)


def test_best_nondecreasing_fit_leaves_nothing_of_a_plateau_and_all_of_a_decline():
    x = np.arange(30.0)
    assert mean_decline.nondecreasing_residuals(x, 3 + np.minimum(x, 14.5)) == pytest.approx(0, abs=1e-9)
    assert mean_decline.nondecreasing_residuals(x, -x) == pytest.approx(14.5 - x)


def test_fewer_than_five_families_are_not_tested(cloud):
    x, y, _ = cloud
    few = np.arange(N) % 4
    found = decline_of(x, y, few)
    assert found["p"] is None and "5 families" in found["reason"]
    assert segmented.fit(x, y, few, segmented.wild_signs(few, np.random.default_rng(0), 9)) is None


def test_equal_x_are_not_tested():
    x, y = np.ones(20), np.arange(20.0)
    assert decline_of(x, y, np.arange(20))["p"] is None


def test_a_decline_that_rests_on_one_family_is_not_tested():
    rng = np.random.default_rng(0)
    families = np.concatenate([np.zeros(40, dtype=int), np.arange(1, 9)])
    x = np.concatenate([rng.uniform(size=40), 0.5 + 0.01 * rng.uniform(size=8)])  # the others have one x
    found = decline_of(x, -x + 0.1 * rng.standard_normal(48), families)
    assert found["p"] is None and "one family" in found["reason"]
    assert found["n_effective_families"] < 1.1


@pytest.mark.slow
def test_the_smallest_detectable_fall_is_found_in_four_studies_of_five():
    rng = np.random.default_rng(1)
    x, families = np.sort(rng.uniform(size=N)), np.arange(N)
    signs = segmented.wild_signs(families, np.random.default_rng(0), 199)
    noise = rng.standard_normal(N)
    least = mean_decline.decline(x, np.minimum(x, 0.6) + noise, families, signs)["smallest_detectable"]
    top = np.quantile(x, 2 / 3)
    fall = least * np.maximum(x - top, 0) / (x.max() - top)
    found = [
        mean_decline.decline(x, np.minimum(x, 0.6) - fall + rng.standard_normal(N), families, signs)["p"]
        <= 0.05
        for _ in range(100)
    ]
    assert 0.64 <= np.mean(found) <= 0.94  # nominal .8, SD .04 of 100 studies, and .04 of one study's noise


def test_the_smallest_detectable_fall_does_not_depend_on_units(cloud):
    x, y, families = cloud
    found, moved = decline_of(x, y, families), decline_of(100 * x, 7 + 10 * y, families)
    assert found["smallest_detectable"] == moved["smallest_detectable"] > 0.5


def test_intervals_say_how_often_they_hold_the_truth(cloud):
    x, y, families = cloud
    for codes, coverage in ((families, 0.85), (np.arange(N) % 12, 0.9), (np.arange(N), 0.95)):
        signs = segmented.wild_signs(codes, np.random.default_rng(0), 20)
        assert segmented.fit(x, y, codes, signs)["coverage"] == coverage
