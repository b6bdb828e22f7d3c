"""The ridge probe: a linear classifier in closed form, with a penalty by exact leave-one-out.

Labels are y = ±1. With the centred Gram matrix K = U Λ Uᵀ of the training stimuli (`spectra`) and a penalty α
the residuals are y − U s Uᵀ y, s = Λ / (Λ + α), the leverages h = 1/n + diag(U s Uᵀ), and the error of a
stimulus when it is left out is residual / (1 − h), exactly (Rifkin and Lippert 2007). Members of a group g
tell of each other and are left out together: their errors are (I − H_gg)⁻¹ residual_g.
scikit-learn's ``RidgeCV(alphas, alpha_per_target=True)`` finds the same, stimulus by stimulus.

True and permuted labels are columns that share the basis: two hundred cost little more than one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visalign.probes.spectra import Spectrum

#: Number of penalties.
PENALTIES = 15
#: Decision values nearer to 0 than this decide nothing and count as half right.
UNDECIDED = 1e-12


class Fit(NamedTuple):
    """``values`` (n_test, m): predictions or decision values; ``penalties`` (m,): of each column."""

    values: np.ndarray
    penalties: np.ndarray


def penalty_grid(spectrum: Spectrum, count: int = PENALTIES) -> np.ndarray:
    """Penalties (count,) from 1e-4 to 1e4 times the mean eigenvalue of the centred Gram matrix, rising."""
    mean = spectrum.eigenvalues.sum() / max(len(spectrum.basis), 1)
    # Features that do not depend on the stimulus: any penalty predicts the mean.
    return (mean if mean > 0 else 1.0) * np.geomspace(1e-4, 1e4, count)


def classify(
    spectrum: Spectrum, labels: np.ndarray, penalties: np.ndarray, groups: np.ndarray | None = None
) -> Fit:
    """Train on columns of labels, each at the penalty of its smallest left-out error, and test.

    Features are centred on the mean of the two class means of the training stimuli, so that a class that is
    rarer is not answered less often for that: heavy shrinkage would else predict the majority always. With
    classes of one size this is the mean of all, and the classifier scikit-learn's ``RidgeClassifierCV``.

    Parameters
    ----------
    labels : ndarray, shape (n_train, m)
        1 and 0.
    penalties : ndarray, shape (count,)
        To choose from, positive.
    groups : ndarray, shape (n_train,), optional
        Stimuli that are left out together; each alone by default.

    Returns
    -------
    Fit
        Decision values: above 0 for label 1, 0 in a column that has one label only.
    """
    Y = np.where(labels > 0, 1.0, -1.0)
    projected = spectrum.basis.T @ (Y - Y.mean(axis=0))
    chosen = penalties[_errors(spectrum, Y, projected, penalties, groups, least=True).argmin(axis=0)]
    shrunk = projected / (spectrum.eigenvalues[:, None] + chosen)
    # Fitted values sum to 0 over all stimuli, so their sum over label 1 is half of Σ y · fitted.
    ones = (Y > 0).sum(axis=0)
    zeros = len(Y) - ones
    total = (projected * spectrum.eigenvalues[:, None] * shrunk).sum(axis=0) / 2
    middle = total * (1 / np.maximum(ones, 1) - 1 / np.maximum(zeros, 1)) / 2
    values = spectrum.test @ shrunk - middle
    return Fit(np.where((ones > 0) & (zeros > 0), values, 0), chosen)


def regress(
    spectrum: Spectrum, Y: np.ndarray, penalties: np.ndarray, groups: np.ndarray | None = None
) -> Fit:
    """Predict several variables with one penalty, which has the smallest left-out error of all together.

    Parameters
    ----------
    Y : ndarray, shape (n_train, m)
        Such as cosine and sine of an angle.

    Returns
    -------
    Fit
        Predictions in the units of `Y`.
    """
    mean = Y.mean(axis=0)
    projected = spectrum.basis.T @ (Y - mean)
    errors = _errors(spectrum, Y, projected, penalties, groups, least=False).sum(axis=1)
    chosen = np.full(Y.shape[1], penalties[errors.argmin()])
    return Fit(spectrum.test @ (projected / (spectrum.eigenvalues[:, None] + chosen)) + mean, chosen)


def left_out_errors(
    spectrum: Spectrum, Y: np.ndarray, penalties: np.ndarray, groups: np.ndarray | None = None
) -> np.ndarray:
    """Mean squared left-out error (count, m) of every penalty and column of `Y` (n_train, m)."""
    projected = spectrum.basis.T @ (Y - Y.mean(axis=0))
    return _errors(spectrum, Y, projected, penalties, groups, least=False)


def correct(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether decisions are right: 1, 0, or ½ where there is none.

    Parameters
    ----------
    values : ndarray
        Decision values.
    labels : ndarray
        1 and 0; of the shape of `values`, or one that goes with it.
    """
    return np.where(np.abs(values) < UNDECIDED, 0.5, (values > 0) == (labels > 0))


def _errors(
    spectrum: Spectrum,
    Y: np.ndarray,
    projected: np.ndarray,
    penalties: np.ndarray,
    groups: np.ndarray | None,
    *,
    least: bool,
) -> np.ndarray:
    """Mean squared left-out errors (count, m); with `least`, infinite where they cannot be the smallest."""
    U, n = spectrum.basis, len(Y)
    beyond = Y - Y.mean(axis=0) - U @ projected  # what no penalty fits
    kept = penalties[:, None] / (spectrum.eigenvalues + penalties[:, None])  # of each component, (count, k)
    squared = U * U
    alone = (1 - 1 / n - squared.sum(axis=1)) + kept @ squared.T  # 1 − h, (count, n)
    several = [] if groups is None else _several(groups)
    blocks = [np.eye(g.shape[1]) - 1 / n - U[g] @ U[g].swapaxes(1, 2) for g in several]
    errors = np.full((len(penalties), Y.shape[1]), np.inf)
    possible = np.ones(errors.shape, dtype=bool)
    if least and not several:
        possible = _possible(kept, alone, projected, beyond)
    for row, own, f, left in zip(errors, possible, kept, alone, strict=True):
        columns = slice(None) if own.all() else np.flatnonzero(own)
        residual = U @ (f[:, None] * projected[:, columns])
        residual += beyond[:, columns]
        left_out = residual / left[:, None]
        for members, block in zip(several, blocks, strict=True):
            half = U[members] * np.sqrt(f)
            left_out[members] = np.linalg.solve(block + half @ half.swapaxes(1, 2), residual[members])
        row[columns] = np.einsum("ij,ij->j", left_out, left_out) / n
    return errors


def _possible(kept: np.ndarray, alone: np.ndarray, projected: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """Which penalties (count, m) may have the smallest error of a column, by bounds that cost little.

    The sum of squared residuals needs no residual, and a leave-one-out error lies between it and itself
    divided by the smallest and by the largest (1 − h)². Labels that features do not know, as permuted ones,
    ask for high penalties, at which these bounds are tight.
    """
    squares = (kept**2) @ projected**2 + np.einsum("ij,ij->j", beyond, beyond)
    low, high = squares / alone.max(axis=1)[:, None] ** 2, squares / alone.min(axis=1)[:, None] ** 2
    return low <= high.min(axis=0) * (1 + 1e-9)


def _several(groups: np.ndarray) -> list[np.ndarray]:
    """Positions (n_groups, size) of the members of groups of each size above 1; none of one group."""
    names, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) == 1:
        return []
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.cumsum(size)[:-1])
    return [
        np.array([part for part in parts if len(part) == length]) for length in np.unique(size) if length > 1
    ]
