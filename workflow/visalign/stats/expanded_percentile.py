"""Percentile bootstrap intervals that keep their coverage over few units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, stdtrit


def expanded_quantiles(n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Quantiles of the bootstrap distribution that bound an interval over `n` units.

    The percentile interval is too narrow for few units: resampling has n − 1 where n are divided by, and
    normal where Student's tails are due. Both are made up for by taking it at Φ(−√(n/(n − 1)) t),
    t = −t_{α/2, n − 1} (Hesterberg 2015, The American Statistician 69, 371–386, section 5.3: the expanded
    percentile interval), which for a mean of normal values is nearly Student's interval.

    Parameters
    ----------
    n : int
        Independent units that are resampled; at least 2.
    confidence : float

    Returns
    -------
    low, high : float
        In (0, 1): for 95 %, .001 and .999 at 5 units, .023 and .977 at 100.
    """
    tail = float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - confidence) / 2)))
    return tail, 1 - tail


def interval(draws: Sequence[float] | np.ndarray, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Expanded percentile interval of a statistic, from its bootstrap draws over `n` units.

    Parameters
    ----------
    draws : array_like, shape (n_draws,)
        Draws without a value (NaN) are left out; infinite ones count, as those of a ratio whose denominator
        vanishes.
    n : int
        Units that were resampled.

    Returns
    -------
    low, high : float
        NaN where unknown: with fewer than two units, without a draw, or at infinity.
    """
    defined = np.asarray(draws, dtype=float)
    defined = defined[~np.isnan(defined)]
    if n < 2 or not len(defined):
        return float("nan"), float("nan")
    with np.errstate(invalid="ignore"):  # between two infinite draws
        low, high = np.quantile(defined, expanded_quantiles(n, confidence))
    return (float(low) if np.isfinite(low) else np.nan), (float(high) if np.isfinite(high) else np.nan)
