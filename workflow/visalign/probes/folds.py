"""Which trials a probe is trained and tested on: folds, the table's own split, nested training subsets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.probes.trials import Trials

#: Sizes of training subsets of a learning curve; the whole training set follows.
SIZES = (50, 100, 200, 400, 800, 1600)


class Fold(NamedTuple):
    """Positions of training and test trials; ``draw``: which division of all trials it is a part of."""

    draw: int
    train: np.ndarray
    test: np.ndarray


def folds_of(trials: Trials, folds: int, draws: int, rng: np.random.Generator) -> list[Fold]:
    """Return the table's own training and test trials, or else stratified folds, drawn several times.

    Parameters
    ----------
    trials : Trials
        Those of the split transfer are in none.
    """
    if "train" in trials.split:
        return [Fold(0, np.flatnonzero(trials.split == "train"), np.flatnonzero(trials.split == "test"))]
    own = np.flatnonzero(trials.split == "")
    found = []
    for draw in range(draws):
        number = stratified(trials.label[own], trials.group[own], folds, rng, trials.task)
        found += [Fold(draw, own[number != fold], own[number == fold]) for fold in range(folds)]
    return found


def stratified(
    labels: np.ndarray, groups: np.ndarray, folds: int, rng: np.random.Generator, task: str = ""
) -> np.ndarray:
    """Fold of each trial: groups whole, numbers of each label as equal as they can be.

    Groups are dealt, the largest first and those of one size in random order, each to the fold that has least
    of its labels: with unequal folds a probe that answers the commoner label of its training trials is below
    chance on what is left.

    Parameters
    ----------
    labels : ndarray, shape (n,)
        0 and 1.
    groups : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of int, shape (n,)

    Raises
    ------
    InputError
        A fold, or what is left without it, would have one label only.
    """
    names, number = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), 2))
    np.add.at(counts, (number, labels.astype(int)), 1)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    wanted, has = counts.sum(axis=0) / folds, np.zeros((folds, 2))
    fold_of = np.empty(len(names), dtype=int)
    for group in order:
        # How far from equal all would be, were it put into each fold; ties are broken at random.
        after = ((has + counts[group] - wanted) ** 2 - (has - wanted) ** 2).sum(axis=1)
        best = np.flatnonzero(after <= after.min() + 1e-9)
        chosen = rng.choice(best)
        fold_of[group] = chosen
        has[chosen] += counts[group]
    if (has == 0).any() or (counts.sum(axis=0) - has <= 0).any():
        raise InputError(
            f"trials: task {task}: {len(labels)} trials in {len(names)} groups do not make {folds} folds "
            "that have both labels: give more trials, or fewer folds"
        )
    return fold_of[number]


def nested(
    labels: np.ndarray, groups: np.ndarray, sizes: tuple[int, ...], rng: np.random.Generator
) -> list[np.ndarray]:
    """Nested subsets of training trials, of about each size, whole groups, labels balanced as in all.

    Parameters
    ----------
    labels, groups : ndarray, shape (n,)
    sizes : tuple of int
        Ascending. Those of at least n are left out; the last subset is all trials.

    Returns
    -------
    list of ndarray
        Positions, ascending.
    """
    names, number = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), 2))
    np.add.at(counts, (number, labels.astype(int)), 1)
    share = counts.sum(axis=0) / counts.sum()
    left, order, has = rng.permutation(len(names)).tolist(), list[int](), np.zeros(2)
    heavy = counts.argmax(axis=1)
    queues = [[group for group in left if heavy[group] == label] for label in (1, 0)]
    while any(queues):
        # The label that is behind its share comes next.
        behind = 0 if has[1] * share[0] <= has[0] * share[1] else 1
        queue = queues[behind] or queues[1 - behind]
        group = queue.pop(0)
        order.append(group)
        has += counts[group]
    place = np.empty(len(names), dtype=int)
    place[order] = np.arange(len(names))
    reached = np.cumsum(counts[order].sum(axis=1))
    subsets = []
    for size in (size for size in sizes if size < len(labels)):
        groups_in = int(np.searchsorted(reached, size)) + 1
        subsets.append(np.flatnonzero(place[number] < groups_in))
    return [*subsets, np.arange(len(labels))]


def permuted(labels: np.ndarray, groups: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Permutations of labels, (n, count): of whole groups where each has one label, else of trials."""
    names, first, number = np.unique(groups, return_index=True, return_inverse=True)
    constant = bool((labels == labels[first][number]).all()) and len(names) < len(labels)
    if constant:
        own = labels[first]
        return _stacked([rng.permutation(own)[number] for _ in range(count)], len(labels))
    return _stacked([rng.permutation(labels) for _ in range(count)], len(labels))


def _stacked(columns: list[np.ndarray], rows: int) -> np.ndarray:
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))
