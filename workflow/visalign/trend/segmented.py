"""Two-piece linear regression of alignment on accuracy, as a curve with a band too.

Every bootstrap draw searches the changepoint anew. Models of one family are alike, and some are noisier
than others: the draws turn the residuals of a whole family over together (cluster wild bootstrap; Cameron,
Gelbach, Miller 2008), which keeps both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visalign.trend.answer import Curve, Pieces

#: Candidate changepoints leave at least so many models, and this share of them, on both sides.
MIN_SIDE = 5
FIT_SHARE = 0.1
#: A slope is tested only on models of at least so many families: with fewer its error is unknown.
MIN_FAMILIES = 5
#: Intervals of the two-piece regression hold less often where models are alike within fewer families.
MANY_FAMILIES = 12
MAX_KNOTS = 40
PARAMETERS = ("changepoint", "height", "slope_below", "slope_beyond")
#: Draws of the band of the curve, the first of those of the regression; an edge to look at needs no more.
CURVE_DRAWS = 200
#: … and at how many places it is drawn.
POINTS = 60


def candidate_knots(x: np.ndarray, share: float = FIT_SHARE) -> np.ndarray:
    """Return up to ``MAX_KNOTS`` changepoints to try, midway between neighbouring x.

    Parameters
    ----------
    x : ndarray, shape (n,)
    share : float
        Of the models, to leave on both sides.

    Returns
    -------
    ndarray, shape (n_knots,)
        Ascending, evenly spread over the distinct x; at least two of those on both sides. Empty where ties
        leave no room.
    """
    distinct, counts = np.unique(x, return_counts=True)
    middle, below = (distinct[1:-2] + distinct[2:-1]) / 2, np.cumsum(counts)[1:-2]
    side = max(MIN_SIDE, share * len(x))
    knots = middle[(below >= side) & (len(x) - below >= side)]
    chosen = np.linspace(0, len(knots) - 1, min(MAX_KNOTS, len(knots))).round().astype(int)
    return knots[chosen]


def designs(x: np.ndarray, knots: np.ndarray, shape: str) -> np.ndarray:
    """Return the regressors of a model for each changepoint.

    Parameters
    ----------
    x : ndarray, shape (n,)
    knots : ndarray, shape (n_knots,)
    shape : str
        ``linear`` (height at 0, slope), ``plateau`` (height at the changepoint, slope below) or
        ``segmented`` (height at the changepoint, slope below, slope beyond).

    Returns
    -------
    ndarray, shape (n_knots, n, 2 or 3); (1, n, 2) for ``linear``
    """
    if shape == "linear":
        return np.stack([np.ones_like(x), x], axis=-1)[None]
    dx = x - knots[:, None]
    columns = [np.ones_like(dx), np.minimum(dx, 0)]
    if shape == "segmented":
        columns.append(np.maximum(dx, 0))
    return np.stack(columns, axis=-1)


def best_fit(design: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of many draws at once, each at its best changepoint.

    Parameters
    ----------
    design : ndarray, shape (n_knots, n, p)
    Y : ndarray, shape (n, draws)

    Returns
    -------
    best : ndarray of int, shape (draws,)
        Index of the changepoint with the smallest sum of squares.
    coefficients : ndarray, shape (draws, p)
    """
    # The largest explained sum of squares is found among numbers of similar size: centre Y.
    centre = Y.mean(axis=0)
    coefficients = np.linalg.pinv(design) @ (Y - centre)
    explained = (coefficients * (design.swapaxes(1, 2) @ (Y - centre))).sum(axis=1)
    best = explained.argmax(axis=0)
    chosen = coefficients[best, :, np.arange(Y.shape[1])]
    chosen[:, 0] += centre  # the first regressor is the constant
    return best, chosen


