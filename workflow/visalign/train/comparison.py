"""Trained models beside their baselines: paired differences, seed by seed and over all seeds.

What a training changes is a statement about trainings, of which each seed is one. Images tell how well these
very networks are known; only the spread over seeds tells what the next training would do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io.files import read_json
from visalign.io.scores import read_scores
from visalign.io.tables import read_table
from visalign.stats.bootstrap import percentile_interval

if TYPE_CHECKING:
    from visalign.io.rows import ModelRow
    from visalign.train.card import TrainedCard

#: Measures of each image, in the files of ``train evaluate``.
PER_IMAGE = ("accuracy", "alignment", "harmonizer_loss")
#: Measure of the score table -> stage, metric and convention of its rows.
Effects = Mapping[str, tuple[str, str, str]]
#: Cells of a row of the table, by column.
Cells = dict[str, str | float]
#: In the column of seeds: the mean over the pairs of all seeds.
ALL_SEEDS = "all"
#: What pairs share beside their recipe, and the parts of a recipe in which they may differ.
SHARED = ("base_sha256", "label_space", "data_config", "trained_on")
SUPERVISION = ("supervision", "weight")
#: Pairs that differ in none of these are trainings of one kind, from several seeds.
GROUP = ("base", "recipe", *SUPERVISION)


@dataclass(frozen=True)
class Pair:
    """A trained model and its baseline, of the same base and recipe but for the supervision.

    `recipe` is a hash of all that they share but the seed.
    """

    model: str
    baseline: str
    base: str
    recipe: str
    supervision: str
    weight: float
    seed: int


def pairs(models: Mapping[str, ModelRow], directory: Path) -> list[Pair]:
    """Pairs of a model sheet, with the recipes of the trained models' cards.

    Raises
    ------
    InputError
        A baseline was not trained, or from another base or by a recipe that differs in more than supervision.
    """
    found = []
    for name, row in models.items():
        if "baseline" not in row:
            continue
        own, other = (card(directory, model) for model in (name, row["baseline"]))
        ours, theirs = shared(own), shared(other)
        apart = [key for key in ours | theirs if ours.get(key) != theirs.get(key)]
        if apart:
            values = "; ".join(f"{key} {ours.get(key)}, its baseline's is {theirs.get(key)}" for key in apart)
            reason = f"{values}; pairs differ in supervision alone"
            raise InputError(f"{name}: baseline: {row['baseline']}: {reason}")
        of_seed = own["recipe"]["supervision"], own["recipe"]["weight"], own["recipe"]["seed"]
        del ours["seed"]
        recipe = hashlib.sha256(json.dumps(ours, sort_keys=True).encode()).hexdigest()[:8]
        found.append(Pair(name, row["baseline"], own["source"], recipe, *of_seed))
    return found


def shared(card: TrainedCard) -> dict[str, object]:
    """What a card says of a training, but for its supervision."""
    recipe = {key: value for key, value in card["recipe"].items() if key not in SUPERVISION}
    return {key: card.get(key) for key in SHARED} | recipe


def card(directory: Path, model: str) -> TrainedCard:
    """Card of a trained model."""
    return read_json(directory / "train" / f"{model}.json")


def compare(
    found: list[Pair], maps: list[str], directory: Path, draws: int, seed: int, effects: Effects
) -> pd.DataFrame:
    """Differences of trained models from their baselines.

    Parameters
    ----------
    found : list of Pair
    maps : list of str
        Map sets on which the models were measured.
    directory : Path
        Holds ``train/MODEL/MAPS.csv`` and, where there are scores, ``scores.csv``.
    draws : int
        Bootstrap draws over images.
    seed : int
    effects : mapping
        What of the score table stands beside the measures of images, where it is.

    Returns
    -------
    DataFrame
        A row for each pair, dataset and measure, and one over the seeds of each base, recipe and supervision:
        value, value of the baseline, difference, number of images. ``images_low`` and ``images_high``: 95 %
        paired bootstrap interval over images, of these very trainings (none for what comes from the score
        table). Over several seeds, ``ci_low`` and ``ci_high``: 95 % interval of the effect of training, see
        `effect_interval`; ``sd_seeds``: SD of the differences of the seeds.
    """
    images = {(pair, name): paired(pair, name, directory) for pair in found for name in maps}
    scores = of_scores(directory / "scores.csv", effects)
    groups: dict[tuple[str | float, ...], list[Pair]] = {}
    for pair in found:
        groups.setdefault(tuple(getattr(pair, name) for name in GROUP), []).append(pair)
    rows: list[Cells] = []
    for key, members in groups.items():
        pools = [members] if len(members) > 1 else []
        for some in [*([pair] for pair in members), *pools]:
            common: Cells = dict(zip(GROUP, key, strict=True))
            common |= {"model": "", "baseline": "", "seed": ALL_SEEDS}
            if len(some) == 1:
                common |= {"model": some[0].model, "baseline": some[0].baseline, "seed": str(some[0].seed)}
            for name in maps:
                members_images = [images[pair, name] for pair in some]
                rows += differences(members_images, common | {"dataset": name}, draws, seed)
            rows += [common | row for row in score_differences(some, scores)]
    return pd.DataFrame(rows)


def paired(pair: Pair, maps: str, directory: Path) -> dict[str, np.ndarray]:
    """Each measure of both models, (2, n): the trained one's and the baseline's, image by image."""
    tables = [
        read_table(directory / "train" / model / f"{maps}.csv", ("stimulus_id", *PER_IMAGE))
        for model in (pair.model, pair.baseline)
    ]
    if list(tables[0]["stimulus_id"]) != list(tables[1]["stimulus_id"]):
        raise InputError(f"{pair.model}, {pair.baseline}: {maps}: measured on other images")
    return {name: np.stack([table[name].to_numpy(float) for table in tables]) for name in PER_IMAGE}


def differences(members: list[dict[str, np.ndarray]], common: Cells, draws: int, seed: int) -> list[Cells]:
    """One row per measure: means over images and `members`, the pairs of one seed each, with intervals."""
    rows = []
    for measure in PER_IMAGE:
        values = np.stack([member[measure] for member in members])  # (seeds, 2, images)
        defined = np.isfinite(values).all(axis=(0, 1))
        row = common | {"measure": measure, "n": int(defined.sum()), "n_excluded": int((~defined).sum())}
        if defined.any():
            trained, baseline = values[:, :, defined].mean(axis=(0, 2))
            changes = values[:, 0, defined] - values[:, 1, defined]
            low, high = percentile_interval(
                changes.mean(axis=0), np.mean, rng=np.random.default_rng(seed), draws=draws
            )
            row |= {"value": trained, "baseline_value": baseline, "difference": changes.mean()}
            row |= {"images_low": low, "images_high": high} | over_seeds(changes)
        rows.append(row)
    return rows


def over_seeds(changes: np.ndarray) -> dict[str, float]:
    """SD of the differences (seeds, images) of several seeds, and the interval of their mean."""
    if len(changes) < 2:
        return {}
    low, high = effect_interval(changes)
    return {"sd_seeds": changes.mean(axis=1).std(ddof=1), "ci_low": low, "ci_high": high}


def effect_interval(changes: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the mean effect of a training, over trainings and over images.

    Seeds and images are crossed, both drawn from more: change = effect + seed + image + rest. The variance of
    the mean is s²(means of seeds) / seeds, which holds the rest, plus what images vary beyond it / images;
    Student's t has as many degrees of freedom as seeds less one, few but safe (`bench/arms.py`). Where images
    differ by the rest alone it is the t interval of the means of seeds.

    Parameters
    ----------
    changes : ndarray, shape (n_seeds, n_images)
        Trained less baseline; two seeds or more.

    Returns
    -------
    (low, high) : tuple of float
    """
    from scipy import stats  # half a second of start-up

    n_seeds, n_images = changes.shape
    mean, of_seeds, of_images = changes.mean(), changes.mean(axis=1), changes.mean(axis=0)
    variance = of_seeds.var(ddof=1) / n_seeds
    if n_images > 1:
        rest = changes - of_seeds[:, None] - of_images + mean
        noise = (rest**2).sum() / ((n_seeds - 1) * (n_images - 1))
        variance += max(of_images.var(ddof=1) - noise / n_seeds, 0.0) / n_images
    half = stats.t.ppf(0.5 + confidence / 2, n_seeds - 1) * np.sqrt(variance)
    return float(mean - half), float(mean + half)


