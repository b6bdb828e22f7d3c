"""Draw accuracy against alignment: one panel a measure, every model a point with its intervals."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections import Counter
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text
from tqdm import tqdm

from visalign import tables, theme
from visalign.errors import InputError
from visalign.verdict import decimal

VERSION = 1

EXAMPLES = """\
  python -m visalign figures --trend results/trend.json --output-dir results/figures
"""

#: Up to so many points all are named; beyond, only the envelope's and the extremes.
MAX_NAMED = 60
#: Label placement stops after so many iterations: bounded time, and unlike a clock the same on any machine.
LABEL_ITERATIONS = 300
COLUMNS = 2
CHANGEPOINT = "changepoint: the highest model"
PANEL_SIZE = (6.8, 5.6)  # inches


def asymmetric(points: list[dict[str, Any]], axis: str) -> np.ndarray:
    """Return error-bar lengths below and above each point.

    Parameters
    ----------
    points : list of dict
        With ``axis``, ``axis_low`` and ``axis_high``; a bound may be None.

    Returns
    -------
    ndarray, shape (2, n_points)
        0 where there is no bound. Never negative: a percentile interval may miss its own estimate.
    """
    lengths = [
        (
            0.0 if point[f"{axis}_low"] is None else max(0.0, point[axis] - point[f"{axis}_low"]),
            0.0 if point[f"{axis}_high"] is None else max(0.0, point[f"{axis}_high"] - point[axis]),
        )
        for point in points
    ]
    return np.array(lengths).reshape(-1, 2).T


def named_points(panel: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the points to name: all of few, the envelope's and the extremes of many."""
    points = panel["points"]
    if len(points) <= MAX_NAMED:
        return list(points)
    chosen = set()
    for axis in "xy":
        ascending = sorted(points, key=itemgetter(axis))
        chosen |= {ascending[0]["model"], ascending[-1]["model"]}
    if panel["trend"]:
        chosen |= {point["model"] for point in panel["trend"]["envelope"]}
    return [point for point in points if point["model"] in chosen]


def draw_points(axes: Axes, points: list[dict[str, Any]], styles: Mapping[str, Mapping[str, str]]) -> None:
    """Draw the models with their intervals, one colour and marker a family."""
    crowded = len(points) > MAX_NAMED
    for family, style in styles.items():
        members = [point for point in points if point["family"] == family]
        if not members:
            continue
        axes.errorbar(
            [point["x"] for point in members],
            [point["y"] for point in members],
            xerr=asymmetric(members, "x"),
            yerr=asymmetric(members, "y"),
            fmt=style["marker"],
            color=style["color"],
            markersize=4 if crowded else 6.5,
            markeredgecolor=theme.INK,
            markeredgewidth=0.3 if crowded else 0.6,
            elinewidth=0.5 if crowded else 0.9,
            ecolor=(style["color"], 0.2 if crowded else 0.35),
            zorder=3,
        )


def draw_trend(axes: Axes, panel: Mapping[str, Any]) -> None:
    """Draw envelope, changepoint and the published lines, inside the limits that the points set."""
    trend = panel["trend"]
    front, peak = trend["envelope"], trend["changepoint"]
    axes.set_autoscale_on(False)
    axes.plot([p["x"] for p in front], [p["y"] for p in front], color=theme.INK, lw=1.4, zorder=2)
    axes.axvline(peak["x"], color=theme.INK, lw=0.9, ls=":", zorder=1)
    axes.plot(peak["x"], peak["y"], "o", ms=13, mfc="none", mec=theme.INK, mew=1.2, zorder=4)
    last = max(point["x"] for point in panel["points"])
    for name, ends in (("rising", (front[0]["x"], peak["x"])), ("falling", (peak["x"], last))):
        line = trend[name]
        if line:
            heights = [line["slope"] * x + line["intercept"] for x in ends]
            axes.plot(ends, heights, color=theme.QUIET, lw=1.1, ls="--", zorder=1.5)


def limit_x(axes: Axes, points: list[dict[str, Any]]) -> None:
    """Give the x axis a margin, but none far beyond 0 and 1 where every x is a proportion."""
    axes.margins(0.1, 0.12)
    if all(0 <= point["x"] <= 1 for point in points):
        low, high = axes.get_xlim()
        pad = 0.04 * (min(high, 1) - max(low, 0))
        axes.set_xlim(max(low, -pad), min(high, 1 + pad))


