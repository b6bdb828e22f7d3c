"""How a probe is trained and tested: its settings, and which trials train and test it in each draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from visalign.probes import folds as dealing
from visalign.probes import intervals
from visalign.probes.floor import PERMUTATIONS
from visalign.probes.trials import Trials

CLASSIFIERS = ("ridge", "logistic", "published")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Settings of a probe.

    Attributes
    ----------
    classifier : {"ridge", "logistic", "published"}
    draws, folds : int
        Of the folds where trials have no split; `draws` also of the subsets of learning curves.
    permutations : int
        Of the labels, for the floor; of the ridge probe only.
    sizes : sequence of int
        Of training subsets of the learning curve; none for no curve.
    resamples : int
        Draws of the intervals.
    seed : int
    """

    classifier: str = "ridge"
    draws: int = dealing.DRAWS
    folds: int = dealing.FOLDS
    permutations: int = PERMUTATIONS
    sizes: Sequence[int] = dealing.SIZES
    resamples: int = intervals.DRAWS
    seed: int = 0

    def rng(self, *stream: int) -> np.random.Generator:
        """Random numbers of a purpose, which depend on the seed only."""
        return np.random.default_rng([self.seed, *stream])


#: What the random numbers are for.
BLOCKS, FOLDS, SUBSETS, LABELS, PEOPLE, TRAINING = range(2, 8)


class Split(NamedTuple):
    """Positions of trials: ``train``, ``test`` (with transfer) and ``validation`` (where given) of a draw."""

    draw: int
    fold: int
    train: np.ndarray
    test: np.ndarray
    validation: np.ndarray


def splits_of(trials: Trials, unit: np.ndarray, protocol: Protocol) -> tuple[list[Split], np.ndarray]:
    """Splits of the trials of one task: its own, or every fold of every draw.

    Where it is cross-validated and there are trials of transfer, each draw has one more split, numbered after
    the folds, whose probe is trained on all others.

    Parameters
    ----------
    unit : ndarray of int, shape (n,)
        What is kept together.

    Returns
    -------
    splits : list of Split
    block : ndarray, shape (n,)
        Within which labels may be permuted: the split, or what is whole in every fold.

    Raises
    ------
    InputError
        Too few groups for the folds.
    """
    nothing = np.empty(0, dtype=int)
    if not trials.cross_validated:
        train, validation = (np.flatnonzero(trials.split == name) for name in ("train", "val"))
        test = np.flatnonzero(np.isin(trials.split, ("test", "transfer")))
        return [Split(0, 0, train, test, validation)], trials.split
    own, transfer = (np.flatnonzero(trials.split == name) for name in ("", "transfer"))
    strata = np.zeros(len(own)) if trials.angular else trials.label[own]
    where = f"{trials.where}: task {trials.task[0]}"
    dealt = dealing.blocks(strata, unit[own], protocol.rng(BLOCKS), protocol.folds, where)
    result = []
    for draw in range(protocol.draws):
        fold = dealing.stratified_folds(strata, dealt, protocol.rng(FOLDS, draw), protocol.folds, where)
        for number in range(protocol.folds):
            result.append(Split(draw, number, own[fold != number], own[fold == number], nothing))
        if len(transfer):
            result.append(Split(draw, protocol.folds, own, transfer, nothing))
    block = np.full(len(trials), -1)  # of transfer
    block[own] = dealt
    return result, block


def parts_of(trials: Trials) -> dict[str, np.ndarray]:
    """Positions of the trials of each part that is scored: ``test``, and ``transfer`` where there is one.

    Where trials are cross-validated, all others are tested.
    """
    tested = "" if trials.cross_validated else "test"
    parts = {"test": trials.split == tested, "transfer": trials.split == "transfer"}
    return {name: np.flatnonzero(chosen) for name, chosen in parts.items() if chosen.any()}
