"""Exact PLS2 regression from a Gram matrix, all splits together.

PLS2 with centring and without scaling (scikit-learn's ``PLSRegression(scale=False)``) depends on
the features X only through K = X Xᵀ. Its scores T, orthonormal within the training set, are found
for training and test stimuli alike; the prediction with a components is the mean training response
plus T_test Tᵀ Y over the first a scores, so one fit serves every component count.

K is neither copied nor centred. Nor are K and Y deflated: with K and Y centred on a training set, the
residual is Y − T Q and S = K residual is K Y − (K T) Q, both only ever multiplied by vectors. So splits
share one product K Y and one product of K with the newest score of each split per component.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.linalg import lapack


@dataclass(frozen=True)
class Fit:
    """PLS fitted on a training set: what predicts responses to its test stimuli.

    ``scores`` (components, n_test) and ``loadings`` (components, m), 0 from the component on at which
    features or responses are exhausted; ``mean`` (m,): mean training response.
    """

    scores: np.ndarray
    loadings: np.ndarray
    mean: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Predictions with all components, shape (n_test, m)."""
        return self.scores.T @ self.loadings + self.mean

    @property
    def predicted_by_count(self) -> np.ndarray:
        """Predictions with 1, 2, ... components, shape (components, n_test, m)."""
        return np.cumsum(self.scores[..., None] * self.loadings[:, None], axis=0) + self.mean

    @property
    def used(self) -> int:
        """Components that were not exhausted."""
        return int(self.loadings.any(axis=1).sum())


def fit_splits(
    K: np.ndarray,
    Y: np.ndarray,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    components: int,
    rounding: float | None = None,
) -> list[Fit]:
    """Fit the training set of each split; arguments as of `predict_splits`, and `rounding` as of `scores`."""
    fits = []
    T = scores(K, Y, [train for train, _ in splits], components, rounding)
    for (train, test), t in zip(splits, T, strict=True):
        mean = Y[train].mean(axis=0)
        fits.append(Fit(t[:, test], t[:, train] @ (Y[train] - mean), mean))
    return fits


def predict_splits(
    K: np.ndarray, Y: np.ndarray, splits: Sequence[tuple[np.ndarray, np.ndarray]], components: int
) -> list[np.ndarray]:
    """Predict responses to the test stimuli of each split.

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli, shifted or not.
    Y : ndarray, shape (n, m)
        Responses.
    splits : sequence of (train, test)
        Indices of stimuli.
    components : int

    Returns
    -------
    list of ndarray, shape (n_test, m)
        In the units of `Y`.
    """
    return [fit.predicted for fit in fit_splits(K, Y, splits, components)]


def predict(K: np.ndarray, Y: np.ndarray, train: np.ndarray, test: np.ndarray, components: int) -> np.ndarray:
    """Predict responses to the test stimuli of one split, shape (n_test, m); see `predict_splits`."""
    return predict_splits(K, Y, [(train, test)], components)[0]


