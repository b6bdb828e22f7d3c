"""Ceilings of dissimilarity matrices of subjects (Nili et al. 2014, doi 10.1371/journal.pcbi.1003553).

A model is compared with each subject, and the similarities are averaged. What the unknown true model would
have so is bracketed: no less, on average, than what the mean of the other subjects has with each (it errs
itself, from fewer subjects), no more than what the mean of all has, each subject itself among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from visalign.stats import correlations

#: Similarity of two matrices of relations (n, n).
Agree = Callable[[np.ndarray, np.ndarray], float]


class Bounds(NamedTuple):
    """Lower and upper bound of the ceiling; NaN of one subject."""

    lower: float
    upper: float


def bounds(relations: Sequence[np.ndarray], agree: Agree, *, ranked: bool) -> Bounds:
    """Bounds of the similarity with each subject, mean over subjects, that the true model would have.

    Parameters
    ----------
    relations : sequence of ndarray, shape (n, n)
        Of each subject, such as ranks of dissimilarities.
    agree : callable
        Similarity of two of them.
    ranked : bool
        Whether relations are ranks, so that the mean of several is ranked again.
    """
    if len(relations) < 2:
        return Bounds(float("nan"), float("nan"))
    own = [standardised(each) for each in relations]
    total = np.sum(own, axis=0)
    everyone = mean_relations(total, ranked=ranked)
    lower = [
        agree(each, mean_relations(total - one, ranked=ranked))
        for each, one in zip(relations, own, strict=True)
    ]
    upper = [agree(each, everyone) for each in relations]
    return Bounds(float(np.mean(lower)), float(np.mean(upper)))


def standardised(relations: np.ndarray) -> np.ndarray:
    """Relations (n, n) of mean 0 and variance 1 over pairs, so that subjects weigh alike; diagonal 0."""
    apart = ~np.eye(len(relations), dtype=bool)
    values = relations[apart]
    result = np.zeros(relations.shape)
    result[apart] = (values - values.mean()) / values.std()
    return result


def mean_relations(total: np.ndarray, *, ranked: bool) -> np.ndarray:
    """Relations that several subjects share, from their sum (n, n), in which scale does not matter."""
    if not ranked:
        return total
    above = ~np.tri(len(total), dtype=bool)
    result = np.zeros(total.shape)
    # What is equal but for rounding has one rank.
    result[above] = correlations.ranks(np.round(total[above], 9))
    return result + result.T


def rank_bounds(dissimilarities: Sequence[np.ndarray]) -> Bounds:
    """`bounds` of Spearman's correlation of dissimilarities (n, n), as of RSA by default."""
    above = ~np.tri(len(dissimilarities[0]), dtype=bool)
    relations = [mean_relations(each, ranked=True) for each in dissimilarities]
    return bounds(
        relations, lambda one, other: float(correlations.pearson(one[above], other[above])), ranked=True
    )
