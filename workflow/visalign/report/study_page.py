"""What the report shows, taken from score table and trends: lists and dictionaries for the template."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TypedDict

import pandas as pd

from visalign.io.scores import ScoreRow, is_true, rows_in
from visalign.measures import ACCURACIES, RAW
from visalign.trend import verdict
from visalign.trend.answer import Model, Panel, StudyTrend

#: Ends the name of a metric that has one row per layer; the metric itself is that of the chosen layer.
PER_LAYER = "_layer"

#: Libraries whose versions can change a number or a figure.
LIBRARIES = (
    "snakemake",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "zarr",
    "xarray",
    "dask",
    "pillow",
    "matplotlib",
)


class Column(TypedDict):
    """A headline as a column of the model table."""

    name: str
    benchmark: str
    metric: str
    convention: str
    reasons: dict[str, str]  # why models have no score


class Value(TypedDict):
    """A score as it is said elsewhere: in another convention."""

    convention: str | None
    value: float | None


class Scored(TypedDict):
    """A cell of the model table: a score."""

    value: float
    interval: tuple[float, float | None] | None
    raw: Value | None
    floor: float | None
    ceiling: float | None
    layer: str | None


class Unscored(TypedDict):
    """A cell of the model table: why there is no score."""

    value: None
    reason: str


class Line(TypedDict):
    """A model in the model table."""

    model: str
    family: str
    page: str  # address, '' for none
    cells: list[Scored | Unscored]  # one per column


class Timing(TypedDict):
    """How long the jobs of a rule took, and the peak of their memory."""

    rule: str
    jobs: int
    seconds: float
    longest: float
    memory: float | None


def word_of(trend: StudyTrend) -> str:
    """Return what sentences call the x axis."""
    x = trend["accuracy"]
    return x["word"] if x else verdict.ACCURACY


def measure_name(panel: Panel) -> str:
    """Return the name of a panel, with its region and window where it has them."""
    return panel["title"] + (f", {panel['subtitle']}" if panel["subtitle"] else "")


def plain_name(benchmark: str, metric: str) -> str:
    """Return the name of a measure that is not a headline: metric, then data set, region and window."""
    rest = benchmark.partition("/")[2]
    title = ACCURACIES.get(metric, metric.replace("_", " "))
    return f"{title}, {rest.replace('/', ' ').replace('_', ' ')}"


def headlines(trend: StudyTrend) -> list[Column]:
    """Return the columns of the model table: the x axis where there is one, then one column per panel."""
    first: list[Column] = []
    if x := trend["accuracy"]:
        name = plain_name(x["benchmark"], x["metric"])
        benchmark, metric, convention = x["benchmark"], x["metric"], x["convention"]
        first = [
            {
                "name": name,
                "benchmark": benchmark,
                "metric": metric,
                "convention": convention,
                "reasons": {},
            }
        ]
    others: list[Column] = [
        {
            "name": measure_name(panel),
            "benchmark": panel["benchmark"],
            "metric": panel["metric"],
            "convention": panel["convention"],
            "reasons": {entry["model"]: entry["reason"] for entry in panel["excluded"]},
        }
        for panel in trend["panels"]
    ]
    return [*first, *others]


def shown(panel: Panel) -> list[Model]:
    """Return every model of a panel: of the statistics, shown only, by model, and excluded."""
    drawn = [*panel["points"], *panel["shown_only"], *panel["reference_lines"], *panel["by_model"]]
    return [*drawn, *panel["excluded"]]


def families(scores: pd.DataFrame, trend: StudyTrend) -> dict[str, str]:
    """Return model -> family, '' where unknown, of every model in the order of the report."""
    known = {entry["model"]: entry["family"] for panel in trend["panels"] for entry in shown(panel)}
    return dict.fromkeys(known | dict.fromkeys(scores["model"]), "") | known


def rows_of(scores: pd.DataFrame, benchmark: str, metric: str, convention: str) -> dict[str, ScoreRow]:
    """Return model -> score row of a metric on a benchmark in a convention."""
    same = (scores["benchmark"] == benchmark) & (scores["metric"] == metric)
    return {row["model"]: row for row in rows_in(scores[same & (scores["convention"] == convention)])}


def cell(row: ScoreRow | None, raw: ScoreRow | None, reason: str) -> Scored | Unscored:
    """Return one model's score with interval, floor, ceiling and layer, or the reason for none.

    Floor and ceiling are on the scale of the raw row where there is one: corrected, they are 0 and 1.
    """
    if row is None or row["value"] is None:
        status = row["status"] if row and row["status"] != "ok" else reason
        return {"value": None, "reason": status or "no row in the score table"}
    return {
        "value": row["value"],
        "interval": None if row["ci_low"] is None else (row["ci_low"], row["ci_high"]),
        "raw": {"convention": raw["convention"], "value": raw["value"]} if raw else None,
        "floor": (raw or row)["floor"],
        "ceiling": (raw or row)["ceiling"],
        "layer": row["layer"],
    }


def model_table(scores: pd.DataFrame, trend: StudyTrend, pages: Mapping[str, str]) -> list[Line]:
    """Return one row per model: family, address of its page ('' for none), one cell per headline."""
    columns = [
        (
            rows_of(scores, one["benchmark"], one["metric"], one["convention"]),
            rows_of(scores, one["benchmark"], one["metric"], RAW.get(one["convention"], "")),
            one["reasons"],
        )
        for one in headlines(trend)
    ]
    return [
        {
            "model": model,
            "family": family,
            "page": pages.get(model, ""),
            "cells": [
                cell(rows.get(model), raw.get(model), reasons.get(model, ""))
                for rows, raw, reasons in columns
            ],
        }
        for model, family in families(scores, trend).items()
    ]


def is_simulated(scores: pd.DataFrame) -> pd.Series:
    """Return which score rows rest on simulated data."""
    return scores["simulated"].map(is_true).astype(bool)


def simulated_measures(scores: pd.DataFrame, trend: StudyTrend) -> dict[str, bool]:
    """Return measure -> whether any of its scores rests on simulated data.

    The headline measures by their titles, then the benchmarks that have none.
    """
    simulated = is_simulated(scores)
    named = {}
    for column in headlines(trend):
        own = (scores["benchmark"] == column["benchmark"]) & (scores["metric"] == column["metric"])
        if own.any():
            named[column["name"]] = bool(simulated[own].any())
    covered = {column["benchmark"] for column in headlines(trend)}
    rest = scores["value"].notna() & ~scores["benchmark"].isin(covered)
    return named | {str(k): bool(v.any()) for k, v in simulated[rest].groupby(scores["benchmark"][rest])}


def versions(scores: pd.DataFrame) -> dict[str, str]:
    """Return versions: Python, libraries of this environment, and the stages that made the scores."""
    found = {"Python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    stages = scores["benchmark"].str.split("/").str[0]
    for stage, numbers in scores["version"].dropna().groupby(stages):
        found[f"stage {stage}"] = ", ".join(f"{number:g}" for number in sorted(set(numbers)))
    return found


def timings(directory: Path | None) -> list[Timing]:
    """Return jobs, seconds and peak memory of each rule from the timings of its jobs.

    A file belongs to the rule named by its first folder, or by its own name.
    """
    if directory is None:
        return []
    rules: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(directory.rglob("*.tsv")):
        rule = path.relative_to(directory).parts[0].removesuffix(".tsv")
        table = pd.read_csv(path, sep="\t", na_values="-")  # which Snakemake wrote for jobs of a moment
        for seconds, memory in zip(table["s"], table["max_rss"], strict=True):
            rules.setdefault(rule, []).append((float(seconds), float(memory)))
    return [
        {
            "rule": rule,
            "jobs": len(jobs),
            "seconds": sum(seconds for seconds, _ in jobs),
            "longest": max(seconds for seconds, _ in jobs),
            "memory": max((memory for _, memory in jobs if memory == memory), default=None),
        }
        for rule, jobs in rules.items()
    ]
