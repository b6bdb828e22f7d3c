"""Data of the linked panels of the report: every score that can be an axis, and what is drawn of trends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from visalign.report.study_page import PER_LAYER, families, headlines, is_true, plain_name, rows_of, shown
from visalign.trend import verdict


def rounded(value: float | None) -> float | None:
    """Return a number to five significant digits, more than a screen can show; rounding errors of 0 are 0."""
    return None if value is None else float(f"{round(value, 12):.5g}")


def measure(scores: pd.DataFrame, key: tuple[str, str, str], name: str, models: list[str]) -> dict[str, Any]:
    """Return one measure as a possible axis: its name, and its numbers in the order of `models`.

    Returns
    -------
    dict
        name, benchmark, metric, convention; simulated, accuracy: whether it is; value, low, high: a number or
        None per model.
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
        models, family (one per model), baseline (index of the model that an arrow comes from, one per model),
        quiet (whether it is in no statistic, one per model), styles (family -> colour and marker), measures,
        parameters (millions, one per model), panels: y (index of its measure; x is measure 0), note, trend,
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