def name_points(axes: Axes, panel: Mapping[str, Any]) -> list[Text]:
    """Write the names beside the points; ``place_names`` moves them apart once the layout is final."""
    names = []
    for point in named_points(panel):
        text = axes.text(point["x"], point["y"], point["model"], fontsize=6.5, zorder=2.6)
        # A pale box, not a halo: path effects would turn the SVG's text into outlines.
        text.set_bbox({"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 0.4})
        text.set_in_layout(False)
        names.append(text)
    return names


def place_names(axes: Axes, names: list[Text], panel: Mapping[str, Any]) -> None:
    """Move names off each other and off all points."""
    if not names:
        return
    adjust_text(
        names,
        x=[point["x"] for point in panel["points"]],
        y=[point["y"] for point in panel["points"]],
        ax=axes,
        iter_lim=LABEL_ITERATIONS,
        expand=(1.12, 1.9),
        force_text=(0.2, 0.5),
        force_static=(0.2, 0.5),
        max_move=(10, 10),
        min_arrow_len=3,
        arrowprops={"arrowstyle": "-", "color": theme.QUIET, "lw": 0.4, "zorder": 2.5},
    )


def footer(panel: Mapping[str, Any]) -> str:
    """Return the line under a panel: how many models it shows, and how many it cannot."""
    parts = [f"n = {panel['n']} models, {len(panel['excluded'])} excluded"]
    if panel["trend"] is None:
        parts.append(f"no trend drawn: {panel['reason']}")
    else:
        rho = panel["trend"]["spearman"]["overall"]
        value, low, high = (decimal(rho[field], sign=True) for field in ("value", "ci_low", "ci_high"))
        parts.append(f"Spearman's ρ = {value} [{low}, {high}]")
    return " · ".join(parts)


def draw_panel(axes: Axes, panel: Mapping[str, Any], styles: Mapping[str, Mapping[str, str]]) -> list[Text]:
    """Draw one panel; return its names, not yet placed."""
    title = panel["title"] + (f" ({panel['subtitle']})" if panel["subtitle"] else "")
    axes.set_title("\n".join(textwrap.wrap(title, 62)), pad=18)
    if panel["simulated"]:
        axes.annotate(
            "SIMULATED DATA",
            (0, 1),
            (0, 5),
            "axes fraction",
            "offset points",
            fontsize=8,
            fontweight="bold",
            color=theme.SIMULATED,
        )
    axes.set_xlabel(f"{panel['x_label']}\n{footer(panel)}")
    axes.set_ylabel(panel["y_label"])
    if not panel["points"]:
        axes.set(xticks=[], yticks=[])
        reasons = Counter(excluded["reason"] for excluded in panel["excluded"]).most_common(4)
        text = "\n".join(textwrap.fill(f"{count} × {reason}", 60) for reason, count in reasons)
        axes.text(
            0.5,
            0.5,
            f"no model has a value\n\n{text}",
            ha="center",
            va="center",
            fontsize=8,
            color=theme.QUIET,
            transform=axes.transAxes,
        )
        return []
    draw_points(axes, panel["points"], styles)
    limit_x(axes, panel["points"])
    if panel["trend"]:
        draw_trend(axes, panel)
    return name_points(axes, panel)


def add_legends(figure: Figure, styles: Mapping[str, Mapping[str, str]], with_trend: bool) -> None:
    """Put the parts of the trend over the panels, and the families under them."""
    families = [
        Line2D(
            [],
            [],
            ls="",
            marker=style["marker"],
            color=style["color"],
            ms=7,
            mec=theme.INK,
            mew=0.6,
            label=family,
        )
        for family, style in styles.items()
    ]
    ring = Line2D([], [], color=theme.INK, ls=":", marker="o", ms=11, mfc="none", label=CHANGEPOINT)
    trend = [
        Line2D([], [], color=theme.INK, lw=1.4, label="upper envelope"),
        ring,
        Line2D([], [], color=theme.QUIET, ls="--", label="published rising and falling line (descriptive)"),
    ]
    if with_trend:
        figure.legend(handles=trend, loc="outside upper center", ncols=len(trend))
    if families:
        figure.legend(handles=families, loc="outside lower center", ncols=min(7, len(families)))


def accuracy_vs_alignment(panels: list[dict[str, Any]]) -> Figure:
    """Return the figure of all panels, labels placed, ready to save (inside ``theme.look()``)."""
    rows = math.ceil(len(panels) / COLUMNS)
    size = (PANEL_SIZE[0] * COLUMNS, PANEL_SIZE[1] * rows + 0.6)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    styles = theme.family_styles(point["family"] for panel in panels for point in panel["points"])
    names = [draw_panel(axes, panel, styles) for axes, panel in zip(grid, panels, strict=False)]
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    add_legends(figure, styles, any(panel["trend"] for panel in panels))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # names are placed for this layout; it must not move under them
    np.random.seed(0)  # adjustText jitters texts of equal place with the global generator
    for axes, texts, panel in zip(
        tqdm(grid[: len(panels)], desc="labels", unit="panel"), names, panels, strict=True
    ):
        place_names(axes, texts, panel)
    return figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--trend", required=True, metavar="JSON", help="panels, as the trend stage writes them"
    )
    parser.add_argument("--output-dir", required=True, type=Path, metavar="DIR", help="where the figures go")


def run(args: argparse.Namespace) -> None:
    """Read the panels, draw, save as PNG, SVG and PDF."""
    panels = tables.read_json(args.trend).get("panels")
    if not panels:
        raise InputError(f"{args.trend}: field 'panels' is missing or empty")
    args.output_dir.mkdir(parents=True, exist_ok=True)
    with theme.look():
        theme.save(accuracy_vs_alignment(panels), args.output_dir / "accuracy_vs_alignment")
