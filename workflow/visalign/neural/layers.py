"""Scores of every layer on every split, by a regression of responses on features.

A layer is one dask task a block of splits; results do not depend on where tasks run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from visalign.gram import matrix, missing_responses, primal_pls, similarity
from visalign.gram import pls as gram_pls
from visalign.gram import ridge as gram_ridge
from visalign.stats.cross_validation import Pair, Split
from visalign.stats.resampling import median_of_defined

if TYPE_CHECKING:
    from distributed import Client

#: Splits of one task: enough tasks for many workers, few enough reads of a Gram matrix.
BLOCK = 5
#: Metrics and what they are. Regressions predict each neuroid; similarities compare all at once.
REGRESSIONS = ("pls", "ridge")
SIMILARITIES = ("cka", "rsa")
METRICS = (*REGRESSIONS, *SIMILARITIES)


@dataclass(frozen=True)
class Options:
    """What a metric needs to know."""

    components: int = 25
    penalties: int = 15
    dissimilarity: similarity.Dissimilarity = "correlation"
    comparison: str = "spearman"


@dataclass(frozen=True)
class Block:
    """Scores of one layer on some splits.

    ``values`` (splits, m): Pearson r per neuroid on outer test stimuli; ``inner`` (splits,): mean over inner
    pairs of the median value, on training stimuli only; ``predicted``: the outer predictions (n_test, m) of
    each split; ``filled``: most missing responses of a
    training set that PLS fills (see `missing_responses.fit_jointly`); ``used``: fewest PLS components of a
    fit, fewer than asked for where the rest would be rounding (0 of other metrics).
    """

    values: np.ndarray
    inner: np.ndarray
    predicted: list[np.ndarray]
    filled: int = 0
    used: int = 0


#: Gives one layer for the stimuli of a recording: what `gram.matrix.gram` gives, or the features X.
Read = Callable[[], dict[str, np.ndarray]]


def score_block(
    read: Read,
    Y: np.ndarray,
    splits: list[Split],
    metric: str,
    options: Options,
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
        Unit of each stimulus, such as the image of a map: ridge leaves it out as one to choose penalties.
    """
    layer = read()
    pairs = [pair for split in splits for pair in split.pairs]
    filled, used = 0, 0
    if metric == "pls":
        fits = pls(layer, Y, pairs, options.components)
        predicted, used = [fit.predicted for fit in fits], min(fit.used for fit in fits)
        filled = max(missing_responses.filled(Y, split.train) for split in splits)
    else:
        predicted = ridge(layer, Y, pairs, options.penalties, groups)
    r = [missing_responses.pearson_present(p, Y[test]) for p, (_, test) in zip(predicted, pairs, strict=True)]
    values, inner, outer = [], [], []
    for split in splits:
        values.append(r.pop(0))
        outer.append(predicted.pop(0))
        medians = [median_of_defined(r.pop(0)) for _ in split.inner]
        del predicted[: len(split.inner)]
        inner.append(np.mean(medians) if medians else np.nan)
    return Block(np.array(values), np.array(inner), outer, filled, used)


def with_gram(layer: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `gram.matrix.gram` gives, formed where only features were stored."""
    return layer if "K" in layer else matrix.gram([layer["X"]], np.float64)


def pls(
    layer: dict[str, np.ndarray], Y: np.ndarray, pairs: list[Pair], components: int
) -> list[gram_pls.Fit]:
    """PLS fitted on each (train, test); NaN for neuroids of fewer than two training responses."""

    def fits(Y: np.ndarray, pairs: list[Pair]) -> list[gram_pls.Fit]:
        if "X" in layer:
            return primal_pls.fit_splits_primal(layer["X"], Y, pairs, components)
        rounding = float(layer["rounding"]) if "rounding" in layer else None
        return gram_pls.fit_splits(layer["K"], Y, pairs, components, rounding)

    if not np.isnan(Y).any():  # all pairs share their products
        return fits(Y, pairs)
    return [missing_responses.fit_jointly(fits, Y, pair) for pair in pairs]


def ridge(
    layer: dict[str, np.ndarray], Y: np.ndarray, pairs: list[Pair], penalties: int, groups: np.ndarray | None
) -> list[np.ndarray]:
    """Predictions (n_test, m) of ridge regression for each (train, test)."""
    K = with_gram(layer)["K"]

    def fit(K: np.ndarray, Y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        return gram_ridge.predict(K, Y, train, test, gram_ridge.penalty_grid(K, train, penalties), groups)

    return [missing_responses.predict_with_missing(fit, K, Y, train, test) for train, test in pairs]


def component_curve(read: Read, Y: np.ndarray, splits: list[Split], components: int) -> np.ndarray:
    """Score of PLS with 1, 2, ... `components` components, shape (components,), from one fit a split.

    As `median_score`: median over neuroids of r on the test stimuli, mean over splits.
    """
    fits = pls(read(), Y, [(split.train, split.test) for split in splits], components)
    values = [
        [missing_responses.pearson_present(predicted, Y[split.test]) for predicted in fit.predicted_by_count]
        for fit, split in zip(fits, splits, strict=True)
    ]
    return median_of_defined(np.array(values)).mean(axis=0)


@dataclass(frozen=True)
class LayerScores:
    """Scores of all layers: `values` (layers, splits, m), `inner` (layers, splits), see `Block`.

    `filled` is of all layers; `exhausted` names layers that gave PLS fewer components than asked for, and how
    many.
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
    metric: str,
    options: Options,
    groups: np.ndarray | None = None,
) -> LayerScores:
    """Score every layer on every split.

    Arguments travel with the tasks, so a worker that dies costs only the tasks it had.
    """
    blocks = [splits[first : first + BLOCK] for first in range(0, len(splits), BLOCK)]
    responses = client.submit(np.asarray, Y, pure=False)
    futures: list[list[Any]] = [
        [
            client.submit(score_block, read, responses, block, metric, options, groups, pure=False)
            for block in blocks
        ]
        for read in reads.values()
    ]
    results: list[list[Block]] = client.gather(futures)
    used = {
        name: min(block.used for block in layer)
        for name, layer in zip(reads, results, strict=True)
        if metric == "pls"
    }
    return LayerScores(
        list(reads),
        np.array([np.concatenate([block.values for block in layer]) for layer in results]),
        np.array([np.concatenate([block.inner for block in layer]) for layer in results]),
        [[predicted for block in layer for predicted in block.predicted] for layer in results],
        max(block.filled for layer in results for block in layer),
        {layer: count for layer, count in used.items() if count < options.components},
    )


def median_score(values: np.ndarray) -> float:
    """Brain-Score's aggregate of (splits, m): median over neuroids, mean over splits."""
    return float(median_of_defined(values).mean(axis=-1))
