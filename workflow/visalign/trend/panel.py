"""Panels of accuracy against alignment: of each headline on each benchmark its models and their trend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from visalign.io.scores import ScoreRow, is_true
from visalign.measures import ACCURACIES, HEADLINES
from visalign.measures.measure import Headline, Void
from visalign.trend import multiplicity, score_rows, segmented, text, verdict
from visalign.trend.answer import Model, Models, Overlay, Panel, Point, ReferenceLine, Source, Trend
from visalign.trend.association import describe, too_few
from visalign.trend.columns import Covariates
from visalign.trend.correlation import family_codes
from visalign.trend.overlay import on_axes
from visalign.trend.roles import role_of
from visalign.trend.score_rows import missing, number


class Bar(NamedTuple):
    """A value with its interval."""

    value: float
    low: float | None
    high: float | None


def bar_of(row: ScoreRow | None) -> Bar | None:
    """Return the value of a score row with its interval; None where it has none."""
    if row is None or (value := number(row["value"])) is None:
        return None
    return Bar(value, number(row["ci_low"]), number(row["ci_high"]))


def on_line(model: Model, y: Bar) -> ReferenceLine:
    """Return a model at its score."""
    return {**model, "y": y.value, "y_low": y.low, "y_high": y.high}


def at(model: Model, x: Bar, y: Bar) -> Point:
    """Return a model at its accuracy and score."""
    return {
        **model,
        "x": x.value,
        "x_low": x.low,
        "x_high": x.high,
        "y": y.value,
        "y_low": y.low,
        "y_high": y.high,
    }


def gather(
    sheet: pd.DataFrame,
    x_rows: Mapping[str, ScoreRow],
    y_rows: Mapping[str, ScoreRow],
    names: tuple[str, str],
    roles: Sequence[str],
    void: Void | None = None,
) -> Models:
    """Return the models of a panel by what they are to it, each in the order of the model sheet."""
    found: Models = {"points": [], "shown_only": [], "reference_lines": [], "excluded": []}
    for row in ({str(name): cell for name, cell in row.items()} for row in sheet.to_dict("records")):
        model, role = row["model"], role_of(row)
        entry: Model = {"model": model, "family": row["family"], "role": role}
        if row.get("baseline"):
            entry["baseline"] = row["baseline"]
        x, y = x_rows.get(model), y_rows.get(model)
        reasons = (missing(x), missing(y, void))
        x_bar, y_bar = bar_of(x), bar_of(y)
        if x_bar and y_bar and not any(reasons):
            of_role = found["points"] if role in roles else found["shown_only"]
            of_role.append(at(entry, x_bar, y_bar))
        elif role == "control" and y_bar and not reasons[1]:
            found["reference_lines"].append(on_line(entry, y_bar))
        elif reasons[0] == reasons[1]:
            found["excluded"].append({**entry, "reason": reasons[0]})
        else:
            named = [f"{name}: {why}" for name, why in zip(names, reasons, strict=True) if why]
            found["excluded"].append({**entry, "reason": "; ".join(named)})
    unlisted = [model for model in y_rows if model not in set(sheet["model"])]
    found["excluded"] += [{"model": m, "family": "", "reason": "not in the model sheet"} for m in unlisted]
    return found


def source(benchmark: str, rows: Iterable[ScoreRow]) -> Source:
    """Return where the values of an axis come from: benchmark, simulated, stage versions and seeds."""
    table = pd.DataFrame(list(rows), columns=["simulated", "version", "seed"])
    numbers = {field: sorted({int(n) for n in table[field].dropna()}) for field in ("version", "seed")}
    return {
        "benchmark": benchmark,
        "simulated": any(map(is_true, table["simulated"])),
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


def described(points: list[Point], rows: pd.DataFrame, settings: Settings) -> Trend:
    """Return the trend of points, with the covariates of their rows of the model sheet, and its curve."""
    x, y = np.array([point["x"] for point in points]), np.array([point["y"] for point in points])
    names, families = [point["model"] for point in points], [point["family"] for point in points]
    seed, draws = settings.seed, settings.draws
    given: Covariates = {}
    if "parameters" in rows:
        given["parameters"] = rows["parameters"].to_numpy()
    if "sides" in rows:
        given["sides"] = rows["sides"].to_numpy()
    if "training_data" in rows:
        given["training_data"] = list(rows["training_data"])
    trend = describe(x, y, names, families, **given, seed=seed, draws=draws)
    trend["fitted_curve"] = segmented.fitted_curve(x, y, family_codes(families), seed=seed, draws=draws)
    return trend


def panel(
    scores: pd.DataFrame,
    sheet: pd.DataFrame,
    headline: Headline,
    benchmark: str,
    overlay: Overlay | None,
    settings: Settings,
) -> Panel:
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
    overlays: Mapping[str, Overlay],
    settings: Settings,
    confirmatory: str | None = None,
) -> list[Panel]:
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