def wild_signs(families: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Return a random sign per family and draw, shape (n_families, draws)."""
    return rng.choice([-1.0, 1.0], size=(families.max() + 1, draws))


def left_out_errors(residuals: np.ndarray, design: np.ndarray, families: np.ndarray) -> np.ndarray:
    """Return the residuals of each family from the fit to all others, (I − H_ff)⁻¹ r_f.

    Residuals are smaller than errors, most where a family draws the fit to itself; these are not
    (jackknife-like correction CR3; Bell and McCaffrey 2002).

    Parameters
    ----------
    residuals : ndarray, shape (n,)
    design : ndarray, shape (n, p)
    families : ndarray of int, shape (n,)

    Returns
    -------
    ndarray, shape (n,)
    """
    hat, errors = design @ np.linalg.pinv(design), np.empty_like(residuals)
    for family in np.unique(families):
        own = np.flatnonzero(families == family)
        # pinv: one family alone may determine a coefficient.
        errors[own] = np.linalg.pinv(np.eye(len(own)) - hat[np.ix_(own, own)], rcond=1e-6) @ residuals[own]
    return errors


@dataclass(frozen=True)
class Regression:
    """The continuous two-piece regression of a cloud, of which any number of studies can be drawn.

    Attributes
    ----------
    estimate : ndarray, shape (4,)
        The ``PARAMETERS``.
    fitted, errors : ndarray, shape (n,)
        The curve at the models, and what draws turn over, family by family.
    families : ndarray of int, shape (n,)
    knots : ndarray, shape (n_knots,)
    design : ndarray, shape (n_knots, n, 3)
    coverage : float
        How often 95 % percentile intervals of the draws hold the truth (docs/calibration.md).
    """

    estimate: np.ndarray
    fitted: np.ndarray
    errors: np.ndarray
    families: np.ndarray
    knots: np.ndarray
    design: np.ndarray
    coverage: float

    def draw(self, signs: np.ndarray) -> np.ndarray:
        """Return the parameters of studies drawn by `signs` (n_families, draws), shape (draws, 4)."""
        Y = self.fitted[:, None] + self.errors[:, None] * signs[self.families]
        best, coefficients = best_fit(self.design, Y)
        return np.column_stack([self.knots[best], coefficients])


def regression(x: np.ndarray, y: np.ndarray, families: np.ndarray) -> Regression | None:
    """Fit the continuous two-piece regression.

    The residuals are widened as t with G − 1 degrees of freedom is wider than a normal, G the families.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
        0 … n_families − 1.

    Returns
    -------
    Regression or None
        None where x leaves no room for a changepoint, or families are too few.
    """
    from scipy.special import stdtrit

    knots, G = candidate_knots(x), int(families.max()) + 1
    if not len(knots) or G < MIN_FAMILIES:
        return None
    design = designs(x, knots, "segmented")
    best, coefficients = best_fit(design, y[:, None])
    chosen, (_, below, beyond) = design[best[0]], coefficients[0]
    fitted = chosen @ coefficients[0]
    # The changepoint is fitted too: its regressor is how the curve moves with it.
    chosen = np.column_stack([chosen, np.where(x < knots[best[0]], below, beyond)])
    errors = left_out_errors(y - fitted, chosen, families) * np.sqrt(1 - 1 / G)
    errors *= stdtrit(G - 1, 0.975) / stdtrit(np.inf, 0.975)
    coverage = 0.95 if len(x) == G else 0.9 if G >= MANY_FAMILIES else 0.85
    estimate = np.array([knots[best[0]], *coefficients[0]])
    return Regression(estimate, fitted, errors, families, knots, design, coverage)


def fit(x: np.ndarray, y: np.ndarray, families: np.ndarray, signs: np.ndarray) -> Pieces | None:
    """Return the two-piece regression with percentile intervals of the cluster wild bootstrap.

    In simulated studies the intervals held the truth as often as ``coverage`` says (docs/calibration.md).
    They presume two pieces: a smooth peak has no changepoint, and an interval around one says nothing of it.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
        0 … n_families − 1.
    signs : ndarray, shape (n_families, draws)

    Returns
    -------
    dict or None
        The ``PARAMETERS``: changepoint (units of x), height (of the line there), slope_below, slope_beyond,
        each with ``_low`` and ``_high``, and coverage, .95, or where models are alike within families .9, of
        fewer than ``MANY_FAMILIES`` .85; None where there is no `regression`. The intervals of the slopes
        hold the uncertainty of the changepoint, estimated anew in every draw; one of the changepoint that
        ends at the last or first candidate may reach further.
    """
    found = regression(x, y, families)
    if found is None:
        return None
    low, high = np.quantile(found.draw(signs), [0.025, 0.975], axis=0)
    answer: Pieces = {"coverage": found.coverage}
    for i, name in enumerate(PARAMETERS):
        answer |= {
            name: float(found.estimate[i]),
            f"{name}_low": float(low[i]),
            f"{name}_high": float(high[i]),
        }
    return answer


def heights(parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the two-piece line's y at `x`, from its ``PARAMETERS`` (4,)."""
    changepoint, height, below, beyond = parameters
    dx = x - changepoint
    return height + np.where(dx < 0, below, beyond) * dx


def fitted_curve(
    x: np.ndarray, y: np.ndarray, families: np.ndarray, *, seed: int, draws: int
) -> Curve | None:
    """Return the curve of the regression to draw, and its 95 % percentile band of the same bootstrap.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    seed, draws : int
        Those of `fit`.

    Returns
    -------
    dict or None
        x, y, low, high, each of length ``POINTS``, x from the least to the largest; None where there is no
        regression.
    """
    found = regression(x, y, families)
    if found is None:
        return None
    signs = wild_signs(families, np.random.default_rng(seed), draws)[:, :CURVE_DRAWS]
    grid = np.linspace(x.min(), x.max(), POINTS)
    # Draw by draw: sums over many at once round otherwise.
    drawn = [heights(found.draw(one[:, None])[0], grid) for one in signs.T]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    y = heights(found.estimate, grid)
    return {"x": grid.tolist(), "y": y.tolist(), "low": low.tolist(), "high": high.tolist()}
