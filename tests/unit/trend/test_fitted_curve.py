"""Claims about the drawn curve of the two-piece regression."""

import numpy as np
import scipy.stats

from visalign.trend.segmented import CURVE_DRAWS, fitted_curve


def pieces(x, knot):
    """Regressors: height at the knot, slope below, slope beyond."""
    return np.column_stack(
        [np.ones_like(x), np.where(x < knot, x - knot, 0), np.where(x < knot, 0, x - knot)]
    )


def best(x, y, knots):
    """Knot and coefficients of the least sum of squares, by least squares at each knot."""
    fits = [np.linalg.lstsq(pieces(x, knot), y, rcond=None)[0] for knot in knots]
    errors = [((y - pieces(x, knot) @ fit) ** 2).sum() for knot, fit in zip(knots, fits, strict=True)]
    return knots[int(np.argmin(errors))], fits[int(np.argmin(errors))]


def test_band_is_the_spread_of_bootstrap_curves_that_are_fitted_one_by_one():
    rng = np.random.default_rng(8)
    x, families = np.sort(rng.random(40)), np.arange(40) % 8
    y = np.minimum(x, 0.6) + 0.1 * rng.standard_normal(40)
    curve = fitted_curve(x, y, families, seed=4, draws=CURVE_DRAWS)
    grid = np.array(curve["x"])
    assert (grid[0], grid[-1]) == (x[0], x[-1])
    knots = [(x[i] + x[i + 1]) / 2 for i in range(4, 35)]  # five models at least on both sides
    knot, fit = best(x, y, knots)
    np.testing.assert_allclose(curve["y"], pieces(grid, knot) @ fit, atol=1e-9)
    residuals = y - pieces(x, knot) @ fit
    moving = np.where(x < knot, fit[1], fit[2])  # how the curve moves with the knot
    q, _ = np.linalg.qr(np.column_stack([pieces(x, knot), moving]))
    errors = np.empty(40)
    for family in range(8):  # residuals are smaller than errors where a family draws the fit to itself
        own = families == family
        errors[own] = np.linalg.solve(np.eye(own.sum()) - q[own] @ q[own].T, residuals[own])
    errors *= np.sqrt(7 / 8) * scipy.stats.t.ppf(0.975, 7) / scipy.stats.norm.ppf(0.975)
    signs = np.random.default_rng(4).choice([-1.0, 1.0], size=(8, CURVE_DRAWS))
    drawn = []
    for one in signs.T:
        moved, again = best(x, y - residuals + errors * one[families], knots)
        drawn.append(pieces(grid, moved) @ again)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(curve["low"], low, atol=1e-8)
    np.testing.assert_allclose(curve["high"], high, atol=1e-8)


def test_points_on_two_pieces_give_that_curve_and_a_band_without_width():
    x = np.linspace(0, 1, 41)
    y = np.interp(x, [0, 0.5125, 1], [0, 1, 0.2])  # the bend lies midway between two models
    curve = fitted_curve(x, y, np.arange(41) % 8, seed=0, draws=50)
    for name in ("y", "low", "high"):
        np.testing.assert_allclose(curve[name], np.interp(curve["x"], [0, 0.5125, 1], [0, 1, 0.2]), atol=1e-9)


def test_there_is_no_curve_where_there_is_no_regression():
    assert fitted_curve(np.arange(20.0), np.arange(20.0), np.arange(20) % 2, seed=0, draws=20) is None
