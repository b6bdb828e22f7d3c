"""From correlations per neuroid to a score: aggregate, intervals, conventions, floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from visalign.cross_validation import Split
from visalign.layer_scores import (
    METRICS,
    SIMILARITIES,
    LayerScores,
    Options,
    Read,
    Selected,
    median_of_defined,
    median_score,
    score_layers,
)

if TYPE_CHECKING:
    from distributed import Client

DRAWS = 1000
#: Draws of stimuli that are weighted at a time: bounds memory at this many by the test stimuli.
DRAWS_AT_ONCE = 100


@dataclass(frozen=True)
class Responses:
    """What is predicted: `Y` (stimuli, neuroids), NaN where missing; the split of each stimulus' unit.

    ``unit`` (stimuli,): what a bootstrap over stimuli draws: the stimulus, or the image of a map.
    """

    Y: np.ndarray
    splits: list[Split]
    unit: np.ndarray


def conventions(r: float, c: float | None) -> dict[str, float]:
    """A raw correlation under every convention.

    `c` is a reliability, so √c is the best attainable r and only ``r2/c`` is 1 for a perfect model;
    ``(r/c)2`` and ``r/c`` may exceed 1. A negative r keeps its sign in the squared ones.
    """
    if c is None or not c > 0:
        return {"r": r}
    return {"r2/c": r * abs(r) / c, "r": r, "(r/c)2": r * abs(r) / c**2, "r/c": r / c}


def bootstrap_neuroids(
    values: np.ndarray, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, float]:
    """95 % interval of `median_score` over resampled neuroids, values of shape (splits, neuroids)."""
    if values.shape[1] < 2:
        return float("nan"), float("nan")
    index = rng.integers(values.shape[1], size=(draws, values.shape[1]))
    sample = median_of_defined(values[:, index]).mean(axis=0)
    return interval(sample)


def bootstrap_stimuli(
    predicted: list[np.ndarray], responses: Responses, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, float]:
    """95 % interval of the score over resampled stimuli, with the predictions as they are.

    A draw weights each unit by how often it is drawn; a test set that is one unit (leave one image
    out) then weights its whole split.

    Parameters
    ----------
    predicted : list of ndarray, shape (n_test, m)
        Of each split.
    """
    names, unit = np.unique(responses.unit, return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    sample = []
    for first in range(0, draws, DRAWS_AT_ONCE):
        count = min(DRAWS_AT_ONCE, draws - first)
        weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
        score, total = np.zeros(count), np.zeros(count)
        for values, split in zip(predicted, responses.splits, strict=True):
            own = weights[:, unit[split.test]].astype(np.float64)
            if np.unique(unit[split.test]).size == 1:
                medians, weight = np.full(count, split_median(values, responses.Y[split.test])), own[:, 0]
            else:
                medians = median_of_defined(weighted_pearson(own, values, responses.Y[split.test]))
                weight = np.ones(count)
            score += weight * medians
            total += weight
        sample.append(score / np.where(total > 0, total, np.nan))
    return interval(np.concatenate(sample))


def split_median(predicted: np.ndarray, Y: np.ndarray) -> float:
    """Median over neuroids of r on one split."""
    return float(median_of_defined(weighted_pearson(np.ones((1, len(Y))), predicted, Y))[0])


def weighted_pearson(weights: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of matching columns under weights of the rows.

    Parameters
    ----------
    weights : ndarray, shape (draws, n)
    a, b : ndarray, shape (n, m)
        NaN where missing.

    Returns
    -------
    ndarray, shape (draws, m)
        NaN where a column does not vary.
    """
    present = ~(np.isnan(a) | np.isnan(b))
    # Shifted first: the formulas below cancel for columns far from 0.
    a, b = (np.where(present, v - np.nanmean(v, axis=0), 0) for v in (a, b))
    total = weights @ present
    mean_a, mean_b = (weights @ v / np.maximum(total, 1) for v in (a, b))
    covariance = weights @ (a * b) - total * mean_a * mean_b
    spread = [weights @ (v * v) - total * m * m for v, m in ((a, mean_a), (b, mean_b))]
    scale = np.sqrt(np.maximum(spread[0], 0) * np.maximum(spread[1], 0))
    floor = 1e-12 * np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > floor, covariance / scale, np.nan)


