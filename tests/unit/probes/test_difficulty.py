"""Claims about accuracy over difficulty: the fit is scikit-learn's, and what has no slope says so."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from visalign.probes import difficulty, intervals


def simulated(n=600, slope=-1.2, threshold=3.0, seed=0):
    rng = np.random.default_rng(seed)
    level = rng.integers(1, 6, n)
    logit = np.log(3) + slope * (level - threshold)
    return level, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float)


def test_threshold_and_slope_equal_an_unpenalised_logistic_regression():
    level, right = simulated()
    drawn = intervals.resample(np.arange(600), 1, 0, draws=200)
    fit = difficulty.fit_difficulty(level.astype(str), right[None], drawn)
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(level[:, None], right)
    slope, offset = reference.coef_[0, 0], reference.intercept_[0]
    assert fit.slope == pytest.approx(slope, rel=1e-5)
    assert fit.threshold == pytest.approx((np.log(3) - offset) / slope, rel=1e-5)
    assert fit.levels == 5 and fit.reason == ""
    assert fit.slope_interval[0] < -1.2 < fit.slope_interval[1]
    assert fit.threshold_interval[0] < 3 < fit.threshold_interval[1]


def test_draws_of_levels_equal_single_fits():
    rng = np.random.default_rng(1)
    shown = rng.integers(5, 40, (20, 4)).astype(float)
    right = rng.binomial(shown.astype(int), [0.9, 0.8, 0.6, 0.5]).astype(float)
    x = np.array([0.1, 0.2, 0.4, 0.8])
    intercept, slope = difficulty.logistic_of_levels(x, right, shown)
    for draw in range(20):
        level = np.repeat(np.tile(x, 2), np.r_[right[draw], shown[draw] - right[draw]].astype(int))
        answer = np.repeat([1, 0], [int(right[draw].sum()), int((shown - right)[draw].sum())])
        reference = LogisticRegression(C=np.inf, tol=1e-10).fit(level[:, None], answer)
        assert slope[draw] == pytest.approx(reference.coef_[0, 0], rel=1e-3, abs=1e-3)
        assert intercept[draw] == pytest.approx(reference.intercept_[0], rel=1e-3, abs=1e-3)


def test_groups_widen_the_interval():
    level, right = simulated(100)
    widths = []
    for unit in (np.arange(500), np.repeat(np.arange(100), 5)):
        drawn = intervals.resample(unit, 1, 0, draws=500)
        fit = difficulty.fit_difficulty(np.repeat(level, 5).astype(str), np.repeat(right, 5)[None], drawn)
        widths.append(np.ptp(fit.slope_interval))
    assert widths[1] > 1.7 * widths[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("levels", "right", "reason"),
    [
        (["1", "2"], None, "2 levels of difficulty, at least 3 are needed"),
        (["1", "2", "far"], None, "difficulty: 30 of 90 trials have none that is a number"),
        (["1", "2", "3"], [1, 1, 0], "undefined: levels are told apart without error"),
        (
            ["1", "2", "3"],
            [1, 1, 1],
            "without error, or all are answered alike",
        ),
    ],
)
def test_what_has_no_fit_says_why(levels, right, reason):
    level = np.tile(levels, 90 // len(levels))
    answers = np.random.default_rng(0).random(90) < 0.7 if right is None else np.tile(right, 30)
    drawn = intervals.resample(np.arange(90), 1, 0, draws=20)
    fit = difficulty.fit_difficulty(level, answers[None].astype(float), drawn)
    assert np.isnan([fit.slope, fit.threshold]).all() and reason in fit.reason
