"""Representational similarity from Gram matrices: linear CKA and dissimilarity matrices (RSA).

Features enter only through K = X Xᵀ (see `gram.matrix`), so a layer of any width costs n² per
measure, and responses are compared through the same functions, as features of few columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from visalign.gram import matrix
from visalign.stats.correlations import pearson, rounding, spearman

Dissimilarity = Literal["squared_euclidean", "correlation"]
#: Rows of a matrix that are worked on at a time: beside the result it takes little memory.
ROWS = 256


def cka(K: np.ndarray, L: np.ndarray) -> float:
    """Linear centred kernel alignment (Kornblith et al. 2019).

    HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)) with the biased estimator, tr(K H L H) / (n − 1)². It
    grows towards 1 as features outnumber stimuli, whatever they encode: prefer `cka_unbiased` to
    compare layers of different widths.

    Parameters
    ----------
    K, L : ndarray, shape (n, n)
        Gram matrices of the same stimuli, shifted or not.

    Returns
    -------
    float
        In [0, 1]; NaN where a centred Gram is 0, as of features that do not depend on the stimulus.
    """
    return cosine(_double_centred(K), _double_centred(L))


def cka_unbiased(K: np.ndarray, L: np.ndarray) -> float:
    """Linear centred kernel alignment with the unbiased HSIC (Song et al. 2012; Nguyen et al. 2021).

    Same arguments as `cka`, at least four stimuli. Its expectation is about 0 for independent
    features of any width, so it can be negative.
    """
    return cosine(u_centred(K), u_centred(L))


def cka_within(K: np.ndarray, L: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """`cka_unbiased` of the stimuli of each subset, from products of the whole matrices.

    Parameters
    ----------
    K, L : ndarray, shape (n, n)
    subsets : ndarray of bool, shape (n, k)
        Columns are subsets of at least four stimuli.

    Returns
    -------
    ndarray, shape (k,)
        Equal to that of each alone but for rounding.
    """
    member, size = subsets.astype(np.float64), subsets.sum(axis=0)
    own = [_double_centred(K), _double_centred(L)]
    for each in own:
        np.fill_diagonal(each, 0)
    sums = [each @ member for each in own]  # of each stimulus over the subset

    def hsic(a: int, b: int) -> np.ndarray:
        """Return m (m − 3) times the unbiased HSIC (Song et al. 2012, equation 5); 0 where it is rounding."""
        total = [np.einsum("ik,ik->k", member, sums[i]) for i in (a, b)]
        within = np.einsum("ik,ik->k", member, (own[a] * own[b]) @ member)
        both = np.einsum("ik,ik,ik->k", member, sums[a], sums[b])
        found = within + total[0] * total[1] / ((size - 1) * (size - 2)) - 2 * both / (size - 2)
        return np.where(abs(found) > 1e-12 * abs(within), found, 0)

    scale = hsic(0, 0) * hsic(1, 1)
    return hsic(0, 1) / np.sqrt(np.where(scale > 0, scale, np.nan))


def correlations_within(a: np.ndarray, b: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """Pearson correlation over the pairs of stimuli of each subset, from products of the whole matrices.

    Parameters
    ----------
    a, b : ndarray, shape (n, n)
        Symmetric; their diagonals play no part.
    subsets : ndarray of bool, shape (n, k)
        Columns are subsets of at least three stimuli.

    Returns
    -------
    ndarray, shape (k,)
        Equal to that of each alone but for rounding; NaN where one does not vary.
    """
    member, size = subsets.astype(np.float64), subsets.sum(axis=0)
    own = []
    for each in (a, b):
        apart = np.array(each, dtype=np.float64)
        np.fill_diagonal(apart, 0)
        apart -= apart.sum() / (len(apart) * (len(apart) - 1))  # leaves little to cancel
        np.fill_diagonal(apart, 0)
        own.append(apart)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.einsum("ik,ik->k", member, values @ member) / (size * (size - 1))

    means = [mean(each) for each in own]
    squares = [mean(each * each) for each in own]
    variances = [square - m**2 for square, m in zip(squares, means, strict=True)]
    varies = np.all([v > 1e-12 * s for v, s in zip(variances, squares, strict=True)], axis=0)
    covariance = mean(own[0] * own[1]) - means[0] * means[1]
    return covariance / np.sqrt(np.where(varies, variances[0] * variances[1], np.nan))


def rdm(gram: Mapping[str, np.ndarray], kind: Dissimilarity) -> np.ndarray:
    """Representational dissimilarity matrix from what `gram.matrix.gram` gives.

    Parameters
    ----------
    gram : dict
        ``K`` and, for ``correlation``, the sums that undo its shift.
    kind : {"squared_euclidean", "correlation"}
        K_ii + K_jj − 2 K_ij, or 1 − Pearson r across features.

    Returns
    -------
    ndarray, shape (n (n − 1) / 2,)
        Upper triangle row by row, as SciPy's ``pdist``. NaN for stimuli whose features are all equal
        (a standard deviation under 1e-3 of the root mean square is not told from rounding).
    """
    K = gram["K"]
    n = len(K)
    norm, result, filled = K.diagonal(), np.empty(n * (n - 1) // 2), 0
    if kind == "correlation":
        # Covariance across features: x·y − Σx Σy / p, where x·y = K + x·μ + y·μ − μ·μ.
        dot_mean, total, p = gram["row_dot_mean"], gram["row_sum"], gram["n_features"]
        mean = gram["mean_dot_mean"]
        variance = norm + 2 * dot_mean - mean - total**2 / p
        deviation = np.sqrt(np.where(variance > 1e-6 * (norm + mean), variance, np.nan))
    for first in range(0, n, ROWS):
        rows = slice(first, min(first + ROWS, n))
        block = K[rows].astype(np.float64)
        if kind == "squared_euclidean":
            block = norm[rows, None] + norm - 2 * block
        else:
            block += (dot_mean - mean)[rows, None] + dot_mean
            block -= np.outer(total[rows] / p, total)
            block /= np.outer(deviation[rows], deviation)
            np.subtract(1, block, out=block)
        for row, values in enumerate(block, first):
            result[filled : filled + n - row - 1] = values[row + 1 :]
            filled += n - row - 1
    return result


def rdm_of(Y: np.ndarray, kind: Dissimilarity) -> np.ndarray:
    """`rdm` of responses, shape (n, m): across neuroids instead of features."""
    return rdm(matrix.gram([Y], np.float64), kind)


def square(pairs: np.ndarray, n: int) -> np.ndarray:
    """Symmetric matrix (n, n) of the values (n (n − 1) / 2,) that `rdm` gives, 0 on its diagonal."""
    result, taken = np.zeros((n, n)), 0
    for row in range(n):
        result[row, row + 1 :] = pairs[taken : taken + n - row - 1]
        taken += n - row - 1
    for first in range(0, n, ROWS):  # blocks of a triangle into the other one, which is far away in memory
        rows, below = slice(first, first + ROWS), slice(first + ROWS, n)
        result[rows, rows] += result[rows, rows].T.copy()
        result[below, rows] = result[rows, below].T
    return result


def above_diagonal(n: int) -> np.ndarray:
    """Mask (n, n) of each pair once, in the order of `rdm`."""
    return ~np.tri(n, dtype=bool)


def compare(a: np.ndarray, b: np.ndarray, method: Literal["pearson", "spearman"]) -> float:
    """Correlation of two dissimilarity matrices over pairs of stimuli (Kriegeskorte et al. 2008)."""
    return float({"pearson": pearson, "spearman": spearman}[method](a, b))


def _double_centred(K: np.ndarray) -> np.ndarray:
    """H K H: the Gram matrix of features centred over stimuli."""
    mean = K.mean(axis=0, dtype=np.float64)
    centred = K - mean
    centred -= (mean - mean.mean())[:, None]
    return centred


def u_centred(K: np.ndarray) -> np.ndarray:
    """U-centred Gram matrix: the inner product of two is n (n − 3) times the unbiased HSIC."""
    n = len(K)
    centred = _double_centred(K)  # changes nothing but the rounding of features with an offset
    np.fill_diagonal(centred, 0)
    mean = centred.sum(axis=0) / (n - 2)
    centred -= mean
    centred -= (mean - mean.sum() / (n - 1))[:, None]
    np.fill_diagonal(centred, 0)
    return centred


def off_diagonal_deviations(a: np.ndarray) -> np.ndarray:
    """Deviations of values (n, n) of pairs from their mean, 0 on the diagonal, all 0 where they do not vary.

    Their `cosine` is the Pearson correlation over pairs.
    """
    apart = np.array(a, dtype=np.float64)
    np.fill_diagonal(apart, 0)
    count = len(a) * (len(a) - 1)
    mean = apart.sum() / count
    apart -= mean
    np.fill_diagonal(apart, 0)
    constant = np.vdot(apart, apart) <= (rounding(apart.dtype, count) * mean) ** 2 * count
    return np.zeros_like(apart) if constant else apart


def cosine(A: np.ndarray, B: np.ndarray) -> float:
    """Cosine of the angle between two matrices; NaN where one is zero."""
    scale = np.sqrt(np.vdot(A, A) * np.vdot(B, B))
    return float(np.vdot(A, B) / scale) if scale > 0 else float("nan")
