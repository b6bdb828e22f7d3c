"""The floor of a probe: what the same probe gets from labels that were permuted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

PERMUTATIONS = 200


class Floor(NamedTuple):
    """``mean``, 2.5 and 97.5 % quantile of scores with permuted labels; ``p`` of that with true ones."""

    mean: float
    low: float
    high: float
    p: float
    permutations: int


def permuted_labels(
    label: np.ndarray, unit: np.ndarray, block: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Labels permuted within each block, those of whole units where every unit has one label.

    Labels of test trials are permuted too, among themselves. With them as they are, the question would be how
    far a random direction happens to be the one of the task: with one strong feature it is right in .9 or in
    .1 of the trials, and no score would be above such a floor.

    Parameters
    ----------
    label : ndarray, shape (n,)
    unit : ndarray of int, shape (n,)
        Trials that are no independent witnesses have one number.
    block : ndarray, shape (n,)
        The split of each trial or, where trials are cross-validated, what is whole in every fold, see
        `folds`.
    count : int
        Of permutations.

    Returns
    -------
    ndarray, shape (n, count)
    """
    _, first, member = np.unique(unit, return_index=True, return_inverse=True)
    if (label[first][member] != label).any():  # labels differ within units
        first = member = np.arange(len(label))
    own = np.repeat(label[first][:, None], count, axis=1)  # of units
    for name in np.unique(block):
        units = np.flatnonzero(block[first] == name)
        own[units] = rng.permuted(own[units], axis=0)
    return own[member]


def floor_of(value: float, permuted: np.ndarray) -> Floor:
    """Floor of a score from scores (count,) of permuted labels; p = (1 + those as high) / (count + 1)."""
    count = len(permuted)
    if not count:
        return Floor(float("nan"), float("nan"), float("nan"), float("nan"), 0)
    as_high = int((permuted >= value - 1e-12).sum())
    low, high = np.quantile(permuted, (0.025, 0.975)).tolist()
    return Floor(float(permuted.mean()), low, high, (1 + as_high) / (count + 1), count)
