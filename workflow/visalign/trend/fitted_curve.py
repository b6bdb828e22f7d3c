"""The two-piece regression as a curve to draw, with a band of pointwise intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from visalign.trend import segmented
from visalign.trend.correlation import family_codes

#: Bootstrap draws of the band, the first of those of the regression; an edge to look at needs no more.
DRAWS = 200
POINTS = 60
PARAMETERS = ("changepoint", "height", "slope_below", "slope_beyond")


def heights(pieces: Mapping[str, float], x: np.ndarray) -> np.ndarray:
    """Return the two-piece line's y at `x`; `pieces` has the ``PARAMETERS``."""
    dx = x - pieces["changepoint"]
    slopes = np.where(dx < 0, pieces["slope_below"], pieces["slope_beyond"])
    return pieces["height"] + slopes * dx


def fitted_curve(
    x: np.ndarray, y: np.ndarray, families: Sequence[str], *, seed: int, draws: int
) -> dict[str, list[float]] | None:
    """Return the curve of ``segmented.fit``, and its 95 % percentile band of the same bootstrap.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : sequence of str, length n
    seed, draws : int
        Those of the regression.

    Returns
    -------
    dict or None
        x, y, low, high, each of length ``POINTS``, x from the least to the largest; None where there is no
        regression.
    """
    codes = family_codes(families)
    signs = segmented.wild_signs(codes, np.random.default_rng(seed), draws)[:, :DRAWS]
    pieces = segmented.fit(x, y, codes, signs)
    if pieces is None:
        return None
    grid = np.linspace(x.min(), x.max(), POINTS)
    drawn = []
    for one in signs.T:
        # The interval of a single draw is the draw.
        fit = segmented.fit(x, y, codes, one[:, None]) or {}
        drawn.append(heights({name: fit[f"{name}_low"] for name in PARAMETERS}, grid))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    curve = {"x": grid, "y": heights(pieces, grid), "low": low, "high": high}
    return {name: values.tolist() for name, values in curve.items()}
