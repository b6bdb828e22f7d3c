"""Panels of accuracy against alignment: of each headline on each benchmark its models and their trend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from visalign.io.scores import ScoreRow, is_true
from visalign.measures.measure import Headline, Void
from visalign.trend import axis, multiplicity, references, score_rows, segmented, text, verdict
from visalign.trend.answer import Model, Models, Overlay, Panel, Point, ReferenceLine, Source, Trend
from visalign.trend.association import describe, too_few
from visalign.trend.axis import XAxis
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
    x_rows: Mapping[str, ScoreRow] | None,
    y_rows: Mapping[str, ScoreRow],
    names: tuple[str, str],
    roles: Sequence[str],
    void: Void | None = None,
) -> Models:
    """Return the models of a panel by what they are to it, each in the order of the model sheet.

    Where there is no x axis, `x_rows` is None, and models with a score are in the order of these.
    """
    found: Models = {
        "points": [],
        "shown_only": [],
        "reference_lines": [],
        "by_model": [],
        "excluded": [],
    }
    for row in ({str(name): cell for name, cell in row.items()} for row in sheet.to_dict("records")):
        model, role = row["model"], role_of(row)
        entry: Model = {"model": model, "family": row["family"], "role": role}
        if row.get("baseline"):
            entry["baseline"] = row["baseline"]
        y = y_rows.get(model)
        y_bar = bar_of(y)
        if x_rows is None:
            if (reason := missing(y, void)) or not y_bar:
                found["excluded"].append({**entry, "reason": reason})
            else:
                found["by_model"].append(on_line(entry, y_bar))
            continue
        x = x_rows.get(model)
        reasons = (missing(x), missing(y, void))
        x_bar = bar_of(x)
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
    found["by_model"].sort(key=lambda entry: -entry["y"])
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

    axis: XAxis | None  # x; None: scores by model
    roles: Sequence[str]  # of the models that the statistics are of
    seed: int
    draws: int
    titles: Mapping[str, str] = field(default_factory=dict)  # of benchmarks that have one of their own


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
        Published points of the measure or benchmark, to be shown.
    """
    headline = score_rows.scaled(scores, headline, benchmark)
    x, x_rows = settings.axis, None
    if x:
        x_rows = score_rows.select(scores, x.benchmark, x.metric, x.convention)
    y_rows = score_rows.select(scores, benchmark, headline.metric, headline.convention)
    names = (f"{x.benchmark} {x.metric}" if x else "", headline.metric)
    found = gather(sheet, x_rows, y_rows, names, settings.roles, headline.void)
    points = found["points"]
    rows = sheet.set_index("model").loc[[point["model"] for point in points]]
    reason = too_few(len(points)) if x else axis.NONE
    trend = None if reason else described(points, rows, settings)
    sources = [source(x.benchmark, x_rows.values())] if x and x_rows is not None else []
    sources.append(source(benchmark, y_rows.values()))
    title = score_rows.title(headline, benchmark, settings.titles)
    rho = trend["spearman"]["overall"]["value"] if trend else None
    alone = [one for one in found["by_model"] if one.get("role", "model") in settings.roles]
    scored = [*points, *alone]  # one of them is empty
    return {
        "measure": headline.panel,
        "figure": headline.figure,
        "title": title,
        "subtitle": " ".join(benchmark.split("/")[1:]).replace("_", " "),
        "benchmark": benchmark,
        "metric": headline.metric,
        "convention": headline.convention,
        "simulated": any(axis["simulated"] for axis in sources),
        "sources": sources,
        "x_label": x.label if x else "",
        "y_label": f"{title}: {headline.label}",
        "n": len(points),
        **found,
        "levels": references.levels(scores, headline, benchmark),
        "overlay": on_axes(overlay, x.metric, headline.convention) if overlay and x else None,
        "trend": trend,
        "reliability": references.reliability(scored, y_rows, rho) if headline.binomial else None,
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
    """Return the panels of all headlines that are in the score table, with or without values.

    What is the x axis has no panel of its own. Where nothing else is in the table, it is shown by model.
    """
    x = settings.axis
    found = [
        panel(
            scores,
            sheet,
            headline,
            benchmark,
            overlays.get(benchmark) or overlays.get(headline.panel),
            settings,
        )
        for headline, benchmark in score_rows.of_headlines(scores)
        if x is None or (benchmark, headline.metric) != (x.benchmark, x.metric)
    ]
    if not found and x:
        alone = Headline(
            panel=x.benchmark.split("/")[0],
            title=x.word[:1].upper() + x.word[1:],
            metric=x.metric,
            convention=x.convention,
            label=x.label,
            raw=x.convention,
        )
        found = [panel(scores, sheet, alone, x.benchmark, None, replace(settings, axis=None))]
        found[0]["reason"] = axis.ALONE
    multiplicity.adjust(found, confirmatory)
    word = x.word if x else ""
    for trend in (panel["trend"] for panel in found if panel["trend"]):
        trend["verdict"] = verdict.of_trend(trend, word)  # of adjusted p, which take all panels
    return found
