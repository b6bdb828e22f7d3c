"""Exact PLS2 regression from a Gram matrix.

PLS2 with centring and without scaling (scikit-learn's ``PLSRegression(scale=False)``) depends on
the features X only through K = X Xᵀ. With orthonormal scores T and dual weights U (w = Xᵀu), the
prediction with a components is K_test U (Tᵀ K U)⁻¹ Tᵀ Y, so X is never needed and one fit
serves every component count up to the largest.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from visalign.gram_matrix import centred


def fit(K: np.ndarray, Y: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit PLS2 on a centred Gram matrix.

    Each weight is the dominant singular vector of the deflated XᵀY, found exactly by an
    eigendecomposition, where NIPALS iterates (Höskuldsson 1988; Rännar et al. 1994).

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Gram matrix of centred features.
    Y : ndarray, shape (n, m)
        Centred responses.
    components : int
        Wanted number; fewer result when X or Y is exhausted.

    Returns
    -------
    U : ndarray, shape (n, a)
        Dual weights.
    R : ndarray, shape (a, a)
        Upper triangular Tᵀ K U.
    Q : ndarray, shape (a, m)
        Loadings Tᵀ Y.
    """
    n, m = Y.shape
    T, U, Q = np.empty((n, components)), np.empty((n, components)), np.empty((components, m))
    KT = np.empty((n, components))
    residual, S = Y.copy(), K @ Y  # S stays K @ residual
    scale = np.linalg.norm(S)
    a = 0
    while a < min(components, n - 1):
        weight = linalg.eigh(residual.T @ S, subset_by_index=[m - 1, m - 1], check_finite=False)[1][:, 0]
        u, t = residual @ weight, S @ weight
        for _ in range(2):  # twice is enough for orthogonality to rounding
            t -= T[:, :a] @ (T[:, :a].T @ t)
        length = np.linalg.norm(t)
        if length <= 1e-12 * scale:
            break
        T[:, a], U[:, a] = t / length, u / length
        KT[:, a] = K @ T[:, a]
        Q[a] = T[:, a] @ residual
        residual -= np.outer(T[:, a], Q[a])
        S -= np.outer(KT[:, a], Q[a])
        a += 1
    return U[:, :a], np.triu(KT[:, :a].T @ U[:, :a]), Q[:a]


def predict(
    K: np.ndarray, Y: np.ndarray, train: np.ndarray, test: np.ndarray, components: int = 25
) -> np.ndarray:
    """Predict responses to test stimuli.

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli.
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
    K_train, K_test = centred(K, train, test)
    mean = Y[train].mean(axis=0)
    U, R, Q = fit(K_train, Y[train] - mean, components)
    return K_test @ (U @ linalg.solve_triangular(R, Q, check_finite=False)) + mean
