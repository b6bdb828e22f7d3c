"""Two-way bootstrap: stimuli and neuroids drawn anew together, the same draws for every model.

A score varies with the stimuli that were shown and with the neuroids that were recorded. Drawing both with
replacement in each draw adds up both variances (Owen 2007, The pigeonhole bootstrap); drawing one at a time
and taking the wider interval does not. Draws depend on the recording and a seed, never on the model: so the
difference of two models is taken draw by draw, and what they share cancels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from visalign.stats.defined import median_of_defined

#: Draws of an interval, and how many are worked on at a time: bounds memory by this many times the stimuli.
DRAWS = 1000
DRAWS_AT_ONCE = 100


class Draws(NamedTuple):
    """How often each unit is drawn, and which neuroids.

    ``unit`` (n_stimuli,): number of the unit of each stimulus: itself, the picture that several stimuli show,
    or the image of a grid recording. ``weights`` (draws, n_units); ``neuroids`` (draws, n_neuroids).
    """

    unit: np.ndarray
    weights: np.ndarray
    neuroids: np.ndarray

    @property
    def units(self) -> int:
        """The fewer of units and neuroids: what limits an interval."""
        return min(self.weights.shape[1], self.neuroids.shape[1])

    def parts(self) -> Iterator[Draws]:
        """The draws, some at a time."""
        for first in range(0, len(self.weights), DRAWS_AT_ONCE):
            rows = slice(first, first + DRAWS_AT_ONCE)
            yield Draws(self.unit, self.weights[rows], self.neuroids[rows])

    def of_stimuli(self, stimuli: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Weights (draws, n) of some stimuli."""
        return self.weights[:, self.unit[stimuli]].astype(np.float64)

    def median(self, values: np.ndarray) -> np.ndarray:
        """Median (draws,) of values (draws, n_neuroids) or (n_neuroids,) over the neuroids that are drawn."""
        if values.ndim == 1:
            return median_of_defined(values[self.neuroids])
        return median_of_defined(np.take_along_axis(values, self.neuroids, axis=1))


def draw(unit: np.ndarray, n_neuroids: int, seed: int, draws: int = DRAWS) -> Draws:
    """Draw units and neuroids with replacement.

    Parameters
    ----------
    unit : ndarray, shape (n_stimuli,)
        Name of the unit of each stimulus.
    """
    rng = np.random.default_rng(seed)
    number = numbered(unit)
    n = number.max() + 1
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws)
    return Draws(
        number, weights.astype(np.int32), rng.integers(n_neuroids, size=(draws, n_neuroids), dtype=np.int32)
    )


def numbered(unit: np.ndarray) -> np.ndarray:
    """Number (n,) of each name, from 0 in the order in which names come: whatever units are called."""
    _, first, number = np.unique(unit, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def mean_over_units(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean (draws,) over units of values (n_units, draws), NaN ones left out.

    Parameters
    ----------
    weights : ndarray, shape (draws, n_units)
    """
    own = np.where(np.isnan(values.T), 0, weights)
    total = own.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, (own * np.nan_to_num(values.T)).sum(axis=1) / total, np.nan)


def weighted_pearson(weights: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of matching columns under weights of the rows.

    Parameters
    ----------
    weights : ndarray, shape (draws, n)
    a, b : ndarray, shape (n, m)
        NaN where missing.

    Returns
    -------
    ndarray, shape (draws, m)
        NaN where a column does not vary.
    """
    present = ~(np.isnan(a) | np.isnan(b))
    # Shifted first: the formulas below cancel for columns far from 0.
    a, b = (shifted(v, present) for v in (a, b))
    total = weights.sum(axis=1)[:, None] if present.all() else weights @ present.astype(np.float64)
    sums = np.split(weights @ np.hstack([a, b, a * b, a * a, b * b]), 5, axis=1)
    mean_a, mean_b = (part / np.maximum(total, 1) for part in sums[:2])
    covariance = sums[2] - total * mean_a * mean_b
    spread = [part - total * m * m for part, m in zip(sums[3:], (mean_a, mean_b), strict=True)]
    scale = np.sqrt(np.maximum(spread[0], 0) * np.maximum(spread[1], 0))
    floor = 1e-12 * np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > floor, covariance / scale, np.nan)


def shifted(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Columns (n, m) less their mean over what is present, 0 elsewhere."""
    count = np.maximum(present.sum(axis=0), 1)
    mean = np.where(present, values, 0).sum(axis=0) / count
    return np.where(present, values - mean, 0)
