"""Error consistency: whether two observers are right on the same trials more often than chance has it.

Cohen's κ of correctness (Geirhos, Meding & Wichmann 2020, NeurIPS): with accuracies a and b on shared trials,
independent errors would agree in e = ab + (1 − a)(1 − b), and κ = (o − e) / (1 − e) of the agreement o.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np


class Consistency(NamedTuple):
    """κ of two observers, NaN where it is undefined (both always right, or one always wrong and so on).

    ``largest``: the κ that their accuracies allow at most, (1 − |a − b| − e) / (1 − e).
    """

    kappa: float
    largest: float


def kappa(a: np.ndarray, b: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Error consistency of observers on shared trials.

    Parameters
    ----------
    a, b : ndarray of bool, shape (n_trials,)
        Whether each was right.
    counts : ndarray, shape (n_draws, n_trials), optional
        How often each trial is in each resample; each once by default.

    Returns
    -------
    ndarray, shape (n_draws, 2)
        κ and the largest that the accuracies allow; NaN where e = 1, when nothing could differ by chance.
    """
    weights = np.ones((1, len(a))) if counts is None else counts
    total = weights.sum(axis=1)
    right_a, right_b, same = ((weights @ part.astype(float)) / total for part in (a, b, a == b))
    expected = right_a * right_b + (1 - right_a) * (1 - right_b)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.stack(
            [(same - expected) / (1 - expected), (1 - abs(right_a - right_b) - expected) / (1 - expected)],
            axis=1,
        )
    found[expected > 1 - 1e-12] = np.nan
    return found


def consistency(a: np.ndarray, b: np.ndarray) -> Consistency:
    """κ of two observers; see `kappa`."""
    found = kappa(a, b)[0]
    return Consistency(float(found[0]), float(found[1]))


def with_people(
    model: np.ndarray, people: np.ndarray, answered: np.ndarray, counts: np.ndarray | None = None
) -> np.ndarray:
    """κ of a model with each person on the trials that the person answered.

    Parameters
    ----------
    model : ndarray of bool, shape (n_trials,)
    people : ndarray of bool, shape (n_people, n_trials)
    answered : ndarray of bool, shape (n_people, n_trials)
    counts : ndarray, shape (n_draws, n_trials), optional

    Returns
    -------
    ndarray, shape (n_draws, n_people)
    """
    found = []
    for right, there in zip(people, answered, strict=True):
        weights = counts[:, there] if counts is not None else None
        found.append(kappa(model[there], right[there], weights)[:, 0])
    return np.stack(found, axis=1)


def between_people(people: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """κ of every pair of people on the trials that both answered, (n_pairs,)."""
    found = []
    for i, j in combinations(range(len(people)), 2):
        both = answered[i] & answered[j]
        if both.any():
            found.append(kappa(people[i, both], people[j, both])[0, 0])
    return np.array(found)


def by_chance(
    model: np.ndarray, people: np.ndarray, answered: np.ndarray, draws: int, rng: np.random.Generator
) -> float:
    """Median κ with people whose trials are shuffled, mean over draws: the floor, about 0."""
    found = [np.nanmedian(with_people(rng.permutation(model), people, answered)) for _ in range(draws)]
    return float(np.nanmean(found))
