"""Halves of the repetitions of a recording, and how reliable the pairwise relations of its stimuli are.

Noise that is independent between stimuli leaves the expected product of features' and responses' relations
(Gram matrix or dissimilarities) alone and inflates that of the responses' with themselves. The product of two
independent halves is not inflated (as in crossvalidated distances, Walther et al. 2016); so half by half over
whole by whole is the square of the similarity that a model of the noise-free responses would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visalign.comparisons.comparison import Similarity
from visalign.stats.defined import mean_of_defined

#: Halvings of the repetitions.
HALVINGS = 10
#: Stimuli whose repetitions are halved at a time: bounds memory.
STIMULI_AT_ONCE = 256


@dataclass(frozen=True)
class Halved:
    """Responses (n, m) averaged over repetitions, and over two halves of them; NaN where missing.

    ``halves`` (halvings, 2, n, m): NaN in both halves where a neuroid has no second repetition of a stimulus.
    """

    mean: np.ndarray
    halves: np.ndarray

    @property
    def repeated(self) -> np.ndarray:
        """Which stimuli (n,) some neuroid has twice."""
        return (
            ~np.isnan(self.halves[0, 0]).all(axis=1) if len(self.halves) else np.zeros(len(self.mean), bool)
        )

    def take(self, stimuli: np.ndarray, neuroids: np.ndarray, number: int) -> Halved:
        """Some stimuli and neuroids, with one of the halvings."""
        first = number % max(len(self.halves), 1)
        halves = self.halves[first : first + 1]
        return Halved(self.mean[stimuli][:, neuroids], halves[:, :, stimuli][:, :, :, neuroids])


def halved(responses: np.ndarray, rng: np.random.Generator, halvings: int = HALVINGS) -> Halved:
    """Average responses over their repetitions and over random halves of them.

    Each stimulus' own repetitions are halved, whatever their number, and alike for all neuroids that have the
    same ones: noise that neuroids share in a repetition stays in one half.

    Parameters
    ----------
    responses : ndarray, shape (n, repetitions, m)
        NaN where missing.
    """
    n, repetitions, m = responses.shape
    mean = np.empty((n, m))
    halves = np.empty((halvings if repetitions > 1 else 0, 2, n, m))
    for first in range(0, n, STIMULI_AT_ONCE):
        rows = slice(first, first + STIMULI_AT_ONCE)
        values = np.asarray(responses[rows], dtype=np.float64)
        mean[rows] = mean_of_defined(values, axis=1)
        for pair in halves:
            order = rng.permuted(np.tile(np.arange(repetitions), (len(values), 1)), axis=1)
            values = np.take_along_axis(values, order[:, :, None], axis=1)
            present = ~np.isnan(values)
            odd = present.cumsum(axis=1) % 2 == 1
            for half, which in zip(pair, (present & odd, present & ~odd), strict=True):
                half[rows] = mean_of_defined(np.where(which, values, np.nan), axis=1)
    halves[:, 0][np.isnan(halves[:, 1])] = np.nan
    return Halved(mean, halves)


def filled(values: np.ndarray) -> np.ndarray:
    """Responses (n, m) with each neuroid's mean in its gaps: those add nothing to products of deviations."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    return np.where(missing, mean_of_defined(values, axis=0), values)


def reliability(responses: Halved, comparison: Similarity, deranged: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Squared similarity of the noise-free responses' relations with those of the mean responses.

    Mean over halvings of the product of two halves' relations, over that of the whole's with itself. Where
    some stimuli or neuroids have no second repetition, the halves' product is that of the others.

    Parameters
    ----------
    deranged : sequence of ndarray
        Orders of the repeated stimuli of one of the halves, for what chance gives.

    Returns
    -------
    ndarray, shape (1 + deranged,)
        May be negative, of noise; NaN where fewer than four stimuli have two repetitions.
    """
    stimuli = responses.repeated
    if stimuli.sum() < 4:
        return np.full(1 + len(deranged), np.nan)
    neuroids = ~np.isnan(responses.halves[0, 0]).all(axis=0)
    mean = filled(responses.mean[:, neuroids])
    shown = ~np.isnan(responses.mean).all(axis=1)
    whole, norm = comparison.centred(mean[shown])
    if not np.array_equal(shown, stimuli):
        norm = comparison.centred(mean[stimuli])[1]
    products = np.zeros(1 + len(deranged))
    for pair in responses.halves:
        (a, norm_a), (b, norm_b) = (comparison.centred(filled(half[stimuli][:, neuroids])) for half in pair)
        scale = norm_a * norm_b / norm**2 / len(responses.halves)
        products[0] += scale * np.vdot(a, b)
        products[1:] += [scale * np.vdot(a, b[np.ix_(order, order)]) for order in deranged]
    inflated = np.vdot(whole, whole)
    return products / inflated if inflated > 0 else products * np.nan
