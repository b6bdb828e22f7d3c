"""Statistics that several stages share: correlations, intervals, reliabilities."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri


def pearson(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Pearson correlation of matching columns.

    Parameters
    ----------
    a, b : ndarray, shape (n_samples, ...)
    where : ndarray of bool, shape (n_samples, ...), optional
        Samples that count; all of them if not given.

    Returns
    -------
    ndarray, shape (...)
        NaN where a column is constant, up to the rounding of its values and of their mean.
    """
    a, b = deviations(a, where), deviations(b, where)
    scale = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0, (a * b).sum(axis=0) / scale, np.nan)


def deviations(a: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Deviations of columns from their means, float64.

    A column is constant where its root mean square deviation is within the `rounding` of its mean.

    Parameters
    ----------
    a : ndarray, shape (n_samples, ...)
    where : ndarray of bool, shape (n_samples, ...), optional
        Samples that count; all of them if not given.

    Returns
    -------
    ndarray, shape (n_samples, ...)
        0 for samples that do not count, and all through a constant column.
    """
    if where is None:
        mean, count = a.mean(axis=0, dtype=np.float64), len(a)
        deviation = a - mean
    else:
        count = np.maximum(where.sum(axis=0), 1)
        mean = a.sum(axis=0, dtype=np.float64, where=where) / count
        deviation = np.where(where, a - mean, 0)
    constant = (deviation * deviation).sum(axis=0) <= (rounding(a.dtype, len(a)) * mean) ** 2 * count
    return np.where(constant, 0, deviation) if np.any(constant) else deviation


def rounding(dtype: np.dtype, n: int) -> float:
    """Relative rounding of n values and of their mean, which 0.1 repeated has too.

    eps of their type for each value, and eps of float64 for each that the mean adds up.
    """
    eps = np.finfo(dtype if dtype.kind == "f" else np.float64).eps
    return float(8 * eps + n * np.finfo(np.float64).eps)


def ranks(a: np.ndarray) -> np.ndarray:
    """Average ranks along the last axis, float64 (ties share their mean rank); NaN where one of them is.

    As ``scipy.stats.rankdata``, whose sort is stable, which ranks need not be.
    """
    a = np.asarray(a, dtype=np.float64)
    n, result = a.shape[-1], np.empty(a.shape)
    rows = (a.size // max(n, 1), n)
    for row, rank in zip(a.reshape(rows), result.reshape(rows), strict=True):
        order = np.argsort(row)
        ascending, place = row[order], np.arange(1.0, n + 1)
        tied = ascending[1:] == ascending[:-1]
        if tied.any():
            first = np.flatnonzero(np.concatenate(([True], ~tied)))  # of each group
            count = np.diff(first, append=n)
            place = np.repeat(first + (count + 1) / 2, count)
        rank[order] = place
    result[np.isnan(a).any(axis=-1)] = np.nan
    return result


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman correlation of matching rows, with average ranks for ties.

    Parameters
    ----------
    a, b : ndarray, shape (..., n_samples)

    Returns
    -------
    ndarray, shape (...)
        NaN where a row is constant.
    """
    return pearson(np.moveaxis(ranks(a), -1, 0), np.moveaxis(ranks(b), -1, 0))


def resampled_ranks(a: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average ranks within resamples, where value i is present ``counts[d, i]`` times in resample d.

    Parameters
    ----------
    a : ndarray, shape (n,)
    counts : ndarray, shape (draws, n)

    Returns
    -------
    ndarray, shape (draws, n)
        Also of values that are absent: where they would stand, which no sum over the resample counts.
    """
    order = np.argsort(a, kind="stable")
    first = np.flatnonzero(np.concatenate(([True], np.diff(a[order]) > 0)))  # of each group of ties
    tied = np.add.reduceat(counts[:, order], first, axis=1)
    rank = np.cumsum(tied, axis=1) - (tied - 1) / 2
    return rank[:, np.unique(a, return_inverse=True)[1]]


def resampled_pearson(a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson correlation of each resample, where pair i is present ``counts[d, i]`` times in resample d.

    Parameters
    ----------
    a, b : ndarray, shape (n,) or (draws, n)
    counts : ndarray, shape (draws, n)

    Returns
    -------
    ndarray, shape (draws,)
        NaN where a resample of `a` or of `b` is constant.
    """
    n = counts.sum(axis=1, keepdims=True)
    a, b = (v - (counts * v).sum(axis=1, keepdims=True) / n for v in (a - a.mean(), b - b.mean()))
    variances = [(counts * v * v).sum(axis=1) for v in (a, b)]
    # What rounding of the mean leaves of a constant is no variance.
    varies = [
        variance > 1e-24 * n[:, 0] * (v * v).max(axis=1)
        for variance, v in zip(variances, (a, b), strict=True)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (counts * a * b).sum(axis=1) / np.sqrt(variances[0] * variances[1])
    return np.where(varies[0] & varies[1], r, np.nan)


def resampled_spearman(a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman correlation of each resample, all of them ranked at once; shapes as `resampled_pearson`."""
    return resampled_pearson(resampled_ranks(a, counts), resampled_ranks(b, counts), counts)


def spearman_brown(r: np.ndarray, factor: float = 2.0) -> np.ndarray:
    """Reliability of a mean over `factor` times as many repetitions: k·r / (1 + (k − 1)·r)."""
    return factor * r / (1 + (factor - 1) * r)


def wilson(hits: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion of `hits` in `n` trials."""
    if n <= 0:
        return (float("nan"), float("nan"))
    z = float(ndtri(0.5 + confidence / 2))
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (max(0.0, float(centre - half)), min(1.0, float(centre + half)))
