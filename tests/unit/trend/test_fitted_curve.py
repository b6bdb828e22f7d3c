"""Claims about the drawn curve of the two-piece regression."""

import numpy as np
import scipy.stats

from visalign.trend import segmented
from visalign.trend.fitted_curve import DRAWS, fitted_curve


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
    widened = np.sqrt(11 / 12) * scipy.stats.t.ppf(0.975, 11) / scipy.stats.norm.ppf(0.975)
    drawn = (design[best] @ fit)[:, None] + widened * errors[:, None] * signs[families]
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
