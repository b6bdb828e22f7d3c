"""Ridge regression from a Gram matrix, with a penalty per neuroid by exact leave-one-out.

With an intercept, ridge regression depends on the features X only through K = X Xᵀ centred on the
training stimuli. One eigendecomposition K = Q Λ Qᵀ gives every penalty α at once: the residuals are
Q f Qᵀ Y with f = α / (λ + α), the leverages h = 1/n + diag(Q (1 − f) Qᵀ), and the leave-one-out
errors residual / (1 − h), exactly (Rifkin and Lippert 2007). scikit-learn's
``RidgeCV(alphas, alpha_per_target=True)`` finds the same from X.

Stimuli of one group g (the positions of an image, copies of a picture) tell of each other, so they are left
out together: with the same I − H, their errors are (I − H)_gg⁻¹ residual_g, exactly, of which the above is
the case of one stimulus.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg


def penalty_grid(K: np.ndarray, train: np.ndarray, count: int) -> np.ndarray:
    """Penalties from 1e-4 to 1e4 times the mean eigenvalue of the centred training Gram.

    The lowest barely shrinks anything; the highest shrinks every component by more than half (as no
    eigenvalue exceeds their sum, for up to 1e4 stimuli), beyond which only the scale of predictions
    changes.

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Gram matrix of all stimuli.
    train : ndarray of int
        Indices of the training stimuli.
    count : int
        Of penalties.

    Returns
    -------
    ndarray, shape (count,)
        Rising, in the units of `K`.
    """
    mean_eigenvalue = K.diagonal()[train].mean() - K[np.ix_(train, train)].mean()
    # Features that do not depend on the stimulus: any penalty predicts the mean.
    return (mean_eigenvalue if mean_eigenvalue > 0 else 1.0) * np.geomspace(1e-4, 1e4, count)


def predict(
    K: np.ndarray,
    Y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    penalties: np.ndarray,
    groups: np.ndarray | None = None,
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
    penalties : ndarray, shape (count,)
        Penalties to choose from, positive, in the units of `K` (see `penalty_grid`).
    groups : ndarray, shape (n,), optional
        Group of each stimulus, left out as one where the penalty is chosen; each its own by default, or
        where the training stimuli are one group.

    Returns
    -------
    ndarray, shape (n_test, m)
        In the units of `Y`.
    """
    weights, _, _ = fit(K, Y, train, penalties, groups)
    return _centred(K, test, train) @ weights + Y[train].mean(axis=0)


def fit(
    K: np.ndarray,
    Y: np.ndarray,
    train: np.ndarray,
    penalties: np.ndarray,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit ridge regression, each neuroid at the penalty of its smallest leave-one-out error.

    Same arguments as `predict`.

    Returns
    -------
    weights : ndarray, shape (n_train, m)
        Dual weights, for Gram rows centred on the training stimuli.
    chosen : ndarray, shape (m,)
        Penalty of each neuroid; the first of equal ones.
    errors : ndarray, shape (count, m)
        Mean squared leave-one-out error, in the squared units of `Y`.
    """
    n = len(train)
    # Driver evd leaves Q where the matrix was; eigenvalues below 0 are rounding (of float32 products).
    eigenvalues, Q = linalg.eigh(
        _centred(K, train, train).T, overwrite_a=True, check_finite=False, driver="evd"
    )
    eigenvalues = np.maximum(eigenvalues, 0)
    projected = Q.T @ (Y[train] - Y[train].mean(axis=0))
    several = [] if groups is None else _several(groups[train])
    errors = np.empty((len(penalties), Y.shape[1]))
    for row, penalty in zip(errors, penalties, strict=True):
        kept = penalty / (eigenvalues + penalty)
        residual = Q @ (kept[:, None] * projected)
        left_out = residual / (np.einsum("ij,ij,j->i", Q, Q, kept) - 1 / n)[:, None]
        for members in several:
            half = Q[members] * np.sqrt(kept)
            left_out[members] = linalg.solve(half @ half.T - 1 / n, residual[members], assume_a="pos")
        row[:] = (left_out**2).mean(axis=0)
    chosen = np.asarray(penalties)[errors.argmin(axis=0)]
    return Q @ (projected / (eigenvalues[:, None] + chosen)), chosen, errors


def _several(groups: np.ndarray) -> list[np.ndarray]:
    """Positions of the members of each group (n,) of more than one; none where all are in one group."""
    names, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) == 1:
        return []
    return [np.flatnonzero(group == index) for index in np.flatnonzero(size > 1)]


def _centred(K: np.ndarray, rows: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Gram block of `rows` × `train`, features centred on the training stimuli, float64."""
    mean = np.zeros(len(K))
    mean[train] = 1 / len(train)
    to_mean = mean @ K
    block = K[np.ix_(rows, train)] - to_mean[train]
    block -= (to_mean[rows] - to_mean @ mean)[:, None]
    return block
