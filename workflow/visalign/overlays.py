"""Published models, drawn behind a study's own: points to look at, never part of a statistic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visalign.errors import InputError
from visalign.joined import read_pairs


def read_overlay(settings: Mapping[str, Any], measures: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Read the published points of each measure.

    Parameters
    ----------
    settings : mapping
        ``trend.overlay`` of the config: table (CSV or TSV), model, x (columns), y (measure -> column).
    measures : tuple of str
        The measures there are.

    Returns
    -------
    dict of str to dict
        Measure -> table (file name), x, y (columns), n, n_missing (rows without both values), points
        (model, x, y).

    Raises
    ------
    InputError
        A key, measure or column that there is not; an x that is no proportion, as the axis is.
    """
    for key in ("table", "x", "y"):
        if key not in settings:
            raise InputError(f"trend.overlay: {key} is missing")
    for measure in settings["y"]:
        if measure not in measures:
            raise InputError(f"trend.overlay.y: {measure!r} is unknown (known: {', '.join(measures)})")
    return {measure: points(settings, column) for measure, column in settings["y"].items()}


def points(settings: Mapping[str, Any], column: str) -> dict[str, Any]:
    """Return the points of one measure, as ``read_overlay`` describes them."""
    table, x = settings["table"], settings["x"]
    pairs = read_pairs(table, x, column, label=settings.get("model", "model"))
    for value in pairs.x[(pairs.x < 0) | (pairs.x > 1)]:
        raise InputError(f"{table}: column {x!r}: {value:g} is not a proportion (0 to 1)")
    rows = zip(pairs.names, pairs.x.tolist(), pairs.y.tolist(), strict=True)
    return {
        "table": Path(table).name,
        "x": x,
        "y": column,
        "n": len(pairs.x),
        "n_missing": pairs.n_missing,
        "points": [{"model": model, "x": x, "y": y} for model, x, y in rows],
    }
