"""What stage neural says of one model on one time bin of a recording: scores, correlations, draws."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from visalign.comparisons.comparison import Comparison, Regression, Similarity
from visalign.io.scores import Score
from visalign.io.tasks import Client
from visalign.neural import predictivity, similarity_scores
from visalign.neural.attainable import attainable
from visalign.neural.grid import grid_spearman
from visalign.neural.layers import Read, Selected
from visalign.neural.predictivity import Ceiling, Responses, Scored, headline
from visalign.recordings import ceilings
from visalign.recordings.ceilings import Trials
from visalign.recordings.site_pairs import site_pair_ceiling
from visalign.stats.cross_validation import Split
from visalign.stats.defined import mean_of_defined

SITE_PAIRS = "the ceiling is the likeness of site pairs, no reliability"


@dataclass(frozen=True)
class TimeBin:
    """Responses of one time bin, and what their scores are divided by.

    Parameters
    ----------
    repeated : ndarray, shape (n_stimuli, n_repetitions, n_neuroids)
        NaN where missing.
    alike : ndarray, shape (n_stimuli,)
        Picture of each stimulus.
    neuroids : ndarray of str, shape (n_neuroids,)
    reliable : ndarray of bool, shape (n_neuroids,)
    seed : int
        Of the draws.
    """

    repeated: np.ndarray
    responses: Responses
    trials: Trials
    ceiling: Ceiling
    alike: np.ndarray
    neuroids: np.ndarray
    reliable: np.ndarray
    seed: int


def time_bin(
    repeated: np.ndarray,
    splits: list[Split],
    images: np.ndarray | None,
    alike: np.ndarray,
    *,
    n_splits: int,
    ceiling_seed: int,
    neuroids: np.ndarray,
    reliable: np.ndarray,
    seed: int,
) -> TimeBin:
    """Responses with their ceiling: split halves; of grids that were not repeated, site pairs; else none.

    Parameters
    ----------
    images : ndarray, shape (n_stimuli,), optional
        Image of each stimulus of a grid recording.
    n_splits, ceiling_seed : int
        See `ceilings.split_half_ceiling`.
    """
    trials = ceilings.trials(repeated, n_splits, ceiling_seed, images)
    ceiling = Ceiling(value=ceilings.c_of(trials.per_split()), resampled=trials.resampled)
    if images is not None and repeated.shape[1] == 1:
        count = np.unique(images, return_counts=True)[1]
        order = np.argsort(images, kind="stable")
        if (count == count[0]).all():
            activity = repeated[order, 0].reshape(len(count), count[0], -1).astype(np.float64)
            pairs = site_pair_ceiling(activity, ceiling_seed)
            ceiling = Ceiling("site_pairs", pairs.value, pairs.resampled)
    if ceiling.value is None or np.isnan(ceiling.value):
        ceiling = Ceiling(ceiling.kind)
    responses = Responses(trials.mean, splits, alike if images is None else images)
    return TimeBin(repeated, responses, trials, ceiling, alike, neuroids, reliable, seed)


def other_selection(selection: str) -> str:
    """Name the way to choose a layer that is not `selection`: "nested" or "published"."""
    return "published" if selection == "nested" else "nested"


class Result(NamedTuple):
    """One comparison on one time bin.

    ``scores``: the score under every convention, the headline first, then what else the score table has of
    the metric; ``said``: what its status says of the fits; ``neuroids``: r of every neuroid on every split;
    ``draws``: of the score.
    """

    scores: list[Score]
    said: list[str]
    neuroids: pd.DataFrame
    draws: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What the comparisons of a model with one time bin share.

    Attributes
    ----------
    reads : dict
        Gives each layer.
    selection : {"nested", "published"}
        Of the layer.
    grid : int or None
        Positions per side, of a grid recording.
    said : list of str
        What the status of every score says of the recording and its splits.
    """

    client: Client
    reads: dict[str, Read]
    data: TimeBin
    selection: str = "nested"
    grid: int | None = None
    said: Sequence[str] = ()

    @property
    def other_selection(self) -> str:
        """The way to choose a layer that is not `selection`."""
        return other_selection(self.selection)

    def about(self, comparison: Comparison, said: list[str]) -> Score:
        """Metric and status of the scores of a comparison, without their values."""
        every = "; ".join([*said, *self.said])
        return Score(metric=comparison.name, status=f"ok, {every}" if every else "ok")


