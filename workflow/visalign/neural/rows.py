"""What stage neural says of one model on one time bin of a recording: score rows, correlations, draws."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from visalign.io.files import write_atomic
from visalign.io.scores import score_row
from visalign.neural import predictivity, similarity_scores
from visalign.neural.attainable import attainable
from visalign.neural.grid import Protocol, map_spearman
from visalign.neural.layers import Options, Read, Selected
from visalign.neural.predictivity import Ceiling, Responses, Scored, headline
from visalign.recordings import ceilings
from visalign.recordings.ceilings import Trials
from visalign.recordings.site_pairs import site_pair_ceiling
from visalign.stats.cross_validation import Split
from visalign.stats.resampling import mean_of_defined

if TYPE_CHECKING:
    from distributed import Client

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
    """Responses with their ceiling: split halves; of maps that were not repeated, site pairs; else none.

    Parameters
    ----------
    images : ndarray, shape (n_stimuli,), optional
        Image of each stimulus of a map recording.
    n_splits, ceiling_seed : int
        See `ceilings.split_half_ceiling`.
    """
    trials = ceilings.trials(repeated, n_splits, ceiling_seed, images)
    ceiling = Ceiling(value=ceilings.c_of(trials.per_split()), resampled=trials.resampled)
    if images is not None and repeated.shape[1] == 1:
        count = np.unique(images, return_counts=True)[1]
        order = np.argsort(images, kind="stable")
        if (count == count[0]).all():
            maps = repeated[order, 0].reshape(len(count), count[0], -1).astype(np.float64)
            pairs = site_pair_ceiling(maps, ceiling_seed)
            ceiling = Ceiling("site_pairs", pairs.value, pairs.resampled)
    if ceiling.value is None or np.isnan(ceiling.value):
        ceiling = Ceiling(ceiling.kind)
    responses = Responses(trials.mean, splits, alike if images is None else images)
    return TimeBin(repeated, responses, trials, ceiling, alike, neuroids, reliable, seed)


class Result(NamedTuple):
    """One metric on one time bin.

    ``entries``: the score by convention, the headline first; ``rows``: those, then what else the score table
    has of the metric; ``neuroids``: r of every neuroid on every split; ``draws``: of the score.
    """

    entries: dict[str, dict[str, Any]]
    rows: list[dict[str, Any]]
    neuroids: pd.DataFrame
    draws: pd.DataFrame


def regression(
    client: Client,
    reads: dict[str, Read],
    data: TimeBin,
    metric: str,
    options: Options,
    selection: str,
    rng: np.random.Generator,
    protocol: Protocol,
) -> Result:
    """Score a regression: the selected score under every convention, its variants, then the layer curve."""
    scored = Scored(client, reads, data.responses, metric, options, data.alike)
    selected, ceiling = scored.scores.select(selection), data.ceiling
    draws = predictivity.draw(data.responses, None, data.seed)
    floor = scored.floor(selected.layer, rng)
    summary = predictivity.summarise(selected, data.responses, ceiling, floor, draws)
    said = scored.scores.said + ([SITE_PAIRS] if ceiling.kind == "site_pairs" and ceiling.value else [])
    for layer, used in scored.scores.exhausted.items():
        print(f"{layer}: {used} components instead of {options.components}: no more in it", file=sys.stderr)
    rows = [{"metric": metric, "layer": selected.layer, "said": said} | e for e in summary.entries.values()]
    first = next(iter(summary.entries.values()))
    shared = {"n": first["n"], "convention": first["convention"]}

    def more(name: str, value: float, layer: str, **other: Any) -> None:
        rows.append({"metric": f"{metric}_{name}", "value": value, "layer": layer} | shared | other)

    alternative = scored.scores.select("published" if selection == "nested" else "nested")
    name = "published" if selection == "nested" else "nested"
    more(name, headline(alternative.values, ceiling), alternative.layer)
    more("optimism", predictivity.optimism(scored.scores, ceiling), alternative.layer)
    if ceiling.kind == "reliability" and ceiling.value:
        rows += [{"metric": f"{metric}_reliable"} | row for row in reliable_rows(data, selected, floor)]
        rows.append({"metric": f"{metric}_attainable"} | attained(scored, data, selected.layer, rng))
    if protocol.grid:
        for name, factor in (("map", 1), ("map_quarter", 2)):
            found = site_mean_alignment(selected.predicted, data.responses, protocol.grid, factor)
            more(name, layer=selected.layer, convention="spearman", ceiling=None, **found)
    for layer, values in zip(scored.scores.layers, scored.scores.values, strict=True):
        more("layer", headline(values, ceiling), layer)
    sample = draw_table(summary.entries, summary.draws, draws.units)
    return Result(summary.entries, rows, per_neuroid(data, selected), sample)


def reliable_rows(data: TimeBin, selected: Selected, floor: float) -> list[dict[str, Any]]:
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
    entries = predictivity.summarise(chosen, responses, ceiling, floor, draws).entries
    n_excluded = len(data.reliable) - next(iter(entries.values()))["n"]
    return [next(iter(entries.values())) | {"layer": selected.layer, "n_excluded": n_excluded, "floor": None}]


def attained(scored: Scored, data: TimeBin, layer: str, rng: np.random.Generator) -> dict[str, Any]:
    """What a perfect model of that layer would score, r2/c, with these stimuli and repetitions."""
    trials, unit = data.trials, data.responses.unit
    average = np.broadcast_to(mean_of_defined(trials.noise), trials.noise.shape)
    found = attainable(
        scored.reads[layer],
        data.responses.Y,
        np.where(np.isnan(trials.mean), np.nan, average),
        [Split(split.train, split.test) for split in data.responses.splits],
        *(scored.metric, scored.options, rng),
        groups=None if trials.image is None else unit,
    )
    counts = {"n": found.n_neuroids, "n_excluded": found.n_excluded}
    status = f"ok, of a layer that carries {found.carried:.0%} of the signal"
    if not np.isfinite(found.r):
        status = "no signal beyond the noise that the layer could carry"
    value = found.r * abs(found.r) / found.c
    return counts | {"value": value, "layer": layer, "convention": "r2/c", "ceiling": 1, "status": status}


def site_mean_alignment(
    predicted: list[np.ndarray], responses: Responses, grid: int, factor: int
) -> dict[str, Any]:
    """Rank correlation of site-mean predicted and measured maps, mean over the images that have one."""
    rho = np.array(
        [
            map_spearman(values, responses.Y[split.test], grid, factor)
            for values, split in zip(predicted, responses.splits, strict=True)
        ]
    )
    defined = ~np.isnan(rho)
    value = float(rho[defined].mean()) if defined.any() else float("nan")
    return {"value": value, "n": int(defined.sum()), "n_excluded": int((~defined).sum())}


def similarity(
    client: Client,
    reads: dict[str, Read],
    data: TimeBin,
    metric: str,
    options: Options,
    selection: str,
    rng: np.random.Generator,
    protocol: Protocol,
) -> Result:
    """Score a similarity: the selected score under every convention, its variants, then the layer curve."""
    seed = data.seed
    scored = similarity_scores.score_similarities(
        *(client, reads, data.repeated, data.responses.unit, metric, options), selection=selection, seed=seed
    )
    entries = scored.entries()
    rows = [{"metric": metric, "layer": scored.layer, "said": scored.said} | e for e in entries.values()]
    shared = {"n": scored.n, "n_excluded": scored.n_excluded, "convention": rows[0]["convention"]}
    other = ("published", scored.choice.published, scored.best)
    if selection == "published":
        other = ("nested", scored.choice.nested, scored.layer)
    curve = [("layer", value, layer) for layer, value in zip(scored.layers, scored.whole, strict=True)]
    for name, value, layer in (other, ("optimism", scored.choice.optimism, scored.best), *curve):
        rows.append({"metric": f"{metric}_{name}", "value": scored.headline(value), "layer": layer} | shared)
    units = min(len(np.unique(data.responses.unit)), scored.n)
    return Result(entries, rows, pd.DataFrame(), draw_table(entries, scored.draws, units))


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


def draw_table(entries: dict[str, dict[str, Any]], draws: dict[str, np.ndarray], units: int) -> pd.DataFrame:
    """Draws of a score, long, by convention: draw 0 is the recording itself; `units` limit an interval."""
    tables = [
        pd.DataFrame({"convention": name, "units": units, "value": [entry["value"], *draws[name]]})
        for name, entry in entries.items()
        if name in draws
    ]
    return pd.concat(table.rename_axis("draw").reset_index() for table in tables)


def score_rows(result: Result, common: dict[str, Any], said: list[str]) -> list[dict[str, Any]]:
    """Rows of the score table; the status of the score says what was `said` of splits and metric."""
    rows = []
    for row in result.rows:
        own = [*row["said"], *said] if "said" in row else []
        status = {"status": ", ".join(["ok", "; ".join(own)] if own else ["ok"])}
        rows.append(score_row(**common | status | {name: row[name] for name in row if name != "said"}))
    return rows


def write_parquet(path: str | None, tables: list[tuple[dict[str, str], pd.DataFrame]]) -> None:
    """Write labelled tables as one parquet file: the labels as columns before the others."""
    if not path:
        return
    labelled = [table.assign(**labels)[[*labels, *table.columns]] for labels, table in tables if len(table)]
    whole = pd.concat(labelled, ignore_index=True) if labelled else pd.DataFrame()
    buffer = io.BytesIO()
    whole.to_parquet(buffer, index=False)
    write_atomic(path, buffer.getvalue())
