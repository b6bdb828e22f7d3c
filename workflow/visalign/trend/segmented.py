"""Two-piece linear regression of alignment on accuracy, and a calibrated test of decline.

The changepoint of such a regression is not identified when nothing changes, so the usual tests of its slopes
declare too many declines. Here every bootstrap draw searches the changepoint anew. Models of one family are
alike, and some are noisier than others: the draws turn the residuals of a whole family over together (cluster
wild bootstrap; Cameron, Gelbach, Miller 2008), which keeps both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from visalign.trend.falling_slopes import decline_statistic, family_shares

#: Candidate changepoints leave at least so many models, and this share of them, on both sides.
MIN_SIDE = 5
FIT_SHARE = 0.1
#: The test asks for more: its search would drown in the noise of slopes on a few models.
TEST_SHARE = 0.2
#: A slope is tested only on models of at least so many families: with fewer its error is unknown.
MIN_FAMILIES = 5
#: … and none of them has more than this share in it.
MAX_SHARE = 0.5
#: Draws of the power of the test, and the largest fall that is tried (in residual SDs).
POWER_DRAWS, LARGEST_FALL = 200, 20.0
#: Intervals of the two-piece regression hold less often where models are alike within fewer families.
MANY_FAMILIES = 12
MAX_KNOTS = 40


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
    """Return a random sign a family and draw, shape (n_families, draws)."""
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


def fit(x: np.ndarray, y: np.ndarray, families: np.ndarray, signs: np.ndarray) -> dict[str, float] | None:
    """Fit the continuous two-piece regression, with percentile intervals of the cluster wild bootstrap.

    The residuals are widened as t with G − 1 degrees of freedom is wider than a normal, G the families. In
    simulated studies the intervals held the truth as often as ``coverage`` says (docs/calibration.md). They
    presume two pieces: a smooth peak has no changepoint, and an interval around one says nothing of it.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
        0 … n_families − 1.
    signs : ndarray, shape (n_families, draws)

    Returns
    -------
    dict or None
        changepoint (units of x), height (of the line there), slope_below, slope_beyond, each with ``_low``
        and ``_high``, and coverage, .95, or where models are alike within families .9, of fewer than
        ``MANY_FAMILIES`` .85; None where x leaves no room for a changepoint, or families are too few. The
        intervals of the slopes hold the uncertainty of the changepoint, estimated anew in every draw; one of
        the changepoint that ends at the last or first candidate may reach further.
    """
    from scipy.special import stdtrit

    knots = candidate_knots(x)
    if not len(knots) or len(signs) < MIN_FAMILIES:
        return None
    design = designs(x, knots, "segmented")
    best, coefficients = best_fit(design, y[:, None])
    chosen, (_, below, beyond) = design[best[0]], coefficients[0]
    fitted = chosen @ coefficients[0]
    # The changepoint is fitted too: its regressor is how the curve moves with it.
    chosen = np.column_stack([chosen, np.where(x < knots[best[0]], below, beyond)])
    G = len(signs)
    errors = left_out_errors(y - fitted, chosen, families) * np.sqrt(1 - 1 / G)
    errors *= stdtrit(G - 1, 0.975) / stdtrit(np.inf, 0.975)
    drawn, sample = best_fit(design, fitted[:, None] + errors[:, None] * signs[families])
    low, high = np.quantile(np.column_stack([knots[drawn], sample]), [0.025, 0.975], axis=0)
    values = [knots[best[0]], *coefficients[0]]
    coverage = 0.95 if len(x) == G else 0.9 if G >= MANY_FAMILIES else 0.85
    answer: dict[str, float] = {"coverage": coverage}
    for i, name in enumerate(("changepoint", "height", "slope_below", "slope_beyond")):
        answer |= {name: float(values[i]), f"{name}_low": float(low[i]), f"{name}_high": float(high[i])}
    return answer


def nondecreasing_residuals(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return what the best rise, rise then plateau, or constant leaves of `y`, shape (n,)."""
    ramps = np.minimum(x[:, None], [*candidate_knots(x), x.max()])
    ramps = ramps - ramps.mean(axis=0)
    centred = (y - y.mean())[:, None]
    residuals = centred - ramps * np.maximum(0, (ramps * centred).sum(axis=0) / (ramps**2).sum(axis=0))
    return residuals[:, (residuals**2).sum(axis=0).argmin()]


