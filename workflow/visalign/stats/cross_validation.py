"""Splits of stimuli into training and test sets, with inner splits that choose the layer.

The same picture under two ids, a *copy*, is on one side of every split: what was seen in training is no test.
Pictures are split, and each stimulus goes where its picture goes; so the fractions are those of pictures, and
without copies the splits are scikit-learn's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visalign.errors import InputError

Pair = tuple[np.ndarray, np.ndarray]
#: Fewer stimuli are no test: without any relation, r has a standard deviation of 1/√(n − 1), .5 here.
MIN_TEST = 5


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


def strata(groups: np.ndarray | None) -> np.ndarray | None:
    """Categories (n,) to stratify on; None where there is one only, or each stimulus has its own."""
    if groups is None or len(np.unique(groups)) in (1, len(groups)):
        return None
    return groups


def shuffle_splits(
    n: int,
    groups: np.ndarray | None,
    count: int,
    train_size: float,
    seed: int,
    pictures: np.ndarray | None = None,
) -> list[Pair]:
    """scikit-learn's (stratified) shuffle splits.

    Parameters
    ----------
    n : int
        Stimuli.
    groups : ndarray, shape (n,), optional
        Category of each stimulus; balanced between train and test.
    pictures : ndarray, shape (n,), optional
        Name of the picture of each stimulus; a picture has the category of its first stimulus.

    Raises
    ------
    InputError
        Too few pictures, in all or of a category.
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    first, picture = np.arange(n), np.arange(n)
    if pictures is not None and len(np.unique(pictures)) < n:
        _, first, picture = np.unique(pictures, return_index=True, return_inverse=True)
        first, picture = np.sort(first), np.argsort(np.argsort(first))[picture]
    own = None if groups is None else groups[first]
    if own is not None:
        names, counts = np.unique(own, return_counts=True)
        for name in names[counts == 1]:
            raise InputError(
                f"splits: category {str(name)!r} (of {int((counts == 1).sum())} such) has one picture to "
                "split, none for the other side: give each category more, or all stimuli the same one"
            )
    kind = ShuffleSplit if own is None else StratifiedShuffleSplit
    splitter = kind(count, train_size=train_size, random_state=seed)
    try:
        pairs = list(splitter.split(np.zeros(len(first)), own))
    except ValueError as error:
        raise InputError(f"splits: {len(first)} pictures cannot be split: {error}") from None
    if len(first) == n:
        return pairs
    return [(np.flatnonzero(np.isin(picture, a)), np.flatnonzero(np.isin(picture, b))) for a, b in pairs]


def nested_splits(
    n: int,
    groups: np.ndarray | None,
    count: int,
    train_size: float,
    seed: int,
    inner: int,
    pictures: np.ndarray | None = None,
) -> list[Split]:
    """Outer splits, each with `inner` splits of its own training set, in indices of all stimuli."""
    result = []
    for index, (train, test) in enumerate(shuffle_splits(n, groups, count, train_size, seed, pictures)):
        own, shown = (None if names is None else names[train] for names in (groups, pictures))
        pairs = shuffle_splits(len(train), own, inner, train_size, seed + 1 + index, shown) if inner else []
        result.append(Split(train, test, tuple((train[a], train[b]) for a, b in pairs)))
    return result


def leave_out_splits(
    groups: np.ndarray, seed: int, inner: int, pictures: np.ndarray | None = None
) -> list[Split]:
    """Leave one group (image) out; inner pairs leave out one more, `inner` of them drawn at random.

    Parameters
    ----------
    groups : ndarray, shape (n,)
        Group of each stimulus.
    pictures : ndarray, shape (n,), optional
        Name of the picture of each group, given for each of its stimuli: no group is tested on that was
        trained on under another name.
    """
    names, first = np.unique(groups, return_index=True)
    shown = groups if pictures is None else pictures
    if len(np.unique(shown)) < 3:
        raise InputError(f"leave-out: {len(np.unique(shown))} groups, at least 3 are needed")
    result = []
    for index, name in enumerate(names):
        others = names[shown[first] != shown[first[index]]]
        drawn = np.random.default_rng([seed, index]).permutation(others)[:inner]
        train = np.flatnonzero(shown != shown[first[index]])
        pairs = tuple(
            (train[shown[train] != shown[first[names == held]]], train[groups[train] == held])
            for held in drawn
        )
        result.append(Split(train, np.flatnonzero(groups == name), pairs))
    return result


def check_tests(splits: list[Split], where: str) -> None:
    """Raise InputError where a test set is too small to correlate over."""
    least = min(len(split.test) for split in splits)
    if least < MIN_TEST:
        raise InputError(
            f"{where}: {least} stimuli in a test set: a correlation over fewer than {MIN_TEST} says nothing; "
            "bring more stimuli, or lower --train-size (neural: train_size)"
        )


def copies(pictures: np.ndarray) -> str:
    """What a score says of stimuli (n,) that show a picture of another one; '' where none does."""
    n = len(pictures) - len(np.unique(pictures))
    return f"{n} of {len(pictures)} stimuli are copies of others, on one side of every split" if n else ""
