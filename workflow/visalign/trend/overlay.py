"""Published models, drawn behind a study's own: points to look at, never part of a statistic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from visalign.errors import InputError
from visalign.trend.columns import read_pairs

#: An accuracy below this is no published model's: the outputs were read in another order, or not at all.
LEAST = 0.01


def read_overlay(settings: Mapping[str, Any], measures: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Read the published points of each measure.

    Parameters
    ----------
    settings : mapping
        ``trend.overlay`` of the config: table (CSV or TSV), model, x (columns), metric (which accuracy x is),
        y (measure -> column), conventions (measure -> that of the column).
    measures : tuple of str
        The measures there are.

    Returns
    -------
    dict of str to dict
        Measure -> table (file name), x, y (columns), metric, convention, percent (whether x was), n,
        n_missing (rows without both values), left_out (models whose accuracy is none), points (model, x, y).

    Raises
    ------
    InputError
        A key, measure or column that there is not; an x that is neither proportions nor per cent.
    """
    for key in ("table", "x", "metric", "y", "conventions"):
        if key not in settings:
            raise InputError(f"trend.overlay: {key} is missing")
    for measure, column in settings["y"].items():
        if measure not in measures:
            raise InputError(f"trend.overlay.y: {measure!r} is unknown (known: {', '.join(measures)})")
        if measure not in settings["conventions"]:
            raise InputError(
                f"trend.overlay.conventions: {measure} is missing: give the convention of column {column!r}, "
                "such as floor_corrected or 'as published'; one that is not the panel's has its own axis"
            )
    return {measure: points(settings, measure) for measure in settings["y"]}


def points(settings: Mapping[str, Any], measure: str) -> dict[str, Any]:
    """Return the points of one measure, as ``read_overlay`` describes them."""
    table, column = settings["table"], settings["y"][measure]
    pairs = read_pairs(table, settings["x"], column, label=settings.get("model", "model"))
    used = (pairs.x >= LEAST) & (pairs.x <= 100)
    percent = bool(used.any() and (pairs.x[used] > 1).all())
    if not percent and (mixed := pairs.x[used & (pairs.x > 1)]).size:
        raise InputError(
            f"{table}: column {settings['x']!r}: {mixed[0]:g} is no proportion (0 to 1), and "
            f"{pairs.x[used].min():g} no per cent: give all in one unit"
        )
    x = pairs.x / 100 if percent else pairs.x
    found = [
        {"model": pairs.names[i], "x": float(x[i]), "y": float(pairs.y[i])} for i in np.flatnonzero(used)
    ]
    return {
        "table": Path(table).name,
        "x": settings["x"],
        "y": column,
        "metric": settings["metric"],
        "convention": settings["conventions"][measure],
        "percent": percent,
        "n": len(found),
        "n_missing": pairs.n_missing,
        "left_out": [pairs.names[i] for i in np.flatnonzero(~used)],
        "points": found,
    }


def on_axes(overlay: Mapping[str, Any], metric: str, convention: str) -> dict[str, Any]:
    """Return an overlay with whether it has axes of its own: what it shows is not what the panel shows."""
    own = {"own_x": overlay["metric"] != metric, "own_y": overlay["convention"] != convention}
    return {**overlay, **own}
