"""Exact PLS2 regression from feature covariances, all splits together, for fewer features than stimuli.

The regression of `gram.pls`, on the p × p matrix C = Xᵀ X and the m × p matrix B = Yᵀ X instead of
the n × n Gram matrix. Both are formed once; each split takes the stimuli that it leaves out off them.
Improved kernel PLS (Dayal and MacGregor 1997) then needs vectors of p features only: with rotations R,
such that the scores are T = X R, and P = C R, the deflated B is B − Q P.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visalign.gram.pls import Fit, deflate, dominant


def use_primal(n: int, p: int) -> bool:
    """Whether p features of n stimuli are regressed faster here than with their Gram matrix at hand.

    Measured on one core with 168 neuroids, ten splits and 640, 1,280 and 2,560 stimuli: both take the
    same time at about 0.4 n features; with 0.05 n features this takes a quarter or less.
    """
    return p < 0.4 * n


def predict_splits_primal(
    X: np.ndarray, Y: np.ndarray, splits: Sequence[tuple[np.ndarray, np.ndarray]], components: int
) -> list[np.ndarray]:
    """Predict responses (n_test, m) to the test stimuli of each split; see `fit_splits_primal`."""
    return [fit.predicted for fit in fit_splits_primal(X, Y, splits, components)]


def fit_splits_primal(
    X: np.ndarray, Y: np.ndarray, splits: Sequence[tuple[np.ndarray, np.ndarray]], components: int
) -> list[Fit]:
    """Fit the training set of each split.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Features.
    Y : ndarray, shape (n, m)
        Responses.
    splits : sequence of (train, test)
        Indices of stimuli.
    components : int

    Returns
    -------
    list of Fit
        Predictions are in the units of `Y`. Beside X and Y in float64, s (p² + 2 p m + m²) 8 bytes are in
        use for s splits.
    """
    X, Y = np.asarray(X, np.float64), np.asarray(Y, np.float64)
    rounding = 10 * np.finfo(np.float64).eps * np.linalg.norm(X) * np.linalg.norm(Y)
    y_mean = Y.mean(axis=0)
    X, Y = X - X.mean(axis=0), Y - y_mean
    C, B = covariances(X, Y, [train for train, _ in splits])
    R = rotations(C, B, components, rounding * np.linalg.norm(X))
    return [
        Fit(r @ (X[test] - X[train].mean(axis=0)).T, r @ b.T, Y[train].mean(axis=0) + y_mean)
        for (train, test), r, b in zip(splits, R, B, strict=True)
    ]


def covariances(X: np.ndarray, Y: np.ndarray, trains: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Xᵀ X, shape (s, p, p), and Yᵀ X, shape (s, m, p), of each training set, centred on it.

    `X` and `Y` are about centred, so that little cancels.
    """
    every = np.arange(len(X))
    C, B = np.stack([X.T @ X] * len(trains)), np.stack([Y.T @ X] * len(trains))
    for c, b, train in zip(C, B, trains, strict=True):
        outside = np.setdiff1d(every, train)
        x_sum, y_sum = -X[outside].sum(axis=0), -Y[outside].sum(axis=0)  # both sum to 0 over all
        c -= X[outside].T @ X[outside] + np.outer(x_sum, x_sum) / len(train)
        b -= Y[outside].T @ X[outside] + np.outer(y_sum, x_sum) / len(train)
    return C, B


def rotations(C: np.ndarray, B: np.ndarray, components: int, rounding: float) -> np.ndarray:
    """Rotations of features to scores that are orthonormal in each training set.

    Parameters
    ----------
    C : ndarray, shape (s, p, p)
        Xᵀ X.
    B : ndarray, shape (s, m, p)
        Yᵀ X.
    components : int
    rounding : float
        Length, in the units of X Xᵀ Y, up to which a score is none.

    Returns
    -------
    ndarray, shape (s, components, p)
        0 from the component on at which X or Y is exhausted.
    """
    if B.shape[1] > B.shape[2]:  # rotations depend on B only through Bᵀ B
        B = np.linalg.qr(B)[1]
    M = B @ B.mT
    R, P = np.zeros((2, len(B), components, B.shape[2]))
    Q = np.zeros((len(B), components, B.shape[1]))
    for a in range(components):
        weight = dominant(M)[:, None]
        r = weight @ B - (weight @ Q[:, :a].mT) @ P[:, :a]
        for _ in range(2):  # twice is enough for orthogonality to rounding
            r -= (r @ P[:, :a].mT) @ R[:, :a]
        Cr = r @ C
        length = np.sqrt(np.maximum(r @ Cr.mT, 0))
        scale = np.divide(1, length, out=np.zeros_like(length), where=length > rounding)
        R[:, a], P[:, a] = (r * scale)[:, 0], (Cr * scale)[:, 0]
        Q[:, a] = (R[:, a, None] @ B.mT)[:, 0]
        BP = P[:, a, None] @ B.mT
        deflate(M, Q[:, : a + 1], BP[:, 0], (P[:, a, None] @ P[:, : a + 1].mT)[:, 0])
    return R