def scores(
    K: np.ndarray,
    Y: np.ndarray,
    trains: Sequence[np.ndarray],
    components: int,
    rounding: float | None = None,
) -> np.ndarray:
    """Scores of every stimulus on the PLS components of each training set.

    Each weight is the dominant singular vector of the deflated XᵀY, found exactly by an
    eigendecomposition, where NIPALS iterates (Höskuldsson 1988; Rännar et al. 1994).

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli.
    Y : ndarray, shape (n, m)
        Responses.
    trains : sequence of ndarray of int
        Indices of the training stimuli of each of s splits.
    components : int
    rounding : float, optional
        Bound on the norm of the rounding that K comes with (`gram.matrix.gram` gives it); that of its type
        by default, which is 0 for float64. A score that this would explain is none.

    Returns
    -------
    ndarray, shape (s, components, n)
        Orthonormal over the training stimuli, and centred on them; 0 from the component on at which X
        or Y is exhausted. Beside K, and the rows of K that one split leaves out, about
        s (2 n components + n m + m²) 8 bytes are in use, where m > n counts as n.
    """
    if rounding is None:
        eps = float(np.finfo(np.float32).eps) if K.dtype == np.float32 else 0.0
        rounding = eps * float(np.linalg.norm(K))
    K, Y = np.asarray(K, np.float64), np.asarray(Y, np.float64)
    # A score up to this length is rounding of the sums below: X or Y is exhausted.
    least = 10 * np.finfo(np.float64).eps * np.linalg.norm(K) * np.linalg.norm(Y)
    Y = Y - Y.mean(axis=0)
    if Y.shape[1] > len(Y):  # scores depend on Y only through Y Yᵀ
        Y = np.linalg.qr(Y.T)[1].T
    inside = np.zeros((len(trains), len(K)))
    for mask, train in zip(inside, trains, strict=True):
        mask[train] = 1
    size = inside.sum(axis=1, keepdims=True)
    YK = Y.T @ K
    G = np.stack([_centred_product(K, Y, YK, mask) for mask in inside])
    M = np.stack([(mask * g) @ Y for mask, g in zip(inside, G, strict=True)])

    T, KT = np.zeros((2, len(trains), components, len(K)))
    Q = np.zeros((len(trains), components, Y.shape[1]))
    for a in range(components):
        weight = dominant(M)[:, None]
        t = (weight @ G - (weight @ Q[:, :a].mT) @ KT[:, :a])[:, 0]
        for _ in range(2):  # twice is enough for orthogonality to rounding
            t -= ((inside * t)[:, None] @ T[:, :a].mT @ T[:, :a])[:, 0]
        length = np.linalg.norm(inside * t, axis=1, keepdims=True)
        residual = (weight @ Y.T - (weight @ Q[:, :a].mT) @ T[:, :a])[:, 0]
        own = least + rounding * np.linalg.norm(inside * residual, axis=1, keepdims=True)
        T[:, a] = t * np.divide(1, length, out=np.zeros_like(length), where=length > own)
        t = inside * T[:, a]
        Kt = t @ K
        KT[:, a] = Kt - (inside * Kt).sum(axis=1, keepdims=True) / size
        Q[:, a] = t @ Y
        overlap = t[:, None] @ KT[:, : a + 1].mT
        deflate(M, Q[:, : a + 1], (inside * KT[:, a]) @ Y, overlap[:, 0])
    return T


def dominant(M: np.ndarray) -> np.ndarray:
    """Eigenvectors of the largest eigenvalue of symmetric matrices (s, m, m) of float64, shape (s, m).

    As ``scipy.linalg.eigh`` finds them, which asks LAPACK for its needs anew for each of many small matrices.

    Raises
    ------
    LinAlgError
        LAPACK finds none.
    """
    m, found = M.shape[-1], np.empty(M.shape[:-1])
    lwork, liwork, _ = lapack.dsyevr_lwork(m, lower=True)
    work = {"lwork": int(lwork), "liwork": int(liwork)}
    for vector, matrix in zip(found, M, strict=True):
        _, vectors, _, _, info = lapack.dsyevr(matrix, lower=True, range="I", il=m, iu=m, **work)
        if info:
            raise linalg.LinAlgError(f"dsyevr: info {info}")
        vector[:] = vectors[:, 0]
    return found


def deflate(M: np.ndarray, Q: np.ndarray, YKt: np.ndarray, overlap: np.ndarray) -> None:
    """Take the newest score t out of the residual in M = residualᵀ K residual, in place.

    Parameters
    ----------
    M : ndarray, shape (s, m, m)
    Q : ndarray, shape (s, a, m)
        Loadings, the newest last.
    YKt : ndarray, shape (s, m)
        Yᵀ K t, Y not deflated.
    overlap : ndarray, shape (s, a)
        Tᵀ K t.
    """
    overlap = np.append(overlap[:, :-1], overlap[:, -1:] / 2, axis=1)
    cross = Q[:, -1, :, None] @ (YKt[:, None] - overlap[:, None] @ Q)
    M -= cross + cross.mT


def _centred_product(K: np.ndarray, Y: np.ndarray, YK: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Yᵀ K over the training stimuli, features and responses centred on them, shape (m, n).

    Few stimuli are left out, so taking them off the product `YK` over all costs less than a new one.
    """
    outside, size = inside == 0, inside.sum()
    product = YK - Y[outside].T @ K[outside]
    product -= np.outer(inside @ Y / size, inside @ K)
    product -= (product @ inside / size)[:, None]
    return product
