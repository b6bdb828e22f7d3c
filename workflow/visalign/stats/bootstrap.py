"""The bootstrap: draws of independent units with replacement, and intervals from them."""

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


def expanded_interval(
    draws: Sequence[float] | np.ndarray, n: int, confidence: float = 0.95
) -> tuple[float, float]:
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


def resample_counts(n: int, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Return how often each of n units is in each bootstrap resample, shape (draws, n)."""
    drawn = rng.integers(n, size=(draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n).astype(float)


def percentile_interval(
    values: np.ndarray,
    statistic=np.mean,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic over the first axis.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        One entry an independent unit (image, neuroid, model).
    statistic : callable
        Takes ``(sample, axis=...)`` when `values` has one axis, else ``(sample)``.

    Returns
    -------
    (low, high) : tuple of float
        NaN when there are fewer than two units.
    """
    values = np.asarray(values)
    n = len(values)
    if n < 2:
        return (float("nan"), float("nan"))
    index = rng.integers(n, size=(draws, n))
    if values.ndim == 1:
        sample = statistic(values[index], axis=1)
    else:
        sample = np.array([statistic(values[i]) for i in index])
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(sample, [tail, 1 - tail])
    return (float(low), float(high))


def resampled_means(values: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Column means over images drawn with replacement, of those that are not NaN.

    Parameters
    ----------
    values : ndarray, shape (n_images, n_columns)

    Returns
    -------
    ndarray, shape (draws, n_columns)
    """
    n = len(values)
    defined = ~np.isnan(values)
    filled, defined = np.where(defined, values, 0), defined.astype(float)
    result = np.empty((draws, values.shape[1]))
    with np.errstate(invalid="ignore"):
        for draw in result:
            times = np.bincount(rng.integers(n, size=n), minlength=n)
            draw[:] = (times @ filled) / (times @ defined)
    return result
