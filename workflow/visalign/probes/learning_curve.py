"""Accuracy against the number of training trials: its mean over log₂ n, and where it first reaches .80."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Accuracy whose number of trials is reported.
REACHED = 0.8


class Curve(NamedTuple):
    """A learning curve on one fixed set of test trials.

    Attributes
    ----------
    sizes : ndarray, shape (n_sizes,)
        Mean number of training trials.
    accuracy : ndarray, shape (n_draws, n_sizes)
    """

    sizes: np.ndarray
    accuracy: np.ndarray

    def area(self) -> np.ndarray:
        """Mean accuracy over log₂ of the number of trials by trapezoids, (n_draws,); NaN of one size only."""
        if len(self.sizes) < 2:
            return np.full(len(self.accuracy), np.nan)
        steps = np.log2(self.sizes)
        return np.trapezoid(self.accuracy, steps, axis=1) / (steps[-1] - steps[0])

    def first_reached(self, level: float = REACHED) -> float:
        """Trials at which the mean curve first reaches a level, between sizes by log₂ n; NaN if never."""
        mean = self.accuracy.mean(axis=0)
        above = np.flatnonzero(mean >= level)
        if not len(above):
            return float("nan")
        first = int(above[0])
        if first == 0:
            return float(self.sizes[0])
        low, high = mean[first - 1], mean[first]
        steps = np.log2(self.sizes[[first - 1, first]])
        return float(2 ** (steps[0] + (level - low) / (high - low) * (steps[1] - steps[0])))
