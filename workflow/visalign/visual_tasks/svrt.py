"""Images of the Synthetic Visual Reasoning Test: black contours on white, one problem a task."""

from __future__ import annotations

import numpy as np

from visalign.errors import InputError
from visalign.visual_tasks import raster, svrt_tasks
from visalign.visual_tasks.drawn import Asked, Drawn, generator, label
from visalign.visual_tasks.svrt_places import Canvas, Layout

#: Width of a line at a side of 112 pixels.
STROKE = 1.6
#: Below this, parts of a sixth of the side are too small to tell apart.
SMALLEST = 96


def draw(seed: int, index: int, side: int, *, problem: int, stroke: float | None = None) -> Drawn:
    """Draw image `index` of a problem.

    Parameters
    ----------
    side : int
        In pixels, at least `SMALLEST`.
    problem : int
        From 1 to 23, see `svrt_tasks.PROBLEMS`; the task is called ``svrt-NN``.
    stroke : float, optional
        Width of lines in pixels; by default `STROKE` at 112 pixels, in proportion at others.

    Returns
    -------
    Drawn
        Its parts are the lines of the shapes, numbered in random order.

    Raises
    ------
    InputError
        No such problem, or too small a side.
    """
    if problem not in svrt_tasks.PROBLEMS:
        raise InputError(f"problem: {problem}: the problems are 1 to {len(svrt_tasks.PROBLEMS)}")
    if side < SMALLEST:
        raise InputError(f"size: {side}: parts of a sixth of it are too small; at least {SMALLEST} pixels")
    task = svrt_tasks.name(problem)
    rng = generator(seed, task, index)
    canvas = Canvas(side, STROKE * side / 112 if stroke is None else stroke)
    one, zero = svrt_tasks.PROBLEMS[problem].layouts(rng, canvas)
    order = rng.permutation(len(one.shapes))
    answer = label(seed, task, index)
    return rendered(canvas, one if answer else zero, order, Asked(task, answer))


def rendered(canvas: Canvas, layout: Layout, order: np.ndarray, asked: Asked) -> Drawn:
    """Image of a layout whose shapes are numbered in an order (n,)."""
    ink = np.zeros((canvas.side, canvas.side), dtype=np.float32)
    parts = np.zeros((canvas.side, canvas.side), dtype=np.uint8)
    described = []
    for number, row in enumerate(order, 1):
        shape, centre = layout.shapes[row], layout.centres[row]
        own = np.zeros_like(ink)
        # Steps of half a pixel: finer ones change no pixel.
        step = max(1, int(len(shape.points) / (2 * shape.length)))
        raster.outline(own, shape.points[::step] + centre, canvas.stroke)
        parts[(own > ink) & (own >= 0.25)] = number
        np.maximum(ink, own, out=ink)
        contour = np.round(shape.points[::8] + centre, 2)
        described.append(
            {"kind": shape.kind, "centre": np.round(centre, 2).tolist(), "contour": contour.tolist()}
        )
    return Drawn(
        image=raster.grey(ink, ground=255, ink=0), parts=parts, asked=(asked,), geometry={"parts": described}
    )