def score(setting: Setting, comparison: Comparison, rng: np.random.Generator) -> Result:
    """Score a comparison: the selected score under every convention, its variants, then the layer curve.

    Parameters
    ----------
    rng : Generator
        Of the floor and the attainable score of a regression.
    """
    if isinstance(comparison, Regression):
        return regression(setting, comparison, rng)
    assert isinstance(comparison, Similarity)
    return similarity(setting, comparison)


def regression(setting: Setting, comparison: Regression, rng: np.random.Generator) -> Result:
    """Score a regression, see `score`."""
    data, ceiling = setting.data, setting.data.ceiling
    scored = Scored(setting.client, setting.reads, data.responses, comparison, data.alike)
    selected = scored.scores.select(setting.selection)
    draws = predictivity.draw(data.responses, None, data.seed)
    floor = scored.floor(selected.layer, rng)
    said = scored.scores.said + ([SITE_PAIRS] if ceiling.kind == "site_pairs" and ceiling.value else [])
    about = replace(setting.about(comparison, said), layer=selected.layer)
    summary = predictivity.summarise(about, selected, data.responses, ceiling, floor, draws)
    for layer, used in scored.scores.exhausted.items():
        asked = f"{comparison.counted} instead of {comparison.settings[comparison.counted or '']}"
        print(f"{layer}: {used} {asked}: no more in it", file=sys.stderr)
    first = summary.scores[0]
    variant = partial(Score, n=first.n, convention=first.convention)
    other = scored.scores.select(setting.other_selection)
    scores = [
        *summary.scores,
        variant(
            metric=f"{comparison.name}_{setting.other_selection}",
            value=headline(other.values, ceiling),
            layer=other.layer,
        ),
        variant(
            metric=f"{comparison.name}_optimism",
            value=predictivity.optimism(scored.scores, ceiling),
            layer=other.layer,
        ),
    ]
    if ceiling.kind == "reliability" and ceiling.value:
        scores += of_reliable(data, selected, floor, f"{comparison.name}_reliable")
        scores.append(attained(scored, data, selected.layer, rng))
    if setting.grid:
        for name, factor in (("grid", 1), ("grid_quarter", 2)):
            found = site_mean_alignment(selected.predicted, data.responses, setting.grid, factor)
            scores.append(replace(found, metric=f"{comparison.name}_{name}", layer=selected.layer))
    scores += [
        variant(metric=f"{comparison.name}_layer", value=headline(values, ceiling), layer=layer)
        for layer, values in zip(scored.scores.layers, scored.scores.values, strict=True)
    ]
    sample = draw_table(summary.scores, summary.draws, draws.units)
    return Result(scores, said, per_neuroid(data, selected), sample)


def of_reliable(data: TimeBin, selected: Selected, floor: float, metric: str) -> list[Score]:
    """The headline over reliable neuroids only, divided by their own ceiling; none where none is reliable."""
    if not data.reliable.any():
        return []
    own = data.trials.of(data.reliable)
    ceiling = Ceiling(value=ceilings.c_of(own.per_split()), resampled=own.resampled)
    responses = Responses(own.mean, data.responses.splits, data.responses.unit)
    chosen = Selected(
        selected.layer,
        selected.values[:, data.reliable],
        [predicted[:, data.reliable] for predicted in selected.predicted],
    )
    draws = predictivity.draw(responses, None, data.seed)
    about = Score(metric=metric, layer=selected.layer)
    first = predictivity.summarise(about, chosen, responses, ceiling, floor, draws).scores[0]
    assert first.n is not None
    return [replace(first, n_excluded=len(data.reliable) - first.n, floor=None, headline=False)]