def of_scores(path: Path, effects: Effects) -> dict[tuple[str, str], dict[str, float]]:
    """Values by model of each (measure, dataset) of `effects` in the score table, where there is one."""
    if not path.exists():
        return {}
    scores = read_scores(path)
    stages = scores["benchmark"].str.split("/")
    found: dict[tuple[str, str], dict[str, float]] = {}
    for measure, (stage, metric, convention) in effects.items():
        chosen = (
            (stages.str[0] == stage) & (scores["metric"] == metric) & (scores["convention"] == convention)
        )
        for row in scores[chosen & scores["value"].notna()].to_dict("records"):
            dataset = row["benchmark"].split("/", 1)[1]
            found.setdefault((measure, dataset), {})[row["model"]] = float(row["value"])
    return found


def score_differences(some: list[Pair], scores: dict[tuple[str, str], dict[str, float]]) -> list[Cells]:
    """One row a (measure, dataset) of the score table that all models of the pairs have: means over pairs."""
    rows = []
    for (measure, dataset), values in scores.items():
        if all(model in values for pair in some for model in (pair.model, pair.baseline)):
            each = np.array([[values[pair.model], values[pair.baseline]] for pair in some])
            row = {"measure": measure, "dataset": dataset, "value": each[:, 0].mean()}
            row |= {"baseline_value": each[:, 1].mean(), "difference": (each[:, 0] - each[:, 1]).mean()}
            rows.append(row | over_seeds(each[:, :1] - each[:, 1:]))
    return rows


def text(found: pd.DataFrame) -> str:
    """Lay the comparison out as a Markdown table, a row for each pair and each pool of seeds."""
    columns = list(dict.fromkeys(zip(found["measure"], found["dataset"], strict=True)))
    header = ["base", "supervision", "λ", "seed", *(f"{measure}, {dataset}" for measure, dataset in columns)]
    lines = [f"| {' | '.join(header).replace('_', ' ')} |", "|" + "---|" * len(header)]
    for (base, _, *kind), rows in found.groupby([*GROUP, "seed"], sort=False):
        cells = {(row.measure, row.dataset): cell(row) for row in rows.itertuples()}
        words = [str(base), *map(str, kind), *(cells.get(column, "") for column in columns)]  # type: ignore[arg-type, call-overload]
        lines.append(f"| {' | '.join(words)} |")
    note = (
        "Baseline → trained (difference, 95 % interval). Of one seed: over images, of these two networks. "
        "Of all: the effect of training, over seeds and images."
    )
    return "\n".join([*lines, "", note, ""])


def cell(row: Any) -> str:
    """Baseline, trained value and their difference with its interval, as text."""
    if not np.isfinite(row.difference):
        return "undefined"
    low, high = (row.images_low, row.images_high) if row.seed != ALL_SEEDS else (row.ci_low, row.ci_high)
    interval = "" if np.isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
    return f"{row.baseline_value:.3f} → {row.value:.3f} ({row.difference:+.3f}{interval})"
