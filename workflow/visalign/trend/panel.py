"""Panels of accuracy against alignment: of each headline on each benchmark its models and their trend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from visalign.measures import ACCURACIES, HEADLINES
from visalign.measures.measure import Headline, Void
from visalign.trend import multiplicity, score_rows, segmented, text, verdict
from visalign.trend.association import describe, too_few
from visalign.trend.correlation import family_codes
from visalign.trend.overlay import on_axes
from visalign.trend.roles import role_of
from visalign.trend.score_rows import missing


def number(value: Any) -> float | None:
    """Return a float, or None for what JSON cannot hold."""
    return float(value) if value is not None and np.isfinite(value) else None


def is_true(values: Iterable[Any]) -> bool:
    """Return whether any value of a CSV's True/False column is true."""
    return any(str(value).lower() == "true" for value in values)


def coordinates(**rows: dict[str, Any]) -> dict[str, float | None]:
    """Return the values and intervals of score rows, by the axis of each, as a point."""
    return {
        f"{axis}{bound}": number(row[column])
        for axis, row in rows.items()
        for bound, column in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high"))
    }


def gather(
    sheet: pd.DataFrame,
    x_rows: Mapping[str, dict],
    y_rows: Mapping[str, dict],
    names: tuple[str, str],
    roles: Sequence[str],
    void: Void | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Return what a panel shows, each in the order of the model sheet.

    Returns
    -------
    dict
        ``points``: the models of the statistics. ``shown_only``: points of models of other roles.
        ``reference_lines``: controls that have a score and cannot have an accuracy. ``excluded``: the others,
        with their reasons.
    """
    found: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("points", "shown_only", "reference_lines", "excluded")
    }
    for row in ({str(name): cell for name, cell in row.items()} for row in sheet.to_dict("records")):
        model, role = row["model"], role_of(row)
        entry = {"model": model, "family": row["family"], "role": role}
        entry |= {"baseline": row["baseline"]} if row.get("baseline") else {}
        x, y = x_rows.get(model), y_rows.get(model)
        reasons = (missing(x), missing(y, void))
        if x is not None and y is not None and not any(reasons):
            found["points" if role in roles else "shown_only"].append(entry | coordinates(x=x, y=y))
        elif role == "control" and y is not None and not reasons[1]:
            found["reference_lines"].append(entry | coordinates(y=y))
        elif reasons[0] == reasons[1]:
            found["excluded"].append(entry | {"reason": reasons[0]})
        else:
            named = [f"{name}: {why}" for name, why in zip(names, reasons, strict=True) if why]
            found["excluded"].append(entry | {"reason": "; ".join(named)})
    unlisted = [model for model in y_rows if model not in set(sheet["model"])]
    found["excluded"] += [{"model": m, "family": "", "reason": "not in the model sheet"} for m in unlisted]
    return found


def source(benchmark: str, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return where the values of an axis come from: benchmark, simulated, stage versions and seeds."""
    table = pd.DataFrame(list(rows), columns=["simulated", "version", "seed"])
    numbers = {field: sorted({int(n) for n in table[field].dropna()}) for field in ("version", "seed")}
    return {
        "benchmark": benchmark,
        "simulated": is_true(table["simulated"]),
        "versions": numbers["version"],
        "seeds": numbers["seed"],
    }


@dataclass(frozen=True)
class Settings:
    """What every panel of a study is made with."""

    accuracy: tuple[str, str]  # benchmark and metric of the x axis
    roles: Sequence[str]  # of the models that the statistics are of
    seed: int
    draws: int


def described(points: list[dict[str, Any]], rows: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Return the trend of points, with the covariates of their rows of the model sheet, and its curve."""
    x, y = (np.array([point[axis] for point in points]) for axis in "xy")
    names, families = ([point[field] for point in points] for field in ("model", "family"))
    drawn: dict[str, Any] = {"seed": settings.seed, "draws": settings.draws}
    columns = ("parameters", "training_data", "sides")
    given: dict[str, Any] = {name: rows[name].to_numpy() for name in columns if name in rows}
    trend = describe(x, y, names, families, **given, **drawn)
    return trend | {"fitted_curve": segmented.fitted_curve(x, y, family_codes(families), **drawn)}


def panel(
    scores: pd.DataFrame,
    sheet: pd.DataFrame,
    headline: Headline,
    benchmark: str,
    overlay: dict[str, Any] | None,
    settings: Settings,
) -> dict[str, Any]:
    """Return one panel: its models, by what they are to it, and the trend where there are points enough.

    Parameters
    ----------
    sheet : DataFrame
        model, family, and what `covariates` makes of it.
    overlay : dict, optional
        Published points of the measure, to be shown.
    """
    headline = score_rows.scaled(scores, headline, benchmark)
    x_benchmark, x_metric = settings.accuracy
    x_rows = score_rows.select(scores, *settings.accuracy, "proportion")
    y_rows = score_rows.select(scores, benchmark, headline.metric, headline.convention)
    names = (f"{x_benchmark} {x_metric}", headline.metric)
    found = gather(sheet, x_rows, y_rows, names, settings.roles, headline.void)
    points = found["points"]
    rows = sheet.set_index("model").loc[[point["model"] for point in points]]
    reason = too_few(len(points))
    trend = None if reason else described(points, rows, settings)
    sources = [source(x_benchmark, x_rows.values()), source(benchmark, y_rows.values())]
    title = score_rows.title(headline, benchmark)
    return {
        "measure": headline.panel,
        "title": title,
        "subtitle": " ".join(benchmark.split("/")[1:]).replace("_", " "),
        "benchmark": benchmark,
        "metric": headline.metric,
        "convention": headline.convention,
        "simulated": any(axis["simulated"] for axis in sources),
        "sources": sources,
        "x_label": f"{ACCURACIES[x_metric]}, {x_benchmark.split('/', 1)[-1]}",
        "y_label": f"{title}: {headline.label}",
        "n": len(points),
        **found,
        "overlay": overlay and on_axes(overlay, x_metric, headline.convention),
        "trend": trend,
        "reason": reason,
        "sides": text.of_sides(rows["sides"].to_numpy(), trend) if "sides" in rows else "",
    }


def panels(
    scores: pd.DataFrame,
    sheet: pd.DataFrame,
    overlays: Mapping[str, dict[str, Any]],
    settings: Settings,
    confirmatory: str | None = None,
) -> list[dict[str, Any]]:
    """Return the panels of all headline measures: each has at least one, with or without values."""
    found = [
        panel(scores, sheet, headline, benchmark, overlays.get(headline.panel), settings)
        for headline in HEADLINES
        for benchmark in score_rows.benchmarks(scores, headline)
    ]
    multiplicity.adjust(found, confirmatory)
    for trend in (panel["trend"] for panel in found if panel["trend"]):
        trend["verdict"] = verdict.of_trend(trend)  # of adjusted p, which take all panels
    return found
