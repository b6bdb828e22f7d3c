"""Data of the linked panels of the report: every score that can be an axis, and what is drawn of trends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import pandas as pd

from visalign.io.scores import is_true
from visalign.report import study_page
from visalign.report.study_page import PER_LAYER, families, headlines, plain_name, rows_of, shown
from visalign.trend import verdict
from visalign.trend.answer import Equation, Panel, StudyTrend
from visalign.trend.references import named


class Axis(TypedDict):
    """A measure as a possible axis: its name, and its numbers, one per model."""

    benchmark: str
    metric: str
    convention: str
    name: str
    simulated: bool
    accuracy: bool  # whether it is one
    value: list[float | None]
    low: list[float | None]
    high: list[float | None]


class DrawnTrend(TypedDict):
    """What is drawn of a panel's trend, each point as [x, y]."""

    envelope: list[list[float]]
    peak: list[float]
    lines: list[list[list[float]]]  # both ends of the published lines


class LinkedPanel(TypedDict):
    """One panel."""

    y: int  # index of its measure
    note: str
    trend: DrawnTrend | None
    reference: list[tuple[str, float | None]]  # name and y of each such line
    bands: list[tuple[float | None, float | None]]  # ends of the bands of floors
    figure: str  # under which of the page's sections it stands


class LinkedPanels(TypedDict):
    """The data of the linked panels; lists over models have the order of `models`."""

    models: list[str]
    family: list[str]
    baseline: list[int | None]  # index of the model that an arrow comes from
    quiet: list[bool]  # whether it is in no statistic
    styles: dict[str, dict[str, str]]  # family -> colour and marker
    x: int | None  # index of the measure that is the x axis; None: scores are shown by model
    measures: list[Axis]
    parameters: list[float | None]  # in millions
    panels: list[LinkedPanel]


def rounded(value: float | None) -> float | None:
    """Return a number to five significant digits, more than a screen can show; rounding errors of 0 are 0."""
    return None if value is None else float(f"{round(value, 12):.5g}")


def measure(
    scores: pd.DataFrame, key: tuple[str, str, str], name: str, models: list[str], *, is_x: bool
) -> Axis:
    """Return one measure as a possible axis, its numbers in the order of `models`."""
    benchmark, metric, convention = key
    rows = rows_of(scores, benchmark, metric, convention)
    own = [rows.get(model) for model in models]
    return {
        "benchmark": benchmark,
        "metric": metric,
        "convention": convention,
        "name": name,
        "simulated": any(is_true(row["simulated"]) for row in rows.values()),
        "accuracy": is_x or benchmark.startswith("accuracy/"),
        "value": [rounded(row["value"]) if row else None for row in own],
        "low": [rounded(row["ci_low"]) if row else None for row in own],
        "high": [rounded(row["ci_high"]) if row else None for row in own],
    }


def measures(scores: pd.DataFrame, trend: StudyTrend, models: list[str]) -> list[Axis]:
    """Return every measure that a panel can show: the headlines, then all others with a value."""
    names = {(c["benchmark"], c["metric"]): c["name"] for c in headlines(trend)}
    first = [(c["benchmark"], c["metric"], c["convention"]) for c in headlines(trend)]
    valued = scores[scores["value"].notna() & ~scores["metric"].str.endswith(PER_LAYER)]
    others = valued[["benchmark", "metric", "convention"]].itertuples(index=False, name=None)
    has_x = trend["accuracy"] is not None
    return [
        measure(
            scores, key, names.get(key[:2]) or plain_name(*key[:2]), models, is_x=has_x and key == first[0]
        )
        for key in dict.fromkeys([*first, *others])
    ]


def drawn_trend(panel: Panel) -> DrawnTrend | None:
    """Return what is drawn of a panel's trend: points of the envelope, its peak, ends of both lines."""
    trend = panel["trend"]
    if trend is None:
        return None
    front, peak = trend["envelope"], trend["changepoint"]
    last = max(point["x"] for point in panel["points"])
    spans: list[tuple[Equation | None, tuple[float, float]]] = [
        (trend["rising"], (front[0]["x"], peak["x"])),
        (trend["falling"], (peak["x"], last)),
    ]
    return {
        "envelope": [[point["x"], point["y"]] for point in front],
        "peak": [peak["x"], peak["y"]],
        "lines": [[[x, line["slope"] * x + line["intercept"]] for x in ends] for line, ends in spans if line],
    }


def panels(scores: pd.DataFrame, trend: StudyTrend, parameters: Mapping[str, int]) -> LinkedPanels:
    """Return the data of the linked panels.

    Parameters
    ----------
    parameters : mapping of str to int
        Model -> number of parameters, of the models where it is known.
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
        "x": 0 if trend["accuracy"] else None,
        "measures": found,
        "parameters": [rounded(parameters[m] / 1e6) if m in parameters else None for m in models],
        "panels": [
            {
                "y": place[panel["benchmark"], panel["metric"], panel["convention"]],
                "note": verdict.of_panel(panel, study_page.word_of(trend))[1],
                "trend": drawn_trend(panel),
                "reference": [
                    *((line["model"], rounded(line["y"])) for line in panel["reference_lines"]),
                    *((named(level), rounded(level["y"])) for level in panel["levels"]),
                ],
                "bands": [
                    (rounded(level["low"]), rounded(level["high"]))
                    for level in panel["levels"]
                    if level["low"] is not None
                ],
                "figure": panel["figure"],
            }
            for panel in trend["panels"]
        ],
    }
