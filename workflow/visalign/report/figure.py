"""The figure of accuracy against alignment: panels beside each other, with their legends."""

from __future__ import annotations

import math
from collections.abc import Iterable

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from visalign.measures.measure import MAIN_FIGURE as MAIN
from visalign.report import theme
from visalign.report.draw_levels import place_levels
from visalign.report.draw_panel import Styles, draw_panel, place_names, shown_points
from visalign.report.small_panels import small_multiples
from visalign.trend.answer import Model, Panel, StudyTrend

COLUMNS = 2
PANEL_SIZE = (6.8, 6.0)  # inches
LEGEND_HEIGHT = 0.9  # inches, for the legends over and under the panels
LEGEND_COLUMN = 1.9  # inches per family


def named_styles(panels: list[Panel]) -> dict[str, dict[str, str]]:
    """Return the styles of the largest families; those of the report, which takes the same models."""
    entries: list[Model] = []
    for panel in panels:
        entries += [*shown_points(panel), *panel["by_model"], *panel["reference_lines"], *panel["excluded"]]
    family = {entry["model"]: entry["family"] for entry in entries}
    ranked = theme.family_styles(family.values()).items()
    return dict([(name, style) for name, style in ranked if name][: theme.MAX_FAMILIES])


def family_handles(panels: list[Panel], styles: Styles) -> list[Artist]:
    """Return a legend entry for each family that is drawn, the others together last."""
    shown_models: list[Model] = [
        model for panel in panels for model in (*shown_points(panel), *panel["by_model"])
    ]
    family = {model["model"]: model["family"] for model in shown_models}
    drawn = {name or (model,) for model, name in family.items()}  # a model without a family is one of its own
    shown = {name: style for name, style in styles.items() if name in drawn}
    if others := drawn - set(styles):
        shown |= {"other" + (f" ({len(others)} families)" if len(others) > 1 else ""): theme.OTHER}
    return [
        Line2D(
            [],
            [],
            marker=style["marker"],
            color=style["color"],
            label=name,
            ls="",
            ms=7,
            mec=theme.INK,
            mew=0.6,
        )
        for name, style in shown.items()
    ]


def trend_handles(panels: list[Panel]) -> list[Artist]:
    """Return a legend entry for each part of a trend that is drawn."""
    trends = [panel["trend"] for panel in panels if panel["trend"]]
    handles: list[Artist] = []
    if trends:
        handles += [
            Line2D([], [], color=theme.INK, lw=1.4, label="upper envelope"),
            Line2D(
                [],
                [],
                label="its highest model: the published changepoint",
                ls="",
                marker="o",
                ms=11,
                mfc="none",
                mec=theme.INK,
            ),
            Line2D(
                [], [], color=theme.QUIET, ls="--", label="published rising and falling line (descriptive)"
            ),
        ]
    points = [point for panel in panels for point in shown_points(panel)]
    if any(panel["shown_only"] for panel in panels):
        label = "hollow: shown only, in no statistic"
        handles += [Line2D([], [], label=label, ls="", marker="o", ms=7, mfc="none", mec=theme.QUIET)]
    elif any(model.get("role", "model") != "model" for panel in panels for model in panel["by_model"]):
        label = "hollow: of another role, such as control"
        handles += [Line2D([], [], label=label, ls="", marker="o", ms=7, mfc="none", mec=theme.QUIET)]
    if any(panel["reference_lines"] for panel in panels):
        label = "a control without an accuracy"
        handles += [Line2D([], [], label=label, color=theme.QUIET, lw=0.8, ls=(0, (2, 2)))]
    if any("baseline" in point for point in points):
        label = "from a baseline to the same training with human maps"
        handles += [
            Line2D([0, 1], [0, 0], label=label, marker=">", markevery=[1], ms=4, color=theme.INK, lw=1.0)
        ]
    if any(trend["fitted_curve"] for trend in trends):
        handles += [
            Line2D([], [], color=theme.FIT, lw=1.6, label="two-piece regression"),
            Patch(color=theme.FIT, alpha=0.25, lw=0, label="its band, over families"),
            Patch(color=theme.FIT, alpha=0.12, lw=0, label="interval of its changepoint (dotted)"),
        ]
    return handles


def provenance(trend: StudyTrend, version: int) -> str:
    """Return the line under a figure: versions, seed and draws, and the hash of the scores."""
    return (
        f"trend version {trend['version']}, seed {trend['seed']}, {trend['bootstrap']} bootstrap draws, "
        f"inputs {trend['inputs_hash']} · figures version {version} · bars: 95 % intervals"
    )


def figures_of(panels: list[Panel], asked: Iterable[str] = ()) -> dict[str, list[Panel]]:
    """Return the panels of each figure: the main one, those that panels name, and those that are asked for.

    Where every panel belongs to another figure, all are in the main one too.
    """
    found: dict[str, list[Panel]] = {MAIN: [], **{name: [] for name in asked}}
    for panel in panels:
        found.setdefault(panel["figure"], []).append(panel)
    return found | {MAIN: found[MAIN] or panels}


def nothing_yet(name: str) -> Figure:
    """Return the figure of measures of which no model has been scored yet."""
    figure = Figure(figsize=PANEL_SIZE)
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, f"no model has been scored on {name} yet", ha="center", color=theme.QUIET)
    return figure


def drawn(trend: StudyTrend, panels: list[Panel], styles: Styles, version: int) -> Figure:
    """Return the figure of some panels: small ones, as wide as a page, where none is of the main figure."""
    small = all(panel["figure"] != MAIN and not panel["by_model"] for panel in panels) and len(panels) > 1
    if small:
        return small_multiples(panels, styles, family_handles(panels, styles), provenance(trend, version))
    return accuracy_vs_alignment(trend, panels, styles, version)


def accuracy_vs_alignment(trend: StudyTrend, panels: list[Panel], styles: Styles, version: int) -> Figure:
    """Return the figure of some panels, labels placed, ready to save (inside ``theme.look()``).

    Parameters
    ----------
    trend : dict
    panels : list of dict
        Those to draw.
    styles : mapping
        Of `named_styles`.
    version : int
        Of the command, for the line under the figure.
    """
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    width = PANEL_SIZE[0] * columns
    size = (width, PANEL_SIZE[1] * rows + LEGEND_HEIGHT)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    names = [draw_panel(axes, panel, styles) for axes, panel in zip(grid, panels, strict=False)]
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    if handles := trend_handles(panels):
        figure.legend(handles=handles, loc="outside upper center", ncols=columns + 1)
    figure.legend(
        handles=family_handles(panels, styles),
        loc="outside lower center",
        ncols=int(width / LEGEND_COLUMN),
        title=provenance(trend, version),
        title_fontproperties={"size": 7.5},
    )
    figure.draw_without_rendering()
    # Names are placed for this layout: it must not move under them. Without an engine nothing is drawn twice.
    figure.set_layout_engine(None)
    for axes, texts, panel in zip(grid, names, panels, strict=False):
        place_names(axes, texts.models, panel)
        place_levels(axes, texts.levels, panel)
    return figure


def stem(panel: Panel) -> str:
    """Return the file name of a panel's own figure: measure, then data set, region, window and protocol."""
    return "_".join([panel["measure"], *panel["benchmark"].split("/")[1:]])
