"""Write the report: one self-contained HTML page of figure, trends, scores, failures and provenance."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd
from markupsafe import Markup

from visalign import tables, vector, verdict
from visalign.errors import InputError

VERSION = 1

EXAMPLES = """\
  python -m visalign report --scores results/scores.csv --trend results/trend.json \\
      --figure results/figures/accuracy_vs_alignment.svg --cards results/maps/clickme.json \\
      --benchmarks-dir results/benchmarks --output results/report.html
"""

#: The convention on whose scale floor and ceiling are shown beside a headline value.
RAW = {"r2/c": "r", "floor_corrected": "rho"}

TEMPLATES = Path(__file__).parents[1] / "report"

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
    "adjustText",
)


def blank(value: Any) -> Any:
    """Return None for NaN, else the value."""
    return None if value != value else value


def measure_name(panel: dict[str, Any]) -> str:
    """Return the name of a panel, with its region and window where it has them."""
    return panel["title"] + (f", {panel['subtitle']}" if panel["subtitle"] else "")


def headlines(trend: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the columns of the model table: accuracy, then a column a panel."""
    accuracy = trend["accuracy"]
    name = f"{accuracy['metric'].replace('top', 'top-')} accuracy, {accuracy['benchmark'].split('/', 1)[-1]}"
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


def rows_of(scores: pd.DataFrame, column: dict[str, Any], convention: str) -> dict[str, dict[str, Any]]:
    """Return model -> score row of a headline measure in a convention; NaN becomes None."""
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


def model_table(scores: pd.DataFrame, trend: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row a model: its family and a cell a headline measure."""
    families: dict[str, str] = {}
    for panel in trend["panels"]:
        families |= {entry["model"]: entry["family"] for entry in panel["points"] + panel["excluded"]}
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
            "family": families.get(model, ""),
            "cells": [
                cell(rows.get(model), raw.get(model), reasons.get(model, ""))
                for rows, raw, reasons in columns
            ],
        }
        for model in dict.fromkeys([*families, *scores["model"]])
    ]


def layer_curves(scores: pd.DataFrame, trend: dict[str, Any]) -> list[dict[str, Any]]:
    """Return, for each panel with layer scores, a small curve a model on one common scale."""
    groups = []
    for panel in trend["panels"]:
        here = scores[(scores["benchmark"] == panel["benchmark"]) & scores["value"].notna()]
        layers = here[here["metric"] == f"{panel['metric']}_layer"]
        if layers.empty:
            continue
        best = here[(here["metric"] == panel["metric"]) & (here["convention"] == panel["convention"])]
        chosen = dict(zip(best["model"], best["layer"], strict=True))
        low, high = min(0.0, float(layers["value"].min())), max(1.0, float(layers["value"].max()))
        curves = []
        for model, rows in layers.groupby("model", sort=False):
            values = [float(value) for value in rows["value"]]
            points = vector.curve(values, low, high)
            for point, layer, value in zip(points, rows["layer"], values, strict=True):
                point |= {"layer": layer, "value": value, "chosen": layer == chosen.get(str(model))}
            curves.append({"model": model, "points": points, "chosen": chosen.get(str(model), "")})
        convention = layers["convention"].iloc[0]
        groups.append(
            {
                "name": measure_name(panel),
                "convention": convention,
                "low": low,
                "high": high,
                "curves": curves,
            }
        )
    return groups


def failures(scores: pd.DataFrame, trend: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every model and benchmark without a value, with the reason, one row a distinct reason."""
    failed = scores[scores["status"] != "ok"]
    entries = [
        {"model": row.model, "where": row.benchmark, "metric": row.metric, "reason": row.status}
        for row in failed[["model", "benchmark", "metric", "status"]].drop_duplicates().itertuples()
    ]
    known = set(zip(failed["model"], failed["status"], strict=True))
    for panel in trend["panels"]:
        entries += [
            {
                "model": entry["model"],
                "where": panel["benchmark"] or panel["title"],
                "metric": panel["metric"],
                "reason": entry["reason"],
            }
            for entry in panel["excluded"]
            if not any(model == entry["model"] and status in entry["reason"] for model, status in known)
        ]
    return entries


def left_out(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the scores that leave units out (images, neuroids), with how many."""
    some = scores[(scores["n_excluded"].fillna(0) > 0) & scores["value"].notna()]
    columns = ["model", "benchmark", "metric", "n", "n_excluded"]
    return [{str(k): v for k, v in row.items()} for row in some[columns].drop_duplicates().to_dict("records")]


def is_simulated(scores: pd.DataFrame) -> pd.Series:
    """Return which score rows rest on simulated data."""
    return scores["simulated"].astype(str).str.lower() == "true"


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


def render(context: dict[str, Any]) -> str:
    """Fill the template; every string in `context` is escaped unless it is Markup."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["decimal"] = verdict.decimal
    return environment.get_template("report.html.j2").render(context)


def report(
    scores: pd.DataFrame,
    trend: dict[str, Any],
    figure: str,
    cards: Sequence[tuple[str, Any]],
    timing: list[dict[str, Any]],
    scores_link: str,
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    scores : DataFrame
        The score table.
    trend : dict
        The panels, as the trend stage writes them.
    figure : str
        An ``<svg>`` element that is safe to embed.
    cards : sequence of (name, content)
        Data cards: provenance of the data sets.
    timing : list of dict
        rule, jobs, seconds, longest, memory.
    scores_link : str
        Address of the score table, relative to the page.
    """
    return render(
        {
            "simulation": verdict.of_simulation(simulated_measures(scores, trend)),
            "any_simulated": bool(is_simulated(scores).any()),
            "figure": Markup(figure),  # made safe by vector.embeddable
            "verdicts": [
                panel | {"name": measure_name(panel), "sentences": verdict.of_panel(panel)}
                for panel in trend["panels"]
            ],
            "columns": headlines(trend),
            "models": model_table(scores, trend),
            "layer_curves": layer_curves(scores, trend),
            "failures": failures(scores, trend),
            "left_out": left_out(scores),
            "cards": cards,
            "versions": versions(scores),
            "timings": timing,
            "trend": trend,
            "scores_link": scores_link,
            "n_scores": len(scores),
        }
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, metavar="CSV", help="score table")
    parser.add_argument("--trend", required=True, metavar="JSON", help="panels, as trend writes them")
    parser.add_argument("--figure", required=True, metavar="SVG", help="figure to embed")
    parser.add_argument("--cards", nargs="*", default=[], metavar="JSON", help="data cards of the data sets")
    parser.add_argument("--benchmarks-dir", type=Path, metavar="DIR", help="Snakemake's benchmark files")
    parser.add_argument("--output", required=True, type=Path, metavar="HTML", help="page to write")


def run(args: argparse.Namespace) -> None:
    """Read scores, panels, figure and cards; write the page."""
    scores = tables.read_scores(args.scores)
    trend = tables.read_json(args.trend)
    for field in ("panels", "accuracy"):
        if field not in trend:
            raise InputError(f"{args.trend}: no field {field!r}")
    page = report(
        scores,
        trend,
        vector.embeddable(args.figure),
        [(Path(path).with_suffix("").name, tables.read_json(path)) for path in args.cards],
        timings(args.benchmarks_dir),
        quote(os.path.relpath(args.scores, args.output.parent)),
    )
    tables.write_atomic(args.output, page)
