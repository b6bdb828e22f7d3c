"""Folds and training subsets that have the labels of all trials and keep groups and pairs together.

Folds that do not balance the labels give scores below chance where features know nothing: the label that is
commoner in a test fold is rarer in its training set. The same holds of permuted labels, whose counts in the
folds of every draw should be those of the true ones. So trials are first dealt to blocks, which have the
labels of all: folds are made of whole blocks, and labels are permuted within blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visalign.errors import InputError

FOLDS = 5
DRAWS = 10
#: Blocks at most.
BLOCKS = 40
#: Sizes of training subsets; the last point of a curve is all.
SIZES = (50, 100, 200, 400, 800, 1600)


def blocks(
    strata: np.ndarray, unit: np.ndarray, rng: np.random.Generator, folds: int = FOLDS, where: str = "trials"
) -> np.ndarray:
    """Deal whole units to blocks, as many as have every stratum, up to 40; see `stratified_folds`.

    Returns
    -------
    ndarray of int, shape (n,)
        Block of each trial.

    Raises
    ------
    InputError
        A stratum is in fewer units than there are folds.
    """
    content = _content(strata, np.unique(unit, return_inverse=True)[1])
    units = (content > 0).sum(axis=0)
    least = int(units.argmin())
    if units[least] < folds:
        raise InputError(
            f"{where}: label {_shown(np.unique(strata)[least])} is in {units[least]} groups, too few for "
            f"{folds} folds: bring more, or give the trials a split"
        )
    count = int(units[least]) // -(-int(units[least]) // BLOCKS)
    return _dealt(strata, unit, rng, max(count, folds))


def stratified_folds(
    strata: np.ndarray, unit: np.ndarray, rng: np.random.Generator, folds: int = FOLDS, where: str = "trials"
) -> np.ndarray:
    """Deal whole units to folds whose strata are as alike as can be.

    Units come in a random order, the largest first. Each goes where its strata are rarest (least sum over
    strata of the squared share of a fold), then to the fold that has most of the others.

    Parameters
    ----------
    strata : ndarray, shape (n,)
        What is balanced, such as the label, or label and task.
    unit : ndarray of int, shape (n,)
        Trials of one unit stay together.
    where : str
        Begins errors.

    Returns
    -------
    ndarray of int, shape (n,)
        Fold of each trial, from 0.

    Raises
    ------
    InputError
        A stratum is missing in a fold.
    """
    fold = _dealt(strata, unit, rng, folds)
    for name in np.unique(strata):
        found = len(np.unique(fold[strata == name]))
        if found < folds:
            raise InputError(
                f"{where}: label {_shown(name)} is in {found} of {folds} folds: its groups are too few or "
                "too unlike in size: bring more, or give the trials a split"
            )
    return fold


def nested_order(strata: np.ndarray, unit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Order of training trials every beginning of which has the strata of all, unit after unit.

    Parameters
    ----------
    strata : ndarray, shape (n,)
    unit : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of int, shape (n,)
        Positions of the trials.
    """
    names, unit = np.unique(unit, return_inverse=True)
    content = _content(strata, unit)
    kind = np.unique(content / content.sum(axis=1, keepdims=True), axis=0, return_inverse=True)[1].ravel()
    rank = np.empty(len(names))
    for number in range(kind.max() + 1):  # units of one kind are spread evenly
        own = np.flatnonzero(kind == number)
        rank[rng.permutation(own)] = (np.arange(len(own)) + 0.5) / len(own)
    position = np.empty(len(names), dtype=int)
    position[np.lexsort((rng.permutation(len(names)), rank))] = np.arange(len(names))
    return np.argsort(position[unit], kind="stable")


def subset_ends(unit: np.ndarray, sizes: Sequence[int]) -> dict[int, int]:
    """Where nested subsets end: whole units, as many as fit into each size.

    Parameters
    ----------
    unit : ndarray of int, shape (n,)
        Of trials in a `nested_order`.
    sizes : sequence of int

    Returns
    -------
    dict
        Of each size that is smaller than all: how many trials its subset has, if any.
    """
    ends = np.flatnonzero(np.append(unit[1:] != unit[:-1], True)) + 1
    found = {size: int(ends[ends <= size].max(initial=0)) for size in sizes if size < len(unit)}
    return {size: end for size, end in found.items() if end}


def _dealt(strata: np.ndarray, unit: np.ndarray, rng: np.random.Generator, parts: int) -> np.ndarray:
    """Part (n,) of each trial, see `stratified_folds`."""
    unit = np.unique(unit, return_inverse=True)[1]
    content = _content(strata, unit)
    weight = 1 / content.sum(axis=0)  # of the squares: rare strata count as much
    order = rng.permutation(len(content))
    order = order[np.argsort(-content[order].sum(axis=1), kind="stable")]
    place = rng.permutation(parts)
    counts, part = np.zeros((parts, content.shape[1])), np.empty(len(content), dtype=int)
    for index in order:
        own = content[index]
        # (counts + own)² − counts², but for what is the same in all parts
        cost = np.rint(2 * counts @ (own * weight) * 1e9)
        best = np.lexsort((-counts.sum(axis=1), cost))[0]
        counts[best] += own
        part[index] = place[best]
    return part[unit]


def _content(strata: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """How many trials (n_units, n_strata) of each stratum are in each unit."""
    names, number = np.unique(strata, return_inverse=True)
    size = (int(unit.max()) + 1, len(names))
    return np.bincount(unit * len(names) + number, minlength=size[0] * size[1]).reshape(size).astype(float)


def _shown(name: object) -> str:
    return f"{name:g}" if isinstance(name, float) else str(name)
