"""What the report shows, taken from score table and trends: lists and dictionaries for the template."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from visalign.trend import verdict
from visalign.trend.panel import ACCURACIES

#: The convention on whose scale floor and ceiling are shown beside a headline value.
RAW = {"r2/c": "r", "floor_corrected": "rho", "rms/image_effects": "l2"}

#: Ends the name of a metric that has a row a layer; the metric itself is that of the chosen layer.
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


def blank(value: Any) -> Any:
    """Return None for NaN, else the value."""
    return None if value != value else value


def measure_name(panel: dict[str, Any]) -> str:
    """Return the name of a panel, with its region and window where it has them."""
    return panel["title"] + (f", {panel['subtitle']}" if panel["subtitle"] else "")


def plain_name(benchmark: str, metric: str) -> str:
    """Return the name of a measure that is not a headline: metric, then data set, region and window."""
    rest = benchmark.partition("/")[2]
    title = ACCURACIES.get(metric, metric.replace("_", " "))
    return f"{title}, {rest.replace('/', ' ').replace('_', ' ')}"


def headlines(trend: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the columns of the model table: accuracy, then a column a panel."""
    accuracy = trend["accuracy"]
    name = plain_name(accuracy["benchmark"], accuracy["metric"])
    return [accuracy | {"name": name, "reasons": {}}] + [
        {
            "name": measure_name(panel),
            "benchmark": panel["benchmark"],
            "metric": panel["metric"],
            "convention": panel["convention"],
            "reasons": {entry["model"]: entry["reason"] for entry in panel["excluded"]},
        }
        for panel in trend["panels"]
    ]


