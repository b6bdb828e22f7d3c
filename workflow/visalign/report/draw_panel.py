"""Draw one panel of accuracy against alignment: models with intervals, trend, names, and what it rests on."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text

from visalign.measures.wording import decimal
from visalign.report import theme
from visalign.report.draw_levels import draw_levels, heights
from visalign.report.label_placement import place
from visalign.trend.answer import Overlay, Panel, Point, ReferenceLine, Source, Trend
from visalign.trend.roles import of_counts
from visalign.trend.verdict import interval_of, of_reliability

#: Up to so many points all are named; beyond, only the envelope's and the extremes.
MAX_NAMED = 60
#: Sides of a model's marker and of the ring around the changepoint, printer's points.
MARKER, RING = 6.5, 13
#: Characters that fit in a line of a panel: title, legend of published models, footer, label of its y axis.
TITLE_WIDTH, LEGEND_WIDTH, FOOTER_WIDTH, LABEL_WIDTH = 66, 86, 104, 56

Styles = Mapping[str, Mapping[str, str]]


def asymmetric(bars: list[tuple[float, float | None, float | None]]) -> np.ndarray:
    """Return error-bar lengths below and above each point.

    Parameters
    ----------
    bars : list of (value, low, high)
        A bound may be None.

    Returns
    -------
    ndarray, shape (2, n_points)
        0 where there is no bound. Never negative: a percentile interval may miss its own estimate.
    """
    lengths = [
        (
            0.0 if low is None else max(0.0, value - low),
            0.0 if high is None else max(0.0, high - value),
        )
        for value, low, high in bars
    ]
    return np.array(lengths).reshape(-1, 2).T


def shown_points(panel: Panel) -> list[Point]:
    """Return the models that are points: those of the statistics, then those that are only shown."""
    return [*panel["points"], *panel["shown_only"]]


def named_points(panel: Panel) -> list[Point]:
    """Return the points to name: all of few, the envelope's and the extremes of many."""
    points = shown_points(panel)
    if len(points) <= MAX_NAMED:
        return points
    by_x = sorted(points, key=lambda point: point["x"])
    by_y = sorted(points, key=lambda point: point["y"])
    chosen = {point["model"] for point in (by_x[0], by_x[-1], by_y[0], by_y[-1])}
    if panel["trend"]:
        chosen |= {point["model"] for point in panel["trend"]["envelope"]}
    return [point for point in points if point["model"] in chosen]


