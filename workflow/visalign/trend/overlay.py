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
#: Convention of a column of scores in per cent, and of the scores that are made of it.
PERCENT, PROPORTION = "percent", "proportion"


class Settings(TypedDict):
    """``trend.overlay`` of the config."""

    table: str  # CSV or TSV
    model: NotRequired[str]  # column
    x: str  # column
    metric: str  # which accuracy x is
    y: Mapping[str, str]  # panel, of a measure or of one of its benchmarks, -> column
    conventions: Mapping[str, str]  # panel -> that of the column


def read_overlay(settings: Settings, known: tuple[str, ...]) -> dict[str, Overlay]:
    """Read the published points of each measure or benchmark.

    Parameters
    ----------
    settings : dict
        ``trend.overlay`` of the config.
    known : tuple of str
        The measures and benchmarks that have panels.

    Returns
    -------
    dict of str to dict
        Measure or benchmark -> its points.

    Raises
    ------
    InputError
        A key, measure or column that there is not; an x that is neither proportions nor per cent.
    """
    for key in ("table", "x", "metric", "y", "conventions"):
        if key not in settings:
            raise InputError(f"trend.overlay: {key} is missing")
    for panel, column in settings["y"].items():
        if panel not in known:
            raise InputError(f"trend.overlay.y: {panel!r} is unknown (known: {', '.join(known)})")
        if panel not in settings["conventions"]:
            raise InputError(
                f"trend.overlay.conventions: {panel} is missing: give the convention of column {column!r}, "
                "such as floor_corrected or 'as published'; one that is not the panel's has its own axis"
            )
    return {panel: points(settings, panel) for panel in settings["y"]}


def points(settings: Settings, panel: str) -> Overlay:
    """Return the points of one measure or benchmark, as ``read_overlay`` describes them."""
    table, column = settings["table"], settings["y"][panel]
    pairs = read_pairs(table, settings["x"], column, label=settings.get("model", "model"))
    used = (pairs.x >= LEAST) & (pairs.x <= 100)
    percent = bool(used.any() and (pairs.x[used] > 1).all())
    if not percent and (mixed := pairs.x[used & (pairs.x > 1)]).size:
        raise InputError(
            f"{table}: column {settings['x']!r}: {mixed[0]:g} is no proportion (0 to 1), and "
            f"{pairs.x[used].min():g} no per cent: give all in one unit"
        )
    x = pairs.x / 100 if percent else pairs.x
    y, convention = pairs.y, settings["conventions"][panel]
    if convention == PERCENT:
        if y.size and not 1 < y.max() <= 100:
            raise InputError(f"{table}: column {column!r}: the highest is {y.max():g}, which is no per cent")
        y, convention = y / 100, PROPORTION
    found: list[Position] = [
        {"model": pairs.names[i], "x": float(x[i]), "y": float(y[i])} for i in np.flatnonzero(used)
    ]
    return {
        "table": Path(table).name,
        "x": settings["x"],
        "y": column,
        "metric": settings["metric"],
        "convention": convention,
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
