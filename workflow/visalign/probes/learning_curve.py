"""Learning curves: accuracy over the number of training trials, its area, and where it reaches .80."""

from __future__ import annotations

import numpy as np

#: Accuracy whose training size is reported.
REACHED = 0.8


def area(sizes: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Mean accuracy over log₂ of the training size, by trapezoids.

    Parameters
    ----------
    sizes : ndarray, shape (k,)
        Rising.
    accuracy : ndarray, shape (..., k)

    Returns
    -------
    ndarray, shape (...)
        NaN for fewer than two sizes.
    """
    x = np.log2(sizes)
    if len(x) < 2:
        return np.full(np.shape(accuracy)[:-1], np.nan)
    return np.trapezoid(accuracy, x, axis=-1) / (x[-1] - x[0])


def size_reaching(sizes: np.ndarray, accuracy: np.ndarray, level: float = REACHED) -> np.ndarray:
    """Training size at which a curve, linear between its points over log₂ of the size, first reaches a level.

    Parameters
    ----------
    sizes : ndarray, shape (k,)
        Rising.
    accuracy : ndarray, shape (..., k)

    Returns
    -------
    ndarray, shape (...)
        The smallest size where the first point is there already; infinite where none is.
    """
    x, accuracy = np.log2(sizes), np.asarray(accuracy, dtype=float)
    above = accuracy >= level - 1e-12  # a mean of exact .8 is not .8
    first = above.argmax(axis=-1)
    before = np.maximum(first - 1, 0)
    high, low = (np.take_along_axis(accuracy, i[..., None], axis=-1)[..., 0] for i in (first, before))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first > 0, np.clip((level - low) / (high - low), 0, 1), 1.0)
    reached = 2 ** (x[before] + share * (x[first] - x[before]))
    return np.where(above.any(axis=-1), reached, np.inf)
