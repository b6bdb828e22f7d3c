"""A calibrated test of decline of the mean alignment with accuracy.

The changepoint of a two-piece regression is not identified when nothing changes, so the usual tests of its
slopes declare too many declines. Here every bootstrap draw of `segmented.wild_signs` searches it anew.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from visalign.trend.answer import MeanDecline
from visalign.trend.falling_slopes import decline_statistic, family_shares
from visalign.trend.segmented import MIN_FAMILIES, candidate_knots

#: The test asks for more than a fit: its search would drown in the noise of slopes on a few models.
TEST_SHARE = 0.2
#: No family has more than this share in a slope that is tested.
MAX_SHARE = 0.5
#: Draws of the power of the test, and the largest fall that is tried (in residual SDs).
POWER_DRAWS, LARGEST_FALL = 200, 20.0


class Found(TypedDict):
    """The statistic of a test of decline and where it stands among draws."""

    statistic: float
    p: float
    start: float | None  # None: the whole range
    critical: float  # statistic of p = .05


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
) -> Found:
    """Return the statistic of `values`, its p among draws of `noise`, and the start where it is reached.

    Parameters
    ----------
    x, families, starts, signs
        As in ``decline_statistic``.
    values, noise : ndarray, shape (n,) or (n_starts, n)
        Of mean 0 (beyond each start).
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


def decline(x: np.ndarray, y: np.ndarray, families: np.ndarray, signs: np.ndarray) -> MeanDecline:
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
    starts, reason = testable_starts(x, families)
    answer: MeanDecline = {
        "statistic": None,
        "p": None,
        "start": None,
        "n_effective_families": None,
        "smallest_detectable": None,
        "reason": reason,
    }
    if np.ptp(x):
        shares = family_shares(x, families, np.array([-np.inf]))
        answer["n_effective_families"] = float(1 / (shares**2).sum())
    if reason:
        return answer
    residuals = nondecreasing_residuals(x, y)
    found = against_draws(x, y - y.mean(), residuals, families, starts, signs)
    answer["statistic"], answer["p"], answer["start"] = found["statistic"], found["p"], found["start"]
    answer["smallest_detectable"] = smallest_detectable(
        x, y, residuals, families, starts, signs, found["critical"]
    )
    return answer