def attained(scored: Scored, data: TimeBin, layer: str, rng: np.random.Generator) -> Score:
    """What a perfect model of that layer would score, r2/c, with these stimuli and repetitions."""
    trials, unit = data.trials, data.responses.unit
    average = np.broadcast_to(mean_of_defined(trials.noise), trials.noise.shape)
    found = attainable(
        scored.reads[layer],
        data.responses.Y,
        np.where(np.isnan(trials.mean), np.nan, average),
        [Split(split.train, split.test) for split in data.responses.splits],
        scored.comparison,
        rng,
        groups=None if trials.image is None else unit,
    )
    status = f"ok, of a layer that carries {found.carried:.0%} of the signal"
    if not np.isfinite(found.r):
        status = "no signal beyond the noise that the layer could carry"
    return Score(
        metric=f"{scored.comparison.name}_attainable",
        value=found.r * abs(found.r) / found.c,
        n=found.n_neuroids,
        n_excluded=found.n_excluded,
        layer=layer,
        convention="r2/c",
        ceiling=1,
        status=status,
    )


def site_mean_alignment(predicted: list[np.ndarray], responses: Responses, grid: int, factor: int) -> Score:
    """Rank correlation of site-mean predicted and measured activity, mean over the images that have one."""
    rho = np.array(
        [
            grid_spearman(values, responses.Y[split.test], grid, factor)
            for values, split in zip(predicted, responses.splits, strict=True)
        ]
    )
    defined = ~np.isnan(rho)
    return Score(
        metric="grid",
        convention="spearman",
        value=float(rho[defined].mean()) if defined.any() else float("nan"),
        n=int(defined.sum()),
        n_excluded=int((~defined).sum()),
    )


def similarity(setting: Setting, comparison: Similarity) -> Result:
    """Score a similarity, see `score`."""
    data = setting.data
    scored = similarity_scores.score_similarities(
        setting.client,
        setting.reads,
        data.repeated,
        data.responses.unit,
        comparison,
        selection=setting.selection,
        seed=data.seed,
    )
    units = min(len(np.unique(data.responses.unit)), scored.n)
    about = setting.about(comparison, scored.said)
    return of_similarity(scored, comparison, about, setting.selection, units)


def of_similarity(
    scored: similarity_scores.SimilarityScores,
    comparison: Similarity,
    about: Score,
    selection: str,
    units: int,
) -> Result:
    """Lay out the scores of a similarity: the selected one, its variants, the layer curve, its draws.

    Parameters
    ----------
    about : Score
        Metric and status.
    selection : {"nested", "published"}
        Of the layer.
    units : int
        The fewer of units and neuroids, which limit an interval.
    """
    own = scored.under_conventions(about)
    variant = partial(Score, n=scored.n, n_excluded=scored.n_excluded, convention=own[0].convention)
    other = {
        "published": (scored.choice.published, scored.best),
        "nested": (scored.choice.nested, scored.layer),
    }
    variants = [
        (other_selection(selection), *other[other_selection(selection)]),
        ("optimism", scored.choice.optimism, scored.best),
        *(("layer", value, layer) for layer, value in zip(scored.layers, scored.whole, strict=True)),
    ]
    scores = own + [
        variant(metric=f"{comparison.name}_{name}", value=scored.headline(value), layer=layer)
        for name, value, layer in variants
    ]
    return Result(scores, scored.said, pd.DataFrame(), draw_table(own, scored.draws, units))


def per_neuroid(data: TimeBin, selected: Selected) -> pd.DataFrame:
    """Correlation of every neuroid on every split, long, with the neuroid's ceiling."""
    n_splits, n = selected.values.shape
    if data.responses.unit is data.alike:
        split = [str(i) for i in range(n_splits)]
    else:  # the image that is left out
        split = [str(data.responses.unit[s.test[0]]) for s in data.responses.splits]
    per_split = data.trials.per_split()
    return pd.DataFrame(
        {
            "split": np.repeat(split, n),
            "neuroid_id": np.tile(data.neuroids, n_splits),
            "r": selected.values.ravel(),
            "ceiling": np.tile(ceilings.per_neuroid(per_split, data.trials), n_splits),
        }
    )


def draw_table(scores: list[Score], draws: dict[str, np.ndarray], units: int) -> pd.DataFrame:
    """Draws of a score, long, by convention: draw 0 is the recording itself; `units` limit an interval."""
    tables = [
        pd.DataFrame(
            {
                "convention": score.convention,
                "units": units,
                "value": np.array([score.value, *draws[score.convention]], dtype=float),
            }
        )
        for score in scores
        if score.convention in draws
    ]
    return pd.concat(table.rename_axis("draw").reset_index() for table in tables)
