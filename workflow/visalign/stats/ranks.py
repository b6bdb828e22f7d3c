"""Ranks of the values of maps, by which Spearman's ρ is an inner product, and its mean over many maps too."""

from __future__ import annotations

import numpy as np


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis from 1, tied values sharing their mean rank.

    Parameters
    ----------
    values : ndarray of float32, shape (n, n_pixels)
        Finite.

    Returns
    -------
    ndarray of float64, shape (n, n_pixels)
        As ``scipy.stats.rankdata``, in a sixth of its time: NumPy's stable sort of 16-bit integers is a
        radix sort, and two of them sort the bits of a float32.
    """
    result = np.empty(values.shape)
    for row, ranks in zip(values, result, strict=True):
        bits = (row + np.float32(0)).view(np.uint32)  # the sum makes -0 a 0
        bits = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))  # in the order of the floats
        order = np.argsort(bits.astype(np.uint16), kind="stable")
        order = order[np.argsort((bits >> 16).astype(np.uint16)[order], kind="stable")]
        ascending = bits[order]
        first = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1])))
        count = np.diff(first, append=len(row))
        ranks[order] = np.repeat(first + (count + 1) / 2, count)
    return result


def standard_ranks(maps: np.ndarray) -> np.ndarray:
    """Average ranks of the pixels of maps (n, height, width), of mean 0 and norm 1.

    Returns
    -------
    ndarray of float64, shape (n, n_pixels)
        The inner product of two is Spearman's ρ. NaN for a constant or non-finite map.
    """
    flat = maps.reshape(len(maps), -1).astype(np.float32, copy=False)
    ranks = average_ranks(flat) - (flat.shape[1] + 1) / 2
    with np.errstate(invalid="ignore"):
        ranks /= np.linalg.norm(ranks, axis=1, keepdims=True)
    ranks[~np.isfinite(flat).all(axis=1)] = np.nan
    return ranks


class RankSum:
    """Sum of the standard ranks of maps, from which ρ with all maps but an image's own is averaged.

    ρ is an inner product of standard ranks, so that its mean over many maps is one with their sum: exact, in
    one pass over the maps, and in the memory of one.
    """

    def __init__(self) -> None:
        self.total: np.ndarray | float = 0.0
        self.count = 0

    def add(self, ranks: np.ndarray) -> None:
        """Add standard ranks (n, n_pixels); undefined ones (NaN) are left out."""
        defined = ranks[~np.isnan(ranks[:, 0])]
        self.total = self.total + defined.sum(axis=0)
        self.count += len(defined)

    def mean_with_others(self, ranks: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Mean ρ of each map with all that were added but one.

        Parameters
        ----------
        ranks : ndarray, shape (n, n_pixels)
            `standard_ranks` of the maps.
        own : ndarray, shape (n,)
            ρ of each with the one to leave out; NaN where that is undefined, and hence not in the sum.

        Returns
        -------
        ndarray, shape (n,)
            NaN where the map is undefined or there is no other.
        """
        others = self.count - np.isfinite(own)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(others > 0, (ranks @ self.total - np.nan_to_num(own)) / others, np.nan)
