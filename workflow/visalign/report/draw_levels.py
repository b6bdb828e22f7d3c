"""Draw what the scores of a panel are read against: the band of a floor, lines of baselines and of people."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from visalign.measures.measure import PEOPLE
from visalign.report import theme
from visalign.trend.answer import Level, Panel
from visalign.trend.references import named

#: Dashes of the lines that are neither of a band nor people's, in turn.
DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))
#: Size of names, and least distance from one to the next, printer's points.
SIZE, APART = 6.0, 1.15
#: Share of the width of a panel that names take, and of its height that they take around their lines.
WIDE, NEAR = 0.35, 0.06
#: Where names may stand across a panel -> how they are aligned there, and by how many points to the right.
PLACES: dict[float, tuple[Literal["left", "center", "right"], int]] = {
    1.0: ("right", -1),
    0.0: ("left", 1),
    0.5: ("center", 0),
}


def heights(levels: list[Level]) -> list[float]:
    """Return all heights of levels and of their bands, for the limits of an axis."""
    return [y for level in levels for y in (level["y"], level["low"], level["high"]) if y is not None]


def draw_levels(axes: Axes, panel: Panel, size: float = SIZE) -> list[Annotation]:
    """Draw levels behind the models; return their names, not yet placed."""
    names, dashes = [], iter(DASHES * len(panel["levels"]))
    for level in panel["levels"]:
        color = (
            theme.SIMULATED
            if level["simulated"]
            else theme.PEOPLE
            if level["name"] == PEOPLE
            else theme.QUIET
        )
        if level["low"] is not None and level["high"] is not None:
            axes.axhspan(level["low"], level["high"], color=theme.FLOOR, lw=0, zorder=0.3)
            dash: object = "-"
        else:
            dash = "-" if level["name"] == PEOPLE else next(dashes)
        axes.axhline(level["y"], color=color, lw=0.9, ls=dash, zorder=1.3)
        name = axes.annotate(
            named(level),
            (1, level["y"]),
            (-1, 0),
            ("axes fraction", "data"),
            "offset points",
            ha="right",
            va="center",
            fontsize=size,
            color=color,
            zorder=1.4,  # behind the models
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.3},
        )
        name.set_in_layout(False)
        names.append(name)
    return names


def emptiest_place(axes: Axes, names: list[Annotation], panel: Panel) -> float:
    """Return where across a panel, in ``PLACES``, fewest models stand at the heights of these names."""
    points = [(point["x"], point["y"]) for point in (*panel["points"], *panel["shown_only"])]
    if not points or not names:
        return next(iter(PLACES))
    x, y = axes.transAxes.inverted().transform(axes.transData.transform(points)).T
    at = axes.transAxes.inverted().transform(axes.transData.transform([name.xy for name in names]))[:, 1]
    near = x[(np.abs(y[:, None] - at) < NEAR).any(axis=1)]
    return min(PLACES, key=lambda place: int((np.abs(near - place + WIDE * (place - 0.5)) < WIDE / 2).sum()))


def place_levels(axes: Axes, names: list[Annotation], panel: Panel, size: float = SIZE) -> None:
    """Move the names of levels to the emptiest place, apart, and into the panel, in the layout as it is."""
    where = emptiest_place(axes, names, panel)
    alignment, inwards = PLACES[where]
    to_points = 72 / axes.figure.dpi
    bottom, top = axes.get_window_extent().get_points()[:, 1] * to_points
    ordered = sorted(names, key=lambda name: name.xy[1])
    own = [float(axes.transData.transform((0, name.xy[1]))[1]) * to_points for name in ordered]
    step = APART * size
    places = spread(own, step, bottom + step / 2, top - step / 2)
    for name, before, after in zip(ordered, own, places, strict=True):
        name.xy = (where, name.xy[1])
        name.set_horizontalalignment(alignment)
        name.set_position((inwards, after - before))


def spread(places: list[float], step: float, low: float, high: float) -> list[float]:
    """Move places, in rising order, as little as rising and falling in turn takes to be `step` apart.

    Those that overlap form a block around their mean; all lie between `low` and `high` where these have room.
    """
    blocks: list[list[float]] = []
    for place in places:
        blocks.append([place])
        while len(blocks) > 1 and _start(blocks[-1], step, low, high) < (
            _start(blocks[-2], step, low, high) + step * len(blocks[-2]) - 1e-9
        ):
            last = blocks.pop()
            blocks[-1] += last
    return [_start(block, step, low, high) + i * step for block in blocks for i in range(len(block))]


def _start(block: list[float], step: float, low: float, high: float) -> float:
    """Return the lowest place of a block that is centred on the mean of its places, within bounds."""
    half = step * (len(block) - 1) / 2
    return max(low, min(sum(block) / len(block) - half, high - 2 * half))
