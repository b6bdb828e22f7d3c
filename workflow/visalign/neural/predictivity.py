"""From correlations per neuroid to a score of a regression: aggregate, conventions, interval, floor."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from visalign.comparisons.comparison import Regression
from visalign.io.scores import Score
from visalign.io.tasks import Client
from visalign.neural.layers import (
    LayerScores,
    Read,
    Selected,
    median_score,
    score_block,
    score_layers,
)
from visalign.neural.unit_draws import derangements
from visalign.stats import bootstrap, resampling
from visalign.stats.cross_validation import Split
from visalign.stats.resampling import Draws, mean_over_units, weighted_pearson

#: Assignments of responses to the wrong stimuli whose mean score is the floor.
FLOORS = 20
#: A number, or draws of it.
Number = TypeVar("Number", float, np.ndarray)


@dataclass(frozen=True)
class Responses:
    """What is predicted: `Y` (stimuli, neuroids), NaN where missing; the split of each stimulus' unit.

    ``unit`` (stimuli,): what a bootstrap over stimuli draws and a floor moves: the stimulus, the picture that
    several stimuli show, or the image of a grid recording.
    """

    Y: np.ndarray
    splits: list[Split]
    unit: np.ndarray


class Ceiling(NamedTuple):
    """What scores are divided by: `value`, None where there is none, and its draws (n_draws,).

    ``kind``: a "reliability" c, so that √c is the best attainable r; or "site_pairs", which is none.
    """

    kind: str = "reliability"
    value: float | None = None
    resampled: Callable[[Draws], np.ndarray] | None = None


def conventions(r: Number, c: Any, kind: str = "reliability") -> dict[str, Number]:
    """A raw correlation, or draws of it, under every convention.

    `c` is a reliability, so √c is the best attainable r and only ``r2/c`` is 1 for a perfect model;
    ``(r/c)2`` and ``r/c`` may exceed 1. A negative r keeps its sign in the squared ones. The likeness of site
    pairs is no reliability: r comes first, then ``r/site_pairs``, as published, which may exceed 1 too.
    """
    if c is None or not np.any(np.asarray(c) > 0):
        return {"r": r}
    c = np.where(np.asarray(c) > 0, c, np.nan)[()]
    if kind == "site_pairs":
        return {"r": r, "r/site_pairs": r / c}
    return {"r2/c": r * abs(r) / c, "r": r, "(r/c)2": r * abs(r) / c**2, "r/c": r / c}


def resampled_scores(selected: Selected, responses: Responses, draws: Draws) -> np.ndarray:
    """Score (n_draws,) under draws of stimuli and neuroids, with the predictions as they are.

    A test set that is one unit (leave one image out) is weighted as a whole.
    """
    result = []
    for part in draws.parts():
        medians, weights = [], []
        for r, predicted, split in zip(selected.values, selected.predicted, responses.splits, strict=True):
            whole = np.unique(draws.unit[split.test]).size == 1
            own = part.of_stimuli(split.test)
            values = r if whole else weighted_pearson(own, predicted, responses.Y[split.test])
            medians.append(part.median(values))
            weights.append(own[:, 0] if whole else np.ones(len(own)))
        result.append(mean_over_units(np.array(medians), np.array(weights).T))
    return np.concatenate(result)


class Scored:
    """Scores of one regression on one time bin, and the floor of any of its layers.

    ``alike`` (stimuli,): picture of each stimulus, which a ridge penalty is not chosen across.
    """

    def __init__(
        self,
        client: Client,
        reads: dict[str, Read],
        responses: Responses,
        comparison: Regression,
        alike: np.ndarray | None = None,
    ) -> None:
        self.client, self.reads, self.responses = client, reads, responses
        self.comparison, self.alike = comparison, alike
        self.scores: LayerScores = score_layers(
            client, reads, responses.Y, responses.splits, comparison, alike
        )

    def floor(self, layer: str, rng: np.random.Generator) -> float:
        """Mean score of a layer when responses go to the wrong stimuli, or grids to the wrong images.

        No stimulus keeps the responses to its own unit: in a mean over few images one that does would count.
        """
        unit = resampling.numbered(self.responses.unit)
        bare = [Split(split.train, split.test) for split in self.responses.splits]
        orders = derangements(unit, FLOORS, rng)
        fixed = (bare, self.comparison, self.alike)
        tasks = [
            self.client.submit(score_block, self.reads[layer], self.responses.Y[order], *fixed, pure=False)
            for order in orders
        ]
        found = [median_score(block.values) for block in self.client.gather(tasks)]
        return float(np.mean(found)) if found else float("nan")


def generator(seed: int, metric: str) -> np.random.Generator:
    """Generator of the floor and the attainable score of a metric, the same in every window and on arrays."""
    return np.random.default_rng([seed, zlib.crc32(metric.encode())])


class Summary(NamedTuple):
    """A score under every convention, the headline first, and its draws (n_draws,) by convention."""

    scores: list[Score]
    draws: dict[str, np.ndarray]

    @property
    def by_convention(self) -> dict[str, Score]:
        """The scores by the names of their conventions."""
        return {str(score.convention): score for score in self.scores}


def summarise(
    about: Score, selected: Selected, responses: Responses, ceiling: Ceiling, floor: float, draws: Draws
) -> Summary:
    """One score per convention: value, interval, floor, ceiling, counts.

    The 95 % interval is of draws of stimuli and neuroids, the ceiling of each draw its own.

    Parameters
    ----------
    about : Score
        Metric, layer and status of the scores.
    """
    n, c = responses.Y.shape[1], ceiling.value
    excluded = int(np.isnan(selected.values).all(axis=0).sum())
    r_draws = resampled_scores(selected, responses, draws)
    c_draws = ceiling.resampled(draws) if ceiling.resampled is not None and c is not None else None
    value = conventions(median_score(selected.values), c, ceiling.kind)
    at_floor = conventions(floor, c, ceiling.kind)
    sample = conventions(r_draws, c_draws, ceiling.kind)
    scores: list[Score] = []
    for name in value:
        low, high = bootstrap.expanded_interval(sample.get(name, np.array([])), draws.units)
        scores.append(
            replace(
                about,
                convention=name,
                value=value[name],
                ci_low=low,
                ci_high=high,
                n=n - excluded,
                n_excluded=excluded,
                floor=at_floor[name],
                ceiling=best(name, c, ceiling.kind),
                headline=not scores,
            )
        )
    return Summary(scores, sample)


def best(convention: str, c: float | None, kind: str) -> float | None:
    """What a model of the noise-free responses has in a convention; of site pairs, their own likeness."""
    if c is None or not c > 0:
        return None
    if kind == "site_pairs":
        return {"r": float(c), "r/site_pairs": 1.0}[convention]
    return float(conventions(np.sqrt(c), c)[convention])


def optimism(scores: LayerScores, ceiling: Ceiling) -> float:
    """What choosing the layer on the reported stimuli adds to the score, in the headline convention."""
    published, nested = (headline(scores.select(how).values, ceiling) for how in ("published", "nested"))
    return published - nested


def headline(values: np.ndarray, ceiling: Ceiling) -> float:
    """Score of correlations (splits, neuroids) in the headline convention."""
    return float(next(iter(conventions(median_score(values), ceiling.value, ceiling.kind).values())))


def draw(responses: Responses, neuroids: int | None, seed: int) -> Draws:
    """Draws of the units and neuroids of responses, the same for every model."""
    return resampling.draw(responses.unit, responses.Y.shape[1] if neuroids is None else neuroids, seed)