def draw_points(axes: Axes, points: list[Point], styles: Styles, *, crowded: bool, hollow: bool) -> None:
    """Draw models with their intervals, a colour and marker per family; hollow, those that are only shown."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point["family"] if point["family"] in styles else "", []).append(point)
    for family, members in groups.items():
        style = styles.get(family, theme.OTHER)
        quiet = theme.QUIET if style is theme.OTHER else style["color"]
        axes.errorbar(
            [point["x"] for point in members],
            [point["y"] for point in members],
            xerr=asymmetric([(point["x"], point["x_low"], point["x_high"]) for point in members]),
            yerr=asymmetric([(point["y"], point["y_low"], point["y_high"]) for point in members]),
            fmt=style["marker"],
            color="none" if hollow else style["color"],
            markersize=4 if crowded else MARKER,
            markeredgecolor=quiet if hollow else theme.INK,
            markeredgewidth=1.0 if hollow else 0.3 if crowded else 0.6,
            elinewidth=0.5 if crowded else 0.9,
            ecolor=(quiet, 0.2 if crowded or hollow else 0.35),
            zorder=2.9 if hollow else 3,
        )


def draw_reference_lines(axes: Axes, lines: list[ReferenceLine]) -> None:
    """Draw a line with its name for each control that has a score but no accuracy."""
    for line in lines:
        axes.axhline(line["y"], color=theme.QUIET, lw=0.8, ls=(0, (2, 2)), zorder=1.2)
        axes.annotate(
            line["model"],
            (1, line["y"]),
            (-2, 1),
            ("axes fraction", "data"),
            "offset points",
            ha="right",
            va="bottom",
            fontsize=6.5,
            color=theme.QUIET,
        )


def draw_arrows(axes: Axes, points: list[Point]) -> None:
    """Draw an arrow to each trained model from its baseline, where both are drawn."""
    place_of = {point["model"]: (point["x"], point["y"]) for point in points}
    for point in points:
        if point.get("baseline") in place_of:
            arrow = {"arrowstyle": "-|>", "color": theme.INK, "lw": 1.0, "shrinkA": 4, "shrinkB": 4}
            axes.annotate(
                "", place_of[point["model"]], place_of[point["baseline"]], arrowprops=arrow, zorder=2.5
            )


def overlay_legend(overlay: Overlay) -> str:
    """Say what published models are drawn: how many, of which columns, and where an axis is their own."""
    x, y = overlay["x"], f"{overlay['y']}, {overlay['convention']}"
    x += (" in per cent" if overlay["percent"] else "") + (" (axis above)" if overlay["own_x"] else "")
    y += " (axis at the right)" if overlay["own_y"] else ""
    text = f"{overlay['n']} published models of {overlay['table']}: {y}, against {x}"
    if names := overlay["left_out"]:
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        text += f"; left out, since their accuracy is none: {', '.join(names[:4])}{more}"
    return textwrap.fill(text, LEGEND_WIDTH)


def own_axes(axes: Axes, overlay: Overlay) -> Axes:
    """Return axes for published models: the panel's, or with scales of their own, named, right and above."""
    own = axes
    if overlay["own_y"]:
        own = own.twinx()
        own.set_ylabel(f"{overlay['y']}, {overlay['convention']}", color=theme.QUIET)
        own.spines["right"].set_visible(True)
        own.grid(False)
    if overlay["own_x"]:
        own = own.twiny()
        own.set_xlabel(f"{overlay['x']} of {overlay['table']}", color=theme.QUIET)
        own.spines["top"].set_visible(True)
        own.grid(False)
    if own is not axes:
        axes.set_zorder(1)  # the study's own models stay in front
        axes.patch.set_visible(False)
    return own


def draw_overlay(axes: Axes, overlay: Overlay) -> None:
    """Draw published models behind all else; a legend over the panel says which, and how many."""
    x, y = [point["x"] for point in overlay["points"]], [point["y"] for point in overlay["points"]]
    dots = own_axes(axes, overlay).scatter(
        x, y, s=9, color=theme.OVERLAY, linewidths=0, zorder=0.5, label=overlay_legend(overlay)
    )
    axes.legend(
        handles=[dots],
        loc="lower left",
        bbox_to_anchor=(0, 1.14 if overlay["own_x"] else 1),
        borderpad=0,
        handletextpad=0,
    )


def draw_trend(axes: Axes, trend: Trend, points: list[Point]) -> None:
    """Draw envelope, published lines, two-piece regression and bands, in the limits that the points set."""
    front, peak = trend["envelope"], trend["changepoint"]
    axes.set_autoscale_on(False)
    axes.plot([p["x"] for p in front], [p["y"] for p in front], color=theme.INK, lw=1.4, zorder=2)
    axes.plot(peak["x"], peak["y"], "o", ms=RING, mfc="none", mec=theme.INK, mew=1.2, zorder=4)
    last = max(point["x"] for point in points)
    for line, ends in (
        (trend["rising"], (front[0]["x"], peak["x"])),
        (trend["falling"], (peak["x"], last)),
    ):
        if line:
            heights = [line["slope"] * x + line["intercept"] for x in ends]
            axes.plot(ends, heights, color=theme.QUIET, lw=1.1, ls="--", zorder=1.5)
    curve, pieces = trend["fitted_curve"], trend["segmented"]
    if curve and pieces:
        axes.plot(curve["x"], curve["y"], color=theme.FIT, lw=1.6, zorder=3.5)
        axes.fill_between(
            curve["x"], curve["low"], curve["high"], color=theme.FIT, alpha=0.25, lw=0, zorder=1
        )
        axes.axvline(pieces["changepoint"], color=theme.FIT, lw=0.9, ls=":", zorder=1)
        bounds = pieces["changepoint_low"], pieces["changepoint_high"]
        axes.axvspan(*bounds, color=theme.FIT, alpha=0.12, lw=0, zorder=0.2)


