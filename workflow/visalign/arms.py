"""Trained models beside their baselines: paired differences over images, seed by seed and over all seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.stats import bootstrap_interval
from visalign.tables import read_json, read_scores, read_table

#: Measures of each image, in the files of ``train measure``.
PER_IMAGE = ("accuracy", "alignment", "harmonizer_loss")
#: Measures of the score table that stand beside them where they are: name -> stage, metric, convention.
OF_SCORES = {
    "it_predictivity": ("neural", "pls", "r2/c"),
    "perturbation_tolerance": ("attacks", "perturbation_tolerance", "l2"),
}
#: In the column of seeds: the mean of each image over the pairs of all seeds.
ALL_SEEDS = "all"


@dataclass(frozen=True)
class Pair:
    """A trained model and its baseline, of the same recipe but for the supervision."""

    model: str
    baseline: str
    supervision: str
    weight: float
    seed: int


def pairs(models: dict[str, dict[str, Any]], directory: Path) -> list[Pair]:
    """Pairs of a model sheet, with the recipes of the trained models' cards.

    Raises
    ------
    InputError
        A baseline was not trained, or by another seed.
    """
    found = []
    for name, row in models.items():
        if "baseline" not in row:
            continue
        recipe, other = (card(directory, model)["recipe"] for model in (name, row["baseline"]))
        if recipe["seed"] != other["seed"]:
            seeds = f"seed {recipe['seed']}, its baseline's is {other['seed']}"
            raise InputError(f"{name}: baseline: {row['baseline']}: {seeds}; pairs share theirs")
        found.append(Pair(name, row["baseline"], recipe["supervision"], recipe["weight"], recipe["seed"]))
    return found


def card(directory: Path, model: str) -> dict[str, Any]:
    """Card of a trained model."""
    return read_json(directory / "train" / f"{model}.json")


def compare(found: list[Pair], maps: list[str], directory: Path, draws: int, seed: int) -> pd.DataFrame:
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

    Returns
    -------
    DataFrame
        A row for each pair, dataset and measure, and one for each supervision and weight over its seeds:
        value, value of the baseline, difference, 95 % paired bootstrap interval over images (none for what
        comes from the score table), number of images.
    """
    images = {(pair, name): paired(pair, name, directory) for pair in found for name in maps}
    scores = of_scores(directory / "scores.csv")
    groups: dict[tuple[str, float], list[Pair]] = {}
    for pair in found:
        groups.setdefault((pair.supervision, pair.weight), []).append(pair)
    rows: list[dict[str, Any]] = []
    for (supervision, weight), members in groups.items():
        pools = [members] if len(members) > 1 else []
        for some in [*([pair] for pair in members), *pools]:
            common: dict[str, Any] = {"supervision": supervision, "weight": weight}
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


def differences(
    members: list[dict[str, np.ndarray]], common: dict[str, Any], draws: int, seed: int
) -> list[dict[str, Any]]:
    """One row a measure: means over images of the mean over `members`, with intervals over images."""
    rows = []
    for measure in PER_IMAGE:
        trained, baseline = np.mean([member[measure] for member in members], axis=0)
        defined = np.isfinite(trained - baseline)
        change = (trained - baseline)[defined]
        row = common | {"measure": measure, "n": int(defined.sum()), "n_excluded": int((~defined).sum())}
        if len(change):
            low, high = bootstrap_interval(change, np.mean, rng=np.random.default_rng(seed), draws=draws)
            row |= {"value": trained[defined].mean(), "baseline_value": baseline[defined].mean()}
            row |= {"difference": change.mean(), "ci_low": low, "ci_high": high}
        rows.append(row)
    return rows


def of_scores(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Values by model of each (measure, dataset) of `OF_SCORES` in the score table, where there is one."""
    if not path.exists():
        return {}
    scores = read_scores(path)
    stages = scores["benchmark"].str.split("/")
    found: dict[tuple[str, str], dict[str, float]] = {}
    for measure, (stage, metric, convention) in OF_SCORES.items():
        chosen = (
            (stages.str[0] == stage) & (scores["metric"] == metric) & (scores["convention"] == convention)
        )
        for row in scores[chosen & scores["value"].notna()].to_dict("records"):
            dataset = row["benchmark"].split("/", 1)[1]
            found.setdefault((measure, dataset), {})[row["model"]] = float(row["value"])
    return found


def score_differences(
    some: list[Pair], scores: dict[tuple[str, str], dict[str, float]]
) -> list[dict[str, Any]]:
    """One row a (measure, dataset) of the score table that all models of the pairs have: means over pairs."""
    rows = []
    for (measure, dataset), values in scores.items():
        if all(model in values for pair in some for model in (pair.model, pair.baseline)):
            value = float(np.mean([values[pair.model] for pair in some]))
            other = float(np.mean([values[pair.baseline] for pair in some]))
            row = {"measure": measure, "dataset": dataset, "value": value, "baseline_value": other}
            rows.append(row | {"difference": value - other})
    return rows


def text(found: pd.DataFrame) -> str:
    """Lay the comparison out as a Markdown table, a row for each pair and each pool of seeds."""
    columns = list(dict.fromkeys(zip(found["measure"], found["dataset"], strict=True)))
    header = ["supervision", "λ", "seed", *(f"{measure}, {dataset}" for measure, dataset in columns)]
    lines = [f"| {' | '.join(header).replace('_', ' ')} |", "|" + "---|" * len(header)]
    for key, rows in found.groupby(["supervision", "weight", "seed"], sort=False):
        cells = {(row.measure, row.dataset): cell(row) for row in rows.itertuples()}
        words = [*map(str, key), *(cells.get(column, "") for column in columns)]  # type: ignore[arg-type, call-overload]
        lines.append(f"| {' | '.join(words)} |")
    note = "Baseline → trained (difference, 95 % paired bootstrap interval over images)."
    return "\n".join([*lines, "", note, ""])


def cell(row: Any) -> str:
    """Baseline, trained value and their difference with its interval, as text."""
    if not np.isfinite(row.difference):
        return "undefined"
    interval = "" if np.isnan(row.ci_low) else f" [{row.ci_low:+.3f}, {row.ci_high:+.3f}]"
    return f"{row.baseline_value:.3f} → {row.value:.3f} ({row.difference:+.3f}{interval})"
