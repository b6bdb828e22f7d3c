"""Halves and derangements of units: stimuli, images of a grid recording, or pictures that stimuli share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Fewer units than these are not halved.
MIN_UNITS = 4


class Draw(NamedTuple):
    """Indices of stimuli and of neuroids, and the number of the draw."""

    stimuli: np.ndarray
    neuroids: np.ndarray
    number: int


def halve(unit: np.ndarray, count: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stimuli of two random halves of the units, `count` times; never with fewer than `MIN_UNITS`.

    Parameters
    ----------
    unit : ndarray, shape (n,)
        Number of the unit of each stimulus, from 0.
    """
    units = unit.max() + 1
    if units < MIN_UNITS:
        return []
    first = [np.isin(unit, rng.permutation(units)[: units // 2]) for _ in range(count)]
    return [(np.flatnonzero(half), np.flatnonzero(~half)) for half in first]


def draw(unit: np.ndarray, neuroids: int, count: int, rng: np.random.Generator) -> list[Draw]:
    """Draws whose deviations from a statistic of everything are as those of new stimuli and neuroids.

    Half of the units without replacement, since a pair of copies would be alike in features and in responses:
    a half deviates from all by as much (times `spread`) as all from the truth. Neuroids with replacement.
    Terms of second order, such as noise by noise, deviate by more: intervals are then too wide.
    """
    halves = halve(unit, count, rng)
    return [Draw(half, rng.integers(neuroids, size=neuroids), d) for d, (half, _) in enumerate(halves)]


def spread(unit: np.ndarray) -> float:
    """Factor that turns deviations of the smaller half of the units into those of new ones."""
    units = unit.max() + 1
    half = units // 2
    return float(np.sqrt(half / (units - half)))


def derangements(unit: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Orders (n,) of stimuli in which none is in the place of one of its own unit; none if one is too large.

    Units are put in a random order and moved on by at least the size of the largest. Of units of the same
    size, such as images of a grid recording, each goes to another as a whole, positions kept.
    """
    sizes = np.bincount(unit)
    n, largest = len(unit), int(sizes.max(initial=1))
    step = largest if (sizes == largest).all() else 1
    moves = np.arange(largest, n - largest + 1, step)
    result = []
    for _ in range(count if len(moves) else 0):
        order = np.argsort(rng.permutation(len(sizes))[unit], kind="stable")
        deranged = np.empty(n, dtype=int)
        deranged[order] = np.roll(order, rng.choice(moves))
        result.append(deranged)
    return result
