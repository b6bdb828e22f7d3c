"""Exact PLS2 regression from a Gram matrix.

PLS2 with centring and without scaling (scikit-learn's ``PLSRegression(scale=False)``) depends on
the features X only through K = X Xᵀ. With orthonormal scores T and dual weights U (w = Xᵀu), the
prediction with a components is K_test U (Tᵀ K U)⁻¹ Tᵀ Y, so X is never needed and one fit
serves every component count up to the largest.

K is neither copied nor centred: vectors over all stimuli that are 0 outside the training set and
sum to 0 within it take its place, so each split reads K about thirty times and writes nothing of
its size.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg
from scipy.linalg.blas import dger


def predict(
    K: np.ndarray, Y: np.ndarray, train: np.ndarray, test: np.ndarray, components: int = 25
) -> np.ndarray:
    """Predict responses to test stimuli.

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli, shifted or not.
    Y : ndarray, shape (n, m)
        Responses.
    train, test : ndarray of int
        Indices of stimuli.
    components : int

    Returns
    -------
    ndarray, shape (n_test, m)
        In the units of `Y`.
    """
    inside = np.zeros((len(K), 1))
    inside[train] = 1
    mean = Y[train].mean(axis=0)
    U, R, Q = fit(K, inside * (Y - mean), inside, components)
    coefficients = U @ linalg.solve_triangular(R, Q, check_finite=False)
    # Test features are centred on the training mean: subtract the training stimuli's mean prediction.
    training_mean = (inside[:, 0] @ K) @ coefficients / len(train)
    return K[test] @ coefficients - training_mean + mean


def fit(
    K: np.ndarray, Y: np.ndarray, inside: np.ndarray, components: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit PLS2 on the training part of a Gram matrix.

    Each weight is the dominant singular vector of the deflated XᵀY, found exactly by an
    eigendecomposition, where NIPALS iterates (Höskuldsson 1988; Rännar et al. 1994).

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli.
    Y : ndarray, shape (n, m)
        Responses, centred within the training set and 0 outside.
    inside : ndarray, shape (n, 1)
        1 for training stimuli, else 0.
    components : int
        Wanted number; fewer result when X or Y is exhausted.

    Returns
    -------
    U : ndarray, shape (n, a)
        Dual weights, 0 outside the training set.
    R : ndarray, shape (a, a)
        Upper triangular Tᵀ K U, K centred.
    Q : ndarray, shape (a, m)
        Loadings Tᵀ Y.
    """
    n_train = int(inside.sum())

    def times_K(V: np.ndarray) -> np.ndarray:
        """Centred training block of K times V, 0 outside."""
        product = K @ V
        return inside * (product - (inside * product).sum(axis=0) / n_train)

    n, m = Y.shape
    T, U, KT = (np.empty((n, components), order="F") for _ in range(3))
    Q = np.empty((components, m))
    # S stays K @ residual and M residualᵀ K residual. Fortran order lets BLAS update in place.
    residual = np.array(Y, dtype=np.float64, order="F")
    S = np.asfortranarray(times_K(residual), dtype=np.float64)
    M = residual.T @ S
    scale = np.linalg.norm(S)
    a = 0
    while a < min(components, n_train - 1):
        weight = linalg.eigh(M, subset_by_index=[m - 1, m - 1], check_finite=False)[1][:, 0]
        u, t = residual @ weight, S @ weight
        for _ in range(2):  # twice is enough for orthogonality to rounding
            t -= T[:, :a] @ (T[:, :a].T @ t)
        length = np.linalg.norm(t)
        if length <= 1e-12 * scale:
            break
        T[:, a], U[:, a] = t / length, u / length
        t = T[:, a]
        KT[:, a] = times_K(t[:, None])[:, 0]
        Q[a] = t @ residual
        cross = np.outer(t @ S, Q[a])
        M -= cross + cross.T - (t @ KT[:, a]) * np.outer(Q[a], Q[a])
        dger(-1.0, t, Q[a], a=residual, overwrite_a=1)
        dger(-1.0, KT[:, a], Q[a], a=S, overwrite_a=1)
        a += 1
    return U[:, :a], np.triu(KT[:, :a].T @ U[:, :a]), Q[:a]