def testable_starts(x: np.ndarray, families: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the starts beyond which a slope can be tested, -inf for the whole range, and why there are none.

    A start is left out beyond which families are fewer than ``MIN_FAMILIES``, or a single one has more than
    ``MAX_SHARE`` in the slope's variance: no draw says how uncertain one family is.
    """
    starts = np.array([-np.inf, *candidate_knots(x, TEST_SHARE)])
    n_families = np.array([len(np.unique(families[x > start])) for start in starts])
    starts = starts[n_families >= MIN_FAMILIES]
    if not len(starts) or np.ptp(x) == 0:
        return starts[:0], f"that takes {MIN_FAMILIES} families of models, and x that vary"
    starts = starts[family_shares(x, families, starts).max(axis=1) <= MAX_SHARE]
    return starts, "" if len(starts) else "any slope rests on one family by more than half"


def against_draws(
    x: np.ndarray,
    values: np.ndarray,
    noise: np.ndarray,
    families: np.ndarray,
    starts: np.ndarray,
    signs: np.ndarray,
) -> dict[str, Any]:
    """Return the statistic of `values`, its p among draws of `noise`, and the start where it is reached.

    Parameters
    ----------
    x, families, starts, signs
        As in ``decline_statistic``.
    values, noise : ndarray, shape (n,) or (n_starts, n)
        Of mean 0 (beyond each start).

    Returns
    -------
    dict
        statistic, p, start (None: the whole range), critical (statistic of p = .05).
    """
    observed, at = decline_statistic(x, values, families, starts, np.ones((len(signs), 1)))
    drawn, _ = decline_statistic(x, noise, families, starts, signs)
    p = (1 + np.sum(drawn >= observed - 1e-6)) / (1 + len(drawn))  # t of exactly 0 differ by rounding
    start = float(starts[at[0]])
    return {
        "statistic": float(observed[0]),
        "p": float(p),
        "start": start if np.isfinite(start) else None,
        "critical": float(np.quantile(drawn, 0.95)),
    }


def smallest_detectable(
    x: np.ndarray,
    y: np.ndarray,
    residuals: np.ndarray,
    families: np.ndarray,
    starts: np.ndarray,
    signs: np.ndarray,
    critical: float,
) -> float | None:
    """Return the fall over the upper third of the models that 80 % of studies like this one would find.

    Such a study has the x, families and noise of this one (its residuals, turned over family by family)
    around its best nondecreasing curve, which from the 2/3 quantile of x on falls in a straight line instead;
    it finds the fall where the statistic exceeds `critical`.

    Parameters
    ----------
    x, y, residuals : ndarray, shape (n,)
        Residuals of the best nondecreasing fit to `y`.
    families, starts, signs
        As in ``decline_statistic``; the first ``POWER_DRAWS`` draws are used.
    critical : float

    Returns
    -------
    float or None
        Fall to the largest x, in standard deviations of the residuals; None where there is no noise, or not
        even ``LARGEST_FALL`` is found.
    """
    top, deviation = np.quantile(x, 2 / 3), residuals.std()
    if deviation <= 1e-9 * np.ptp(y) or top == x.max():
        return None
    order = np.argsort(x)
    curve = np.interp(np.minimum(x, top), x[order], (y - residuals)[order])
    fall = deviation * np.maximum(x - top, 0) / (x.max() - top)

    def power(size: float) -> float:
        few = signs[:, :POWER_DRAWS]
        found, _ = decline_statistic(x, residuals, families, starts, few, curve - size * fall)
        return float(np.mean(found >= critical))

    low, high = 0.0, LARGEST_FALL
    if power(high) < 0.8:
        return None
    while high - low > 0.05:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= 0.8 else (middle, high)
    return high


def decline(x: np.ndarray, y: np.ndarray, families: np.ndarray, signs: np.ndarray) -> dict[str, Any]:
    """Test the hypothesis that expected (mean) alignment nowhere declines with accuracy.

    The statistic is the largest t of a falling slope over all starts (every candidate changepoint, and the
    whole range), so no changepoint need be known. Beyond any start, a nondecreasing curve of any form has a
    slope of at least 0 (Chebyshev's sum inequality), so no curve makes the statistic larger than a constant
    one: the draws turn the residuals of the best nondecreasing fit over around a constant, and search the
    start anew.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    signs : ndarray, shape (n_families, draws)

    Returns
    -------
    dict
        statistic, p, start (None: the whole range), n_effective_families (over the whole range, see
        ``family_shares``), smallest_detectable (see there), reason. All but the last are None where nothing
        can be tested, and the reason says why; else it is ''.
    """
    numbers = ("statistic", "p", "start", "n_effective_families", "smallest_detectable")
    answer: dict[str, Any] = dict.fromkeys(numbers)
    starts, reason = testable_starts(x, families)
    if np.ptp(x):
        shares = family_shares(x, families, np.array([-np.inf]))
        answer["n_effective_families"] = float(1 / (shares**2).sum())
    if reason:
        return answer | {"reason": reason}
    residuals = nondecreasing_residuals(x, y)
    found = against_draws(x, y - y.mean(), residuals, families, starts, signs)
    critical = found.pop("critical")
    least = smallest_detectable(x, y, residuals, families, starts, signs, critical)
    return answer | found | {"smallest_detectable": least, "reason": ""}