def limit_x(axes: Axes, x: list[float]) -> None:
    """Give the x axis a margin, but none far beyond 0 and 1 where every x is a proportion."""
    axes.margins(0.1, 0.12)
    if all(0 <= value <= 1 for value in x):
        low, high = axes.get_xlim()
        pad = 0.04 * (min(high, 1) - max(low, 0))
        axes.set_xlim(max(low, -pad), min(high, 1 + pad))


def name_points(axes: Axes, panel: Panel) -> list[Annotation]:
    """Write the names on the points; ``place_names`` moves them apart once the layout is final."""
    names = []
    for point in named_points(panel):
        name = axes.annotate(
            point["model"],
            (point["x"], point["y"]),
            (0, 0),
            textcoords="offset points",
            fontsize=6.5,
            ha="center",
            va="center",
            zorder=3.6,
            # A pale box, not a halo: path effects would turn the SVG's text into outlines.
            bbox={"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 0.4},
            arrowprops={"arrowstyle": "-", "color": theme.QUIET, "lw": 0.4, "shrinkA": 0, "shrinkB": 2},
        )
        name.set_in_layout(False)
        names.append(name)
    return names


def place_names(axes: Axes, names: list[Annotation], panel: Panel) -> None:
    """Move names off each other and off all points, in the layout as it is."""
    if not names:
        return
    to_points = 72 / axes.figure.dpi

    def places(xy: list[tuple[float, float]]) -> np.ndarray:
        return axes.transData.transform(xy) * to_points

    covered = [(point["x"], point["y"], MARKER) for point in shown_points(panel)]
    if trend := panel["trend"]:
        covered.append((trend["changepoint"]["x"], trend["changepoint"]["y"], RING))
    obstacles = np.array([[*places([(x, y)])[0], side, side] for x, y, side in covered])
    sizes = np.array([Text.get_window_extent(name).size for name in names]) * to_points + 1
    frame = axes.get_window_extent().get_points() * to_points
    for name, offset in zip(
        names, place(places([name.xy for name in names]), sizes, obstacles, frame), strict=True
    ):
        name.set_position(tuple(offset))


def of_source(source: Source) -> str:
    """Return where the values of an axis come from: data, real or simulated, stage version and seed."""
    stage, _, dataset = source["benchmark"].partition("/")
    parts = ["simulated" if source["simulated"] else "real"]
    for name, numbers in ((f"{stage} version", source["versions"]), ("seed", source["seeds"])):
        if numbers:
            parts.append(f"{name} {', '.join(map(str, numbers))}")
    return f"{dataset.replace('/', ' ') or 'no data'} ({', '.join(parts)})"


def footer(panel: Panel) -> str:
    """Return the lines under a panel: how many models, the trend in words, and the data of both axes."""
    counts = of_counts(panel)
    names = ("x", "y") if len(panel["sources"]) == 2 else ("scores",)
    lines = [
        " · ".join(f"{n}: {of_source(source)}" for n, source in zip(names, panel["sources"], strict=True))
    ]
    if panel["sides"]:
        lines.insert(0, panel["sides"])
    if panel["trend"] is None:
        counts += f" · {'no trend drawn: ' if panel['x_label'] else ''}{panel['reason']}"
    else:
        rho = panel["trend"]["spearman"]["overall"]
        counts += f" · Spearman's ρ = {decimal(rho['value'], sign=True)}"
        if (judged := interval_of(rho)) and judged.low is not None:
            low, high = decimal(judged.low, sign=True), decimal(judged.high, sign=True)
            counts += f" [{low}, {high}{judged.over}]"
        lines.insert(0, panel["trend"]["verdict"])
        if reliable := of_reliability(panel["reliability"], rho):
            lines.insert(0, reliable)
    return "\n".join(textwrap.fill(line, FOOTER_WIDTH) for line in (counts, *lines))


def draw_empty(axes: Axes, panel: Panel) -> None:
    """Say why no model has a value."""
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


def draw_by_model(axes: Axes, panel: Panel, styles: Styles) -> None:
    """Draw scores with intervals, a line per model, the highest on top; hollow, models of other roles."""
    entries, crowded = panel["by_model"], len(panel["by_model"]) > MAX_NAMED
    for line, entry in enumerate(entries):
        style = styles.get(entry["family"], theme.OTHER)
        quiet = theme.QUIET if style is theme.OTHER else style["color"]
        hollow = entry.get("role", "model") != "model"
        axes.errorbar(
            entry["y"],
            line,
            xerr=asymmetric([(entry["y"], entry["y_low"], entry["y_high"])]),
            fmt=style["marker"],
            color="none" if hollow else style["color"],
            markersize=4 if crowded else MARKER,
            markeredgecolor=quiet if hollow else theme.INK,
            markeredgewidth=1.0 if hollow else 0.6,
            elinewidth=0.5 if crowded else 0.9,
            ecolor=(quiet, 0.35),
            zorder=3,
        )
    step = -(-len(entries) // MAX_NAMED)  # of many, every so manieth is named
    named = list(range(0, len(entries), step))
    axes.set_yticks(named, [entries[line]["model"] for line in named], fontsize=6.5)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    axes.set_xlabel(textwrap.fill(panel["y_label"], LABEL_WIDTH))


def title_pad(overlay: Overlay | None) -> float:
    """Return the points between a panel and its title: room for published models' legend, and their axis."""
    if overlay is None:
        return 8
    return 8 + 10 * (overlay_legend(overlay).count("\n") + 1) + (36 if overlay["own_x"] else 0)


class Names(NamedTuple):
    """Names in a panel, not yet placed: of models, and of levels."""

    models: list[Annotation]
    levels: list[Annotation]


def draw_panel(axes: Axes, panel: Panel, styles: Styles) -> Names:
    """Draw one panel; return its names, not yet placed."""
    title = panel["title"] + (", SIMULATED DATA" if panel["simulated"] else "")
    color = theme.SIMULATED if panel["simulated"] else theme.INK
    lines = [title, *textwrap.wrap(panel["subtitle"], TITLE_WIDTH)]
    axes.set_title("\n".join(lines), color=color, pad=title_pad(panel["overlay"]))
    axes.set_xlabel(panel["x_label"])
    axes.annotate(
        footer(panel),
        (0, 0),
        (0, -34),
        "axes fraction",
        "offset points",
        va="top",
        fontsize=7.5,
        color=theme.QUIET,
    )
    axes.set_ylabel(textwrap.fill(panel["y_label"], LABEL_WIDTH))
    if panel["by_model"]:
        axes.set_ylabel("")
        draw_by_model(axes, panel, styles)
        return Names([], [])
    shown = shown_points(panel)
    if not shown and not panel["reference_lines"]:
        draw_empty(axes, panel)
        return Names([], [])
    crowded = len(shown) > MAX_NAMED
    for points, hollow in ((panel["points"], False), (panel["shown_only"], True)):
        draw_points(axes, points, styles, crowded=crowded, hollow=hollow)
    draw_arrows(axes, shown)
    draw_reference_lines(axes, panel["reference_lines"])
    on_axis = [point["x"] for point in shown]
    if overlay := panel["overlay"]:
        draw_overlay(axes, overlay)
        on_axis += [] if overlay["own_x"] else [point["x"] for point in overlay["points"]]
    if ends := heights(panel["levels"]):
        axes.update_datalim([(on_axis[0] if on_axis else 0, y) for y in ends])
    limit_x(axes, on_axis)
    if trend := panel["trend"]:
        draw_trend(axes, trend, panel["points"])
    levels = draw_levels(axes, panel)
    return Names(name_points(axes, panel), levels)
