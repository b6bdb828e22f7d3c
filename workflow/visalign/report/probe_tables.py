"""What the page of all models says of probes: a line a task, beside what its scores are read against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from visalign.measures.measure import MAIN_FIGURE, PEOPLE
from visalign.measures.wording import decimal
from visalign.report.pictures import drawing
from visalign.report.study_page import measure_name
from visalign.trend.answer import Level, Panel
from visalign.trend.verdict import interval_of

#: Figure of the panels that stand in this section.
FIGURE = "probes"


class Line(TypedDict):
    """A task in the table of probes."""

    name: str
    simulated: bool
    cells: list[tuple[str, str]]  # title of the column, text


class Section(TypedDict):
    """The section of probes; without panels there is none."""

    panels: list[Line]
    columns: list[str]
    people: bool
    simulated: bool  # whether people are
    figure: str  # data address of the figure, '' of none
    apart: bool  # whether these panels stand apart from others


def said(level: Level | None) -> str:
    """Return a level as text, with its band where it has one; '–' of none."""
    if level is None:
        return "–"
    band = "" if level["low"] is None else f" ({decimal(level['low'])} to {decimal(level['high'])})"
    return decimal(level["y"]) + band + (" (simulated)" if level["simulated"] else "")


def beyond(panel: Panel) -> str:
    """Return how many of the models with a score are above the band of permuted labels."""
    scored = [*panel["points"], *panel["by_model"]]
    tops = [level["high"] for level in panel["levels"] if level["high"] is not None]
    return (
        f"{sum(one['y'] > max(tops) for one in scored)} of {len(scored)}" if tops else f"– of {len(scored)}"
    )


def correlated(panel: Panel) -> str:
    """Return the correlation of a panel with its interval, or why there is none."""
    if panel["trend"] is None:
        return panel["reason"]
    rho = panel["trend"]["spearman"]["overall"]
    judged = interval_of(rho)
    text = decimal(rho["value"], sign=True)
    if judged and judged.low is not None:
        text += f" [{decimal(judged.low, sign=True)}, {decimal(judged.high, sign=True)}{judged.over}]"
    return text


def reliable(panel: Panel) -> str:
    """Return the reliability of the spread between models, and the largest correlation that it allows."""
    found = panel["reliability"]
    if panel["trend"] is None or found is None or found["value"] is None:
        return "–"
    return f"{decimal(found['value'])} ({decimal(found['attainable'])})"


def line(panel: Panel, name: str, names: Sequence[str]) -> Line:
    """Return a task as a line of the table, under its name; `names` are the levels that have columns."""
    levels = {level["name"]: level for level in panel["levels"]}
    scored = [one["y"] for one in (*panel["points"], *panel["shown_only"], *panel["by_model"])]
    cells = [
        ("score", panel["y_label"].partition(": ")[2]),
        ("models", f"{decimal(min(scored))} to {decimal(max(scored))}" if scored else "–"),
        ("above permuted labels", beyond(panel)),
        *((name, said(levels.get(name))) for name in names),
        ("ρ with x", correlated(panel)),
        ("reliability of the spread (largest |ρ|)", reliable(panel)),
    ]
    return {"name": name, "simulated": panel["simulated"], "cells": cells}


def section(panels: Sequence[Panel], figure: Path | None) -> Section:
    """Return the section of probes.

    Parameters
    ----------
    panels : sequence of dict
        All of the study.
    figure : Path, optional
        PNG of the figure of probes, shown where there is such a file.
    """
    own = [panel for panel in panels if panel["figure"] == FIGURE]
    names = list(dict.fromkeys(level["name"] for panel in own for level in panel["levels"]))
    titles = Counter(panel["title"] for panel in own)
    lines = [
        line(panel, panel["title"] if titles[panel["title"]] == 1 else measure_name(panel), names)
        for panel in own
    ]
    people = [level for panel in own for level in panel["levels"] if level["name"] == PEOPLE]
    return {
        "panels": lines,
        "columns": [title for title, _ in lines[0]["cells"]] if lines else [],
        "people": bool(people),
        "simulated": any(level["simulated"] for level in people),
        "figure": drawing(figure) if lines and figure and figure.exists() else "",
        "apart": any(panel["figure"] == MAIN_FIGURE for panel in panels),
    }
