"""Linear probes in closed form: ridge on labels of ±1, its penalty by exact leave-one-out or leave-group-out.

Features are divided by their standard deviation over training trials, as the batch norm before published
probes does. One decomposition of the training features serves every column of labels, so permuted labels cost
little more than the true ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

#: Penalties in units of the mean eigenvalue of the training features' Gram matrix.
PENALTIES = np.logspace(-4, 4, 15)
#: Added to standard deviations.
EPSILON = 1e-6
#: A decision this near to zero is none: it counts one half.
UNDECIDED = 1e-12


@dataclass(frozen=True)
class Factors:
    """Training features Z = U S Vᵀ, centred and scaled, and test features in the axes of V.

    Attributes
    ----------
    U : ndarray, shape (n_train, rank)
    squares : ndarray, shape (rank,)
        S², eigenvalues of Z Zᵀ.
    test : ndarray, shape (n_test, rank)
        Z_test V.
    """

    U: np.ndarray
    squares: np.ndarray
    test: np.ndarray

    @property
    def penalties(self) -> np.ndarray:
        """Penalties to choose from, (n_penalties,)."""
        return PENALTIES * max(float(self.squares.sum()) / len(self.U), np.finfo(float).tiny)


class Fitted(NamedTuple):
    """A probe for each column of labels.

    Attributes
    ----------
    decisions : ndarray, shape (n_test, n_columns)
        Above 0: label 1.
    penalties : ndarray, shape (n_columns,)
        Chosen, the smallest error of those that are equally good.
    errors : ndarray, shape (n_columns,)
        Mean squared error of left-out training trials under these.
    """

    decisions: np.ndarray
    penalties: np.ndarray
    errors: np.ndarray


def scaled(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features less their mean over training trials, over their standard deviation there (+ 1e-6).

    Parameters
    ----------
    train, test : ndarray, shape (n, n_features)

    Returns
    -------
    tuple of ndarray of float64
    """
    train, test = np.asarray(train, float), np.asarray(test, float)
    mean, deviation = train.mean(axis=0), train.std(axis=0) + EPSILON
    return (train - mean) / deviation, (test - mean) / deviation


def decompose(train: np.ndarray, test: np.ndarray) -> Factors:
    """Decompose scaled features by the smaller of Zᵀ Z and Z Zᵀ; both give the same probe.

    Parameters
    ----------
    train, test : ndarray, shape (n, n_features)
        As `scaled` gives them.
    """
    n, p = train.shape
    wide = p > n
    squares, axes = eigh(train @ train.T if wide else train.T @ train, overwrite_a=True, check_finite=False)
    kept = squares > squares[-1] * max(n, p) * np.finfo(float).eps if squares[-1] > 0 else squares > 0
    squares, axes = squares[kept], axes[:, kept]
    roots = np.sqrt(squares)
    if wide:
        return Factors(axes, squares, (test @ train.T) @ (axes / roots))
    return Factors((train @ axes) / roots, squares, test @ axes)


def fit(factors: Factors, labels: np.ndarray, groups: np.ndarray | None = None) -> Fitted:
    """Fit a probe to every column of labels.

    Parameters
    ----------
    factors : Factors
    labels : ndarray, shape (n_train, n_columns)
        -1 and 1.
    groups : ndarray of int, shape (n_train,), optional
        Trials of one group are left out together when the penalty is chosen.

    Returns
    -------
    Fitted
        The intercept is the mean of the labels' two means, 0: with one that is the mean of all labels, strong
        penalties would answer with the commoner label.
    """
    penalties = factors.penalties
    errors = left_out_errors(factors, labels, penalties, groups)
    chosen = np.argmin(errors, axis=0)
    weights = factors.U.T @ (labels - labels.mean(axis=0))
    shrunk = np.sqrt(factors.squares)[:, None] / (factors.squares[:, None] + penalties[chosen])
    return Fitted(
        factors.test @ (shrunk * weights), penalties[chosen], errors[chosen, np.arange(labels.shape[1])]
    )


def left_out_errors(
    factors: Factors, labels: np.ndarray, penalties: np.ndarray, groups: np.ndarray | None = None
) -> np.ndarray:
    """Mean squared errors of trials that are left out, alone or with their group, in closed form.

    With H = 1 1ᵀ / n + U diag(s² / (s² + α)) Uᵀ and residuals r = y − H y, what is left out of group g errs
    by (I − H_gg)⁻¹ r_g, of a trial alone by r / (1 − h): that of a ridge regression with an intercept, which
    is fitted anew without them (features keep the scale of all training trials).

    Parameters
    ----------
    factors : Factors
    labels : ndarray, shape (n_train, n_columns)
    penalties : ndarray, shape (n_penalties,)
    groups : ndarray of int, shape (n_train,), optional

    Returns
    -------
    ndarray, shape (n_penalties, n_columns)
    """
    n, U = len(labels), factors.U
    centred = labels - labels.mean(axis=0)
    weights = U.T @ centred
    together = _members(groups)
    errors = np.empty((len(penalties), labels.shape[1]))
    squared_axes = U**2 if together is None else None
    for position, penalty in enumerate(penalties):
        share = factors.squares / (factors.squares + penalty)
        residuals = centred - U @ (share[:, None] * weights)
        if squared_axes is not None:
            leverage = 1 / n + squared_axes @ share
            scale = 1 / np.maximum(1 - leverage, np.finfo(float).eps) ** 2
            errors[position] = scale @ residuals**2 / n
            continue
        assert together is not None
        total = np.zeros(labels.shape[1])
        for members in together:
            own = U[members]
            hat = 1 / n + (own * share) @ own.T
            left_out = np.linalg.solve(np.eye(len(members)) - hat, residuals[members])
            total += (left_out**2).sum(axis=0)
        errors[position] = total / n
    return errors


def _members(groups: np.ndarray | None) -> list[np.ndarray] | None:
    """Positions of each group; None where every trial stands alone."""
    if groups is None:
        return None
    _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if (counts == 1).all():
        return None
    return np.split(np.argsort(number, kind="stable"), np.cumsum(counts)[:-1])


def correct(decisions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether decisions are right: 1, 0, and ½ where there is none.

    Parameters
    ----------
    decisions : ndarray, shape (n, n_columns)
    labels : ndarray, shape (n,) or (n, n_columns)
        -1 and 1.
    """
    agreeing = decisions * (labels if labels.ndim > 1 else labels[:, None]) > 0
    return np.where(np.abs(decisions) < UNDECIDED, 0.5, agreeing)
