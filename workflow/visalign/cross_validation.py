"""Splits of stimuli into training and test sets, with inner splits that choose the layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visalign.errors import InputError

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Split:
    """Train and test indices, and inner (train, test) pairs within the training set."""

    train: np.ndarray
    test: np.ndarray
    inner: tuple[Pair, ...] = ()

    @property
    def pairs(self) -> list[Pair]:
        """The outer pair, then the inner ones."""
        return [(self.train, self.test), *self.inner]


def shuffle_splits(n: int, groups: np.ndarray | None, count: int, train_size: float, seed: int) -> list[Pair]:
    """scikit-learn's (stratified) shuffle splits.

    Parameters
    ----------
    n : int
        Stimuli.
    groups : ndarray, shape (n,), optional
        Category of each stimulus; balanced between train and test.
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    kind = ShuffleSplit if groups is None else StratifiedShuffleSplit
    splitter = kind(count, train_size=train_size, random_state=seed)
    try:
        return list(splitter.split(np.zeros(n), groups))
    except ValueError as error:
        raise InputError(f"splits: {n} stimuli cannot be split: {error}") from None


def nested_splits(
    n: int, groups: np.ndarray | None, count: int, train_size: float, seed: int, inner: int
) -> list[Split]:
    """Outer splits, each with `inner` splits of its own training set, in indices of all stimuli."""
    result = []
    for index, (train, test) in enumerate(shuffle_splits(n, groups, count, train_size, seed)):
        own = None if groups is None else groups[train]
        pairs = shuffle_splits(len(train), own, inner, train_size, seed + 1 + index) if inner else []
        result.append(Split(train, test, tuple((train[a], train[b]) for a, b in pairs)))
    return result


def leave_out_splits(groups: np.ndarray, seed: int, inner: int) -> list[Split]:
    """Leave one group (image) out; inner pairs leave out one more, `inner` of them drawn at random.

    Parameters
    ----------
    groups : ndarray, shape (n,)
        Group of each stimulus.
    """
    names = np.unique(groups)
    if len(names) < 3:
        raise InputError(f"leave-out: {len(names)} groups, at least 3 are needed")
    result = []
    for index, name in enumerate(names):
        others = names[names != name]
        drawn = np.random.default_rng([seed, index]).permutation(others)[:inner]
        train = np.flatnonzero(groups != name)
        pairs = tuple((train[groups[train] != held], train[groups[train] == held]) for held in drawn)
        result.append(Split(train, np.flatnonzero(groups == name), pairs))
    return result
