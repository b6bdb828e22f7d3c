"""How accuracy falls with difficulty: a logistic function from ceiling to chance, its threshold and slope."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

#: Fewer levels do not tell a threshold.
LEVELS = 3
CHANCE = 0.5
#: Bootstrap draws, each of which takes some milliseconds.
DRAWS = 200


class Threshold(NamedTuple):
    """Where accuracy is half-way between chance and 1, and the slope there per unit of difficulty.

    NaN where accuracy does not fall, or nowhere within the levels and as far again beyond them.
    """

    at: float
    slope: float


def fitted(difficulty: np.ndarray, right: np.ndarray, counts: np.ndarray) -> Threshold:
    """Fit P(right) = ½ + ½ / (1 + exp((d − threshold) / width)) by maximum likelihood.

    Parameters
    ----------
    difficulty : ndarray, shape (n_levels,)
        Ascending, harder.
    right, counts : ndarray, shape (n_levels,)
        Right trials, and all, of each level.
    """
    low, high = float(difficulty.min()), float(difficulty.max())
    span = high - low

    def loss(parameters: np.ndarray) -> float:
        at, log_slope = parameters
        p = CHANCE + (1 - CHANCE) * expit(-np.exp(log_slope) * (difficulty - at) / span)
        p = np.clip(p, 1e-9, 1 - 1e-9)
        return float(-(right * np.log(p) + (counts - right) * np.log1p(-p)).sum())

    starts = [(at, slope) for at in np.linspace(low, high, 5) for slope in (0.0, 1.5, 3.0)]
    found = min(
        (minimize(loss, start, method="Nelder-Mead", options={"maxiter": 400}) for start in starts),
        key=lambda result: float(result.fun),
    )
    at, slope = float(found.x[0]), -float(np.exp(found.x[1])) / span
    flat = right.sum() / counts.sum()
    level = np.clip(flat, 1e-9, 1 - 1e-9)
    constant = -float((right * np.log(level) + (counts - right) * np.log1p(-level)).sum())
    if constant - float(found.fun) < 1e-6 or not low - span <= at <= high + span:
        return Threshold(np.nan, np.nan)
    return Threshold(at, slope / 4 * (1 - CHANCE))