class Scored:
    """Scores of one metric on one time bin, and the floor of any of its layers."""

    def __init__(
        self, client: Client, reads: dict[str, Read], responses: Responses, metric: str, options: Options
    ) -> None:
        self.client, self.reads, self.responses, self.metric, self.options = (
            client, reads, responses, metric, options,
        )  # fmt: skip
        self.scores = self.score(reads, responses)

    def score(self, reads: dict[str, Read], responses: Responses) -> LayerScores:
        """Score layers on responses."""
        return score_layers(self.client, reads, responses.Y, responses.splits, self.metric, self.options)

    def floor(self, layer: str, rng: np.random.Generator) -> float:
        """Score of a layer when responses are assigned to the wrong stimuli, or maps to the wrong images."""
        scores = self.score({layer: self.reads[layer]}, shuffled(self.responses, rng))
        return median_score(scores.values[0])

    def headline(
        self, selection: str, c: float | None, rng: np.random.Generator
    ) -> tuple[Selected, dict[str, dict[str, Any]]]:
        """The selected layer and its entries, one a convention."""
        selected = self.scores.select(selection)
        floor = self.floor(selected.layer, rng)
        return selected, summarise(selected, self.responses, c, floor, rng, self.metric)


def generator(seed: int, time_bin: int, metric: str) -> np.random.Generator:
    """Generator of the floor and the interval of a metric on a time bin."""
    return np.random.default_rng([seed, time_bin, METRICS.index(metric)])


def mean_over_repetitions(responses: np.ndarray) -> np.ndarray:
    """Responses (n_stimuli, n_neuroids) averaged over the repetitions that were recorded, NaN where none was.

    Parameters
    ----------
    responses : ndarray, shape (n_stimuli, n_neuroids, n_repetitions)
    """
    values = np.ascontiguousarray(responses, dtype=np.float64)
    count = (~np.isnan(values)).sum(axis=-1)
    return np.where(count > 0, np.nansum(values, axis=-1) / np.maximum(count, 1), np.nan)


def interval(sample: np.ndarray) -> tuple[float, float]:
    """Percentile interval of bootstrap draws, 95 %."""
    if np.isnan(sample).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(sample, [0.025, 0.975])
    return float(low), float(high)


def wider(*intervals: tuple[float, float]) -> tuple[float, float]:
    """The widest of some intervals; undefined ones are left out."""
    defined = [pair for pair in intervals if not np.isnan(pair[0])]
    return max(defined, key=lambda pair: pair[1] - pair[0]) if defined else (float("nan"), float("nan"))


def shuffled(responses: Responses, rng: np.random.Generator) -> Responses:
    """Responses assigned to the wrong stimuli; of maps to the wrong images, positions kept."""
    names, unit = np.unique(responses.unit, return_inverse=True)
    order = np.argsort(unit, kind="stable").reshape(len(names), -1)
    Y = np.empty_like(responses.Y)
    Y[order] = responses.Y[order[rng.permutation(len(names))]]
    bare = [Split(split.train, split.test) for split in responses.splits]
    return Responses(Y, bare, responses.unit)


def summarise(
    selected: Selected,
    responses: Responses,
    c: float | None,
    floor: float,
    rng: np.random.Generator,
    metric: str = "pls",
) -> dict[str, dict[str, Any]]:
    """One entry a convention: value, interval, floor, ceiling, counts.

    The interval is the wider one of a bootstrap over neuroids and one over stimuli. A similarity has no
    value per neuroid, so no interval, and is not divided by a ceiling.
    """
    value, n, excluded = median_score(selected.values), responses.Y.shape[1], 0
    low = high = float("nan")
    if metric in SIMILARITIES:
        c = None
        excluded = int(np.isnan(responses.Y).any(axis=0).sum())
    else:
        excluded = int(np.isnan(selected.values).all(axis=0).sum())
        low, high = wider(
            bootstrap_neuroids(selected.values, rng), bootstrap_stimuli(selected.predicted, responses, rng)
        )
    at = [conventions(number, c) for number in (value, low, high, floor)]
    best = conventions(np.sqrt(c) if c is not None and c > 0 else np.nan, c)
    return {
        name: {
            "value": at[0][name],
            "ci_low": at[1][name],
            "ci_high": at[2][name],
            "n": n - excluded,
            "n_excluded": excluded,
            "floor": at[3][name],
            "ceiling": best[name] if c is not None else None,
            "convention": name if metric not in SIMILARITIES else "raw",
        }
        for name in at[0]
    }


def optimism(scores: LayerScores, c: float | None) -> float:
    """What choosing the layer on the reported stimuli adds to the score, in the headline convention."""
    pair = (median_score(scores.select(how).values) for how in ("published", "nested"))
    published, nested = (next(iter(conventions(value, c).values())) for value in pair)
    return published - nested
