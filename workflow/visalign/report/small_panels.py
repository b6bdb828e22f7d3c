"""The figure of accuracy against probes: many small panels on a page, each with its floor and baselines."""

from __future__ import annotations

import math
import textwrap
from collections import Counter

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation

from visalign.measures.wording import decimal
from visalign.report import theme
from visalign.report.draw_levels import draw_levels, heights, place_levels
from visalign.report.draw_panel import Styles, draw_points, draw_reference_lines, limit_x, shown_points
from visalign.trend.answer import Panel
from visalign.trend.verdict import interval_of

COLUMNS = 3
#: A panel, and the legends together, inches: three columns fill the width of a page.
PANEL_SIZE = (2.4, 2.35)
LEGEND_HEIGHT = 0.8
LEGEND_COLUMN = 1.5  # per family
#: Characters that fit in a line of a panel.
TITLE_WIDTH, FOOTER_WIDTH, LABEL_WIDTH = 38, 47, 28
FOOTER_SIZE = 5.8


def short_footer(panel: Panel) -> str:
    """Return the lines under a panel: number of models, correlation, and how reliable their spread is."""
    trend, reliable = panel["trend"], panel["reliability"]
    counts = f"n = {panel['n']}" + (
        f" + {len(panel['shown_only'])} shown only" if panel["shown_only"] else ""
    )
    if excluded := panel["excluded"]:
        counts += f"; {len(excluded)} excluded"
    lines = [counts]
    if trend is None:
        lines.append(f"no trend: {panel['reason']}")
    else:
        rho = trend["spearman"]["overall"]
        lines[0] += f" · ρ = {decimal(rho['value'], sign=True)}"
        if (judged := interval_of(rho)) and judged.low is not None:
            low, high = decimal(judged.low, sign=True), decimal(judged.high, sign=True)
            lines[0] += f" [{low}, {high}{judged.over}]"
        if reliable and reliable["value"] is not None:
            lines.append(f"reliability of the spread {decimal(reliable['value'])}: {attained(panel)}")
    if overlay := panel["overlay"]:
        own = overlay["own_x"] or overlay["own_y"]
        where = "on axes of their own, not drawn here" if own else f"grey, {overlay['y']}"
        lines.append(f"{overlay['n']} published models ({where})")
    return "\n".join(textwrap.fill(line, FOOTER_WIDTH) for line in lines)


def attained(panel: Panel) -> str:
    """Say the largest correlation that the scores of a panel can have, and the one without their errors."""
    reliable = panel["reliability"]
    assert reliable
    if reliable["attainable"] is None:
        return "no more than errors"
    text = f"|ρ| up to {decimal(reliable['attainable'])}"
    if reliable["disattenuated"] is not None:
        beyond = abs(reliable["disattenuated"]) > 1
        without = "beyond 1" if beyond else decimal(reliable["disattenuated"], sign=True)
        text += f"; without errors {without}"
    return text


def limits(panels: list[Panel]) -> dict[str, tuple[float, float]]:
    """Return metric -> ends of the y axis of all its panels, so that their heights can be compared."""
    found: dict[str, list[float]] = {}
    for panel in panels:
        shown = [*shown_points(panel), *panel["reference_lines"]]
        ends = [y for one in shown for y in (one["y"], one["y_low"], one["y_high"]) if y is not None]
        found.setdefault(panel["metric"], []).extend([*ends, *heights(panel["levels"])])
    rooms = {metric: 0.04 * ((max(y) - min(y)) or 1) for metric, y in found.items() if y}
    return {metric: (min(found[metric]) - room, max(found[metric]) + room) for metric, room in rooms.items()}


def draw_nothing(axes: Axes, panel: Panel) -> None:
    """Say why no model has a value."""
    axes.set(xticks=[], yticks=[])
    reasons = Counter(excluded["reason"] for excluded in panel["excluded"]).most_common(2)
    said = "\n".join(textwrap.fill(f"{count} × {reason}", 34) for reason, count in reasons)
    text = f"no model has a value\n\n{said}"
    look = {"fontsize": FOOTER_SIZE, "color": theme.QUIET}
    axes.text(0.5, 0.5, text, look, ha="center", va="center", transform=axes.transAxes)