def shown(panel: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every model of a panel: of the statistics, shown only, and excluded."""
    parts = ("points", "shown_only", "reference_lines", "excluded")
    return [entry for part in parts for entry in panel[part]]


def families(scores: pd.DataFrame, trend: dict[str, Any]) -> dict[str, str]:
    """Return model -> family, '' where unknown, of every model in the order of the report."""
    known = {entry["model"]: entry["family"] for panel in trend["panels"] for entry in shown(panel)}
    return dict.fromkeys(known | dict.fromkeys(scores["model"]), "") | known


def rows_of(scores: pd.DataFrame, column: Mapping[str, Any], convention: str) -> dict[str, dict[str, Any]]:
    """Return model -> score row of a measure in a convention; NaN becomes None."""
    same = (scores["benchmark"] == column["benchmark"]) & (scores["metric"] == column["metric"])
    rows = scores[same & (scores["convention"] == convention)].to_dict("records")
    return {str(row["model"]): {str(key): blank(value) for key, value in row.items()} for row in rows}


def cell(row: dict[str, Any] | None, raw: dict[str, Any] | None, reason: str) -> dict[str, Any]:
    """Return one model's score with interval, floor, ceiling and layer, or the reason for none.

    Floor and ceiling are on the scale of the raw row where there is one: corrected, they are 0 and 1.
    """
    if row is None or row["value"] is None:
        status = row["status"] if row and row["status"] != "ok" else reason
        return {"value": None, "reason": status or "no row in the score table"}
    return {
        "value": row["value"],
        "interval": None if row["ci_low"] is None else (row["ci_low"], row["ci_high"]),
        "raw": raw and {"convention": raw["convention"], "value": raw["value"]},
        "floor": (raw or row)["floor"],
        "ceiling": (raw or row)["ceiling"],
        "layer": row["layer"],
    }


def model_table(
    scores: pd.DataFrame, trend: dict[str, Any], pages: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return a row a model: its family, the address of its page ('' for none), a cell a headline measure."""
    columns = [
        (
            rows_of(scores, column, column["convention"]),
            rows_of(scores, column, RAW.get(column["convention"], "")),
            column["reasons"],
        )
        for column in headlines(trend)
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


# --- panels ------------------------------------------------------------------------------------------


def rounded(value: float | None) -> float | None:
    """Return a number to five significant digits, more than a screen can show; rounding errors of 0 are 0."""
    return None if value is None else float(f"{round(value, 12):.5g}")


def measure(scores: pd.DataFrame, key: tuple[str, str, str], name: str, models: list[str]) -> dict[str, Any]:
    """Return one measure as a possible axis: its name, and its numbers in the order of `models`.

    Returns
    -------
    dict
        name, benchmark, metric, convention; simulated, accuracy: whether it is; value, low, high: a number or
        None a model.
    """
    column = dict(zip(("benchmark", "metric", "convention"), key, strict=True))
    rows = rows_of(scores, column, column["convention"])
    numbers = {
        field: [rounded(rows[model][source]) if model in rows else None for model in models]
        for field, source in (("value", "value"), ("low", "ci_low"), ("high", "ci_high"))
    }
    simulated = any(is_true(row["simulated"]) for row in rows.values())
    accuracy = key[0].startswith("accuracy/")
    return column | {"name": name, "simulated": simulated, "accuracy": accuracy} | numbers


def measures(scores: pd.DataFrame, trend: dict[str, Any], models: list[str]) -> list[dict[str, Any]]:
    """Return every measure that a panel can show: the headlines, then all others with a value."""
    names = {(c["benchmark"], c["metric"]): c["name"] for c in headlines(trend)}
    first = [(c["benchmark"], c["metric"], c["convention"]) for c in headlines(trend)]
    valued = scores[scores["value"].notna() & ~scores["metric"].str.endswith(PER_LAYER)]
    others = valued[["benchmark", "metric", "convention"]].itertuples(index=False, name=None)
    return [
        measure(scores, key, names.get(key[:2]) or plain_name(*key[:2]), models)
        for key in dict.fromkeys([*first, *others])
    ]


def drawn_trend(panel: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is drawn of a panel's trend: points of the envelope, its peak, ends of both lines."""
    trend = panel["trend"]
    if trend is None:
        return None
    front, peak = trend["envelope"], trend["changepoint"]
    last = max(point["x"] for point in panel["points"])
    spans = {"rising": (front[0]["x"], peak["x"]), "falling": (peak["x"], last)}
    return {
        "envelope": [[point["x"], point["y"]] for point in front],
        "peak": [peak["x"], peak["y"]],
        "lines": [
            [[x, trend[name]["slope"] * x + trend[name]["intercept"]] for x in ends]
            for name, ends in spans.items()
            if trend[name]
        ],
    }


def panels(scores: pd.DataFrame, trend: dict[str, Any], parameters: Mapping[str, int]) -> dict[str, Any]:
    """Return the data of the linked panels.

    Parameters
    ----------
    parameters : mapping of str to int
        Model -> number of parameters, of the models where it is known.

    Returns
    -------
    dict
        models, family (one a model), baseline (index of the model that an arrow comes from, one a model),
        quiet (whether it is in no statistic, one a model), styles (family -> colour and marker), measures,
        parameters (millions, one a model), panels: y (index of its measure; x is measure 0), note, trend,
        reference (name and y of each such line).
    """
    from visalign.report import theme  # matplotlib is slow to import, and the page of one model needs none

    family = families(scores, trend)
    models = list(family)
    baseline = {
        entry["model"]: models.index(entry["baseline"])
        for panel in trend["panels"]
        for entry in shown(panel)
        if entry.get("baseline") in family
    }
    quiet = {
        entry["model"]
        for panel in trend["panels"]
        for entry in shown(panel)
        if entry.get("role", "model") not in trend["roles"]
    }
    found = measures(scores, trend, models)
    place = {(m["benchmark"], m["metric"], m["convention"]): i for i, m in enumerate(found)}
    return {
        "models": models,
        "family": list(family.values()),
        "baseline": [baseline.get(model) for model in models],
        "quiet": [model in quiet for model in models],
        "styles": theme.family_styles(family.values()),
        "measures": found,
        "parameters": [rounded(parameters[m] / 1e6) if m in parameters else None for m in models],
        "panels": [
            {
                "y": place[panel["benchmark"], panel["metric"], panel["convention"]],
                "note": verdict.of_panel(panel)[1],
                "trend": drawn_trend(panel),
                "reference": [[line["model"], rounded(line["y"])] for line in panel["reference_lines"]],
            }
            for panel in trend["panels"]
        ],
    }


# --- failures and provenance --------------------------------------------------------------------------


def failures(scores: pd.DataFrame, trend: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the score table says of scores that are not plainly ok, and why models are in no panel.

    Returns
    -------
    list of dict
        benchmark, metrics, reason, simulated, models: a row for all models of which the same is said.
    """
    failed = scores[scores["status"] != "ok"]
    columns = ["model", "benchmark", "simulated", "status", "metric"]
    entries = list(failed[columns].drop_duplicates().itertuples(index=False, name=None))
    known = set(zip(failed["model"], failed["status"], strict=True))
    for panel in trend["panels"]:
        where = panel["benchmark"] or panel["title"]
        entries += [
            (entry["model"], where, panel["simulated"], entry["reason"], panel["metric"])
            for entry in panel["excluded"]
            if not any(model == entry["model"] and status in entry["reason"] for model, status in known)
        ]
    rows = [
        (model, (where, is_true(simulated), reason), metric)
        for model, where, simulated, reason, metric in entries
    ]
    return together(rows, ("benchmark", "simulated", "reason"))


def left_out(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the scores that leave units out (images, neuroids).

    Returns
    -------
    list of dict
        benchmark, metrics, n, n_excluded, simulated, models: a row for all models of which the same is said.
    """
    some = scores[(scores["n_excluded"].fillna(0) > 0) & scores["value"].notna()]
    fields = ("benchmark", "n", "n_excluded", "simulated")
    rows = [
        (
            row["model"],
            (row["benchmark"], row["n"], row["n_excluded"], is_true(row["simulated"])),
            row["metric"],
        )
        for row in some.to_dict("records")
    ]
    return together(rows, fields)


def together(
    rows: Iterable[tuple[str, tuple[Any, ...], str]], fields: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Join the metrics of which the same is said of a model, then the models of which the same is said.

    Parameters
    ----------
    rows : iterable of (model, what is said, metric)
    fields : tuple of str
        Names of what is said.

    Returns
    -------
    list of dict
        fields; metrics: text; models: list of str.
    """
    metrics: dict[tuple[Any, ...], dict[str, None]] = {}
    for model, said, metric in rows:
        metrics.setdefault((model, *said), {})[metric] = None
    models: dict[tuple[Any, ...], list[str]] = {}
    for (model, *same), names in metrics.items():
        models.setdefault((*same, ", ".join(names)), []).append(model)
    keys = (*fields, "metrics")
    return [dict(zip(keys, said, strict=True)) | {"models": names} for said, names in models.items()]


def is_true(value: Any) -> bool:
    """Return whether a cell says true: whole columns of truths are read as such, mixed ones as text."""
    return str(value).lower() == "true"


def is_simulated(scores: pd.DataFrame) -> pd.Series:
    """Return which score rows rest on simulated data."""
    return scores["simulated"].map(is_true).astype(bool)


def simulated_measures(scores: pd.DataFrame, trend: dict[str, Any]) -> dict[str, bool]:
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


def timings(directory: Path | None) -> list[dict[str, Any]]:
    """Return jobs, seconds and peak memory of each rule from Snakemake's benchmark files.

    A file belongs to the rule named by its first folder, or by its own name.
    """
    if directory is None:
        return []
    rules: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(directory.rglob("*.tsv")):
        rule = path.relative_to(directory).parts[0].removesuffix(".tsv")
        table = pd.read_csv(path, sep="\t", na_values="-")
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
