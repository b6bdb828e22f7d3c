"""Published models, drawn behind a study's own: points to look at, never part of a statistic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from visalign.errors import InputError
from visalign.trend.answer import Overlay, Position
from visalign.trend.columns import read_pairs

#: An accuracy below this is no published model's: the outputs were read in another order, or not at all.
LEAST = 0.01


class Settings(TypedDict):
    """``trend.overlay`` of the config."""

    table: str  # CSV or TSV
    model: NotRequired[str]  # column
    x: str  # column
    metric: str  # which accuracy x is
    y: Mapping[str, str]  # measure -> column
    conventions: Mapping[str, str]  # measure -> that of the column


def read_overlay(settings: Settings, measures: tuple[str, ...]) -> dict[str, Overlay]:
    """Read the published points of each measure.

    Parameters
    ----------
    settings : dict
        ``trend.overlay`` of the config.
    measures : tuple of str
        The measures there are.

    Returns
    -------
    dict of str to dict
        Measure -> its points.

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


def points(settings: Settings, measure: str) -> Overlay:
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
    found: list[Position] = [
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


def on_axes(overlay: Overlay, metric: str, convention: str) -> Overlay:
    """Return an overlay with whether it has axes of its own: what it shows is not what the panel shows."""
    return {
        **overlay,
        "own_x": overlay["metric"] != metric,
        "own_y": overlay["convention"] != convention,
    }
