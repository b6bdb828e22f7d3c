"""Scores of every layer on every split, by a regression of responses on features.

A layer is one task per block of splits; results do not depend on where tasks run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from visalign.comparisons import pls
from visalign.comparisons.comparison import Layer, Regression
from visalign.gram.missing_responses import pearson_present
from visalign.io.tasks import Client
from visalign.stats.cross_validation import Split
from visalign.stats.defined import median_of_defined

#: Splits of one task: enough tasks for many workers, few enough reads of a Gram matrix.
BLOCK = 5


@dataclass(frozen=True)
class Block:
    """Scores of one layer on some splits.

    ``values`` (splits, m): Pearson r per neuroid on outer test stimuli; ``inner`` (splits,): mean over inner
    pairs of the median value, on training stimuli only; ``predicted``: the outer predictions (n_test, m) of
    each split; ``filled``: most missing responses of an outer training set that a fit fills; ``used``: fewest
    of what fits count, see `comparison.Predicted`.
    """

    values: np.ndarray
    inner: np.ndarray
    predicted: list[np.ndarray]
    filled: int = 0
    used: int = 0


#: Gives one layer for the stimuli of a recording: what `gram.matrix.gram` gives, or the features X.
Read = Callable[[], Layer]


def score_block(
    read: Read,
    Y: np.ndarray,
    splits: list[Split],
    comparison: Regression,
    groups: np.ndarray | None = None,
) -> Block:
    """Score one layer on some splits by a regression.

    Parameters
    ----------
    read : callable
        Gives what `gram.matrix.gram` gives, or features ``X`` (n, p).
    Y : ndarray, shape (n, m)
        Responses, NaN where missing.
    groups : ndarray, shape (n,), optional
        See `Regression.fit`.
    """
    fits = comparison.fit(read(), Y, [pair for split in splits for pair in split.pairs], groups)
    values, inner, predicted, filled = [], [], [], []
    used = min((fit.used for fit in fits), default=0)
    for split in splits:
        of_split = [fits.pop(0) for _ in split.pairs]
        r = [
            pearson_present(fit.responses, Y[test])
            for fit, (_, test) in zip(of_split, split.pairs, strict=True)
        ]
        medians = [median_of_defined(own) for own in r[1:]]
        values.append(r[0])
        inner.append(np.mean(medians) if medians else np.nan)
        predicted.append(of_split[0].responses)
        filled.append(of_split[0].filled)
    return Block(np.array(values), np.array(inner), predicted, max(filled, default=0), used)


def component_curve(read: Read, Y: np.ndarray, splits: list[Split], components: int) -> np.ndarray:
    """Score of PLS with 1, 2, ... `components` components, shape (components,), from one fit per split.

    As `median_score`: median over neuroids of r on the test stimuli, mean over splits.
    """
    fits = pls.fits(read(), Y, [(split.train, split.test) for split in splits], components)
    values = [
        [pearson_present(predicted, Y[split.test]) for predicted in fit.predicted_by_count]
        for fit, split in zip(fits, splits, strict=True)
    ]
    return median_of_defined(np.array(values)).mean(axis=0)


@dataclass(frozen=True)
class LayerScores:
    """Scores of all layers: `values` (layers, splits, m), `inner` (layers, splits), see `Block`.

    `filled` is of all layers; `exhausted` names layers that gave fits fewer than asked for, and how many, see
    `Regression.counted`.
    """

    layers: list[str]
    values: np.ndarray
    inner: np.ndarray
    predicted: list[list[np.ndarray]]
    filled: int = 0
    exhausted: dict[str, int] = field(default_factory=dict)

    @property
    def said(self) -> list[str]:
        """What a status says of the fits."""
        return [f"{self.filled} missing training responses filled by a joint fit"] if self.filled else []

    @property
    def chosen(self) -> np.ndarray:
        """Index of the layer that the inner splits choose, per outer split."""
        return np.nan_to_num(self.inner, nan=-np.inf).argmax(axis=0)

    @property
    def best(self) -> int:
        """Index of the layer with the highest reported score: chosen on what it is reported on."""
        return int(np.nan_to_num([median_score(v) for v in self.values], nan=-np.inf).argmax())

    def select(self, selection: str) -> Selected:
        """Scores under a layer selection, ``nested`` or ``published``."""
        splits = np.arange(self.values.shape[1])
        index = self.chosen if selection == "nested" else np.full(len(splits), self.best)
        predicted = [self.predicted[i][s] for i, s in zip(index, splits, strict=True)]
        return Selected(self.layers[int(np.bincount(index).argmax())], self.values[index, splits], predicted)


@dataclass(frozen=True)
class Selected:
    """Scores of the selected layer: the one chosen most often, `values` (splits, m), predictions."""

    layer: str
    values: np.ndarray
    predicted: list[np.ndarray]


def score_layers(
    client: Client,
    reads: dict[str, Read],
    Y: np.ndarray,
    splits: list[Split],
    comparison: Regression,
    groups: np.ndarray | None = None,
) -> LayerScores:
    """Score every layer on every split.

    Arguments travel with the tasks, so a worker that dies costs only the tasks it had.
    """
    blocks = [splits[first : first + BLOCK] for first in range(0, len(splits), BLOCK)]
    responses = client.submit(np.asarray, Y, pure=False)
    futures = [
        [
            client.submit(score_block, read, responses, block, comparison, groups, pure=False)
            for block in blocks
        ]
        for read in reads.values()
    ]
    results: list[list[Block]] = client.gather(futures)
    asked = int(comparison.settings[comparison.counted]) if comparison.counted else 0
    used = {name: min(block.used for block in layer) for name, layer in zip(reads, results, strict=True)}
    return LayerScores(
        list(reads),
        np.array([np.concatenate([block.values for block in layer]) for layer in results]),
        np.array([np.concatenate([block.inner for block in layer]) for layer in results]),
        [[predicted for block in layer for predicted in block.predicted] for layer in results],
        max(block.filled for layer in results for block in layer),
        {layer: count for layer, count in used.items() if count < asked},
    )


def median_score(values: np.ndarray) -> float:
    """Brain-Score's aggregate of (splits, m): median over neuroids, mean over splits."""
    return float(median_of_defined(values).mean(axis=-1))