def draw_small_panel(
    axes: Axes, panel: Panel, styles: Styles, ends: tuple[float, float] | None
) -> list[Annotation]:
    """Draw one panel; return the names of its levels, not yet placed."""
    lines = [*textwrap.wrap(panel["title"], TITLE_WIDTH), *(["SIMULATED DATA"] if panel["simulated"] else [])]
    axes.set_title("\n".join(lines), color=theme.SIMULATED if panel["simulated"] else theme.INK)
    axes.annotate(
        short_footer(panel),
        (0, 0),
        (0, -24),
        "axes fraction",
        "offset points",
        va="top",
        fontsize=FOOTER_SIZE,
        color=theme.QUIET,
    )
    axes.set(xlabel=panel["x_label"], ylabel=textwrap.fill(panel["y_label"].partition(": ")[2], LABEL_WIDTH))
    shown = shown_points(panel)
    if ends is None or not (shown or panel["reference_lines"]):
        draw_nothing(axes, panel)
        return []
    for points, hollow in ((panel["points"], False), (panel["shown_only"], True)):
        draw_points(axes, points, styles, crowded=True, hollow=hollow)
    draw_reference_lines(axes, panel["reference_lines"])
    on_axis, overlay = [point["x"] for point in shown], panel["overlay"]
    if overlay and not overlay["own_x"] and not overlay["own_y"]:
        x, y = ([point[axis] for point in overlay["points"]] for axis in ("x", "y"))
        axes.scatter(x, y, s=3, color=theme.OVERLAY, linewidths=0, zorder=0.5)
        on_axis += x
        ends = min([ends[0], *y]), max([ends[1], *y])
    limit_x(axes, on_axis)
    axes.set_ylim(*ends)
    axes.set_autoscale_on(False)
    if trend := panel["trend"]:
        front = trend["envelope"]
        axes.plot([p["x"] for p in front], [p["y"] for p in front], color=theme.INK, lw=0.9, zorder=2)
    return draw_levels(axes, panel, FOOTER_SIZE)


def handles(panels: list[Panel]) -> list[Artist]:
    """Return legend entries of what is drawn beside models; lines are named in the panels."""
    found: list[Artist] = []
    if any(panel["trend"] for panel in panels):
        found.append(Line2D([], [], color=theme.INK, lw=0.9, label="upper envelope"))
    if any(level["low"] is not None for panel in panels for level in panel["levels"]):
        label = "95 % of permutations of labels; line: their mean"
        found.append(Patch(color=theme.FLOOR, lw=0, label=label))
    if any(panel["shown_only"] for panel in panels):
        label = "hollow: shown only, in no statistic"
        found.append(Line2D([], [], label=label, ls="", marker="o", ms=4, mfc="none", mec=theme.QUIET))
    return found


def small_multiples(panels: list[Panel], styles: Styles, families: list[Artist], provenance: str) -> Figure:
    """Return the figure of some panels, ready to save (inside ``theme.look()``).

    Parameters
    ----------
    panels : list of dict
        With an x axis.
    styles : mapping
        Of `figure.named_styles`.
    families : list of Artist
        Entries of the legend of families.
    provenance : str
        The line under the figure.
    """
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    size = PANEL_SIZE[0] * columns, PANEL_SIZE[1] * rows + LEGEND_HEIGHT
    with mpl.rc_context(theme.SMALL):
        figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05))
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        ends = limits(panels)
        names = [
            draw_small_panel(axes, panel, styles, ends.get(panel["metric"]))
            for axes, panel in zip(grid, panels, strict=False)
        ]
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        if own := handles(panels):
            figure.legend(handles=own, loc="outside upper center", ncols=columns)
        figure.legend(
            handles=families,
            loc="outside lower center",
            ncols=max(1, int(size[0] / LEGEND_COLUMN)),
            title=textwrap.fill(provenance, 50 * columns),
            title_fontproperties={"size": FOOTER_SIZE},
        )
        figure.draw_without_rendering()
        figure.set_layout_engine(None)
        for axes, texts, panel in zip(grid, names, panels, strict=False):
            place_levels(axes, texts, panel, FOOTER_SIZE)
    return figure
