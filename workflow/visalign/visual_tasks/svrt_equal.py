"""Tasks of the Synthetic Visual Reasoning Test that ask which shapes are the same.

Both answers of an image have the same centres, drawn so that either set of shapes fits there. Each task gives
the layout with answer 1 and that with answer 0, of which one is thrown later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from visalign.visual_tasks import svrt_places as places
from visalign.visual_tasks import svrt_shapes as shapes
from visalign.visual_tasks.svrt_places import Canvas, Layout
from visalign.visual_tasks.svrt_shapes import Shape

Pair = tuple[Layout, Layout]
#: Diameter and hole of a part, in sides.
NORMAL = (1 / 6, 1 / 64)
#: Centres that are tried for a shape before an image starts anew.
TRIES = 40


def scaled(size: tuple[float, float], factor: float) -> tuple[float, float]:
    """Diameter and hole, both times a factor."""
    return size[0] * factor, size[1] * factor


def parts(
    rng: np.random.Generator, canvas: Canvas, count: int, size: tuple[float, float], **unlike: bool
) -> list[Shape]:
    """Different shapes of one size (diameter and hole in sides), called a, b, c …; see `several`."""
    made = shapes.several(rng, count, size[1] / size[0], **unlike)
    return [shapes.shape(each, size[0] * canvas.side, "abcdefgh"[row]) for row, each in enumerate(made)]


def scattered(
    rng: np.random.Generator,
    canvas: Canvas,
    either: Sequence[Sequence[Shape]],
    ahead: np.ndarray | None = None,
) -> np.ndarray | None:
    """Random centres (n, 2) where each of several lists of n shapes lies on the canvas and apart.

    Parameters
    ----------
    ahead : ndarray, shape (m, 2), optional
        Centres of the first m shapes.

    Returns
    -------
    ndarray or None
        None where `TRIES` centres of a shape were in vain.
    """
    centres = np.zeros((0, 2)) if ahead is None else ahead
    for slot in range(len(centres), len(either[0])):
        tried = places.anywhere(rng, canvas, [either[0][slot]], TRIES)
        candidates = np.concatenate([np.broadcast_to(centres, (TRIES, *centres.shape)), tried], axis=1)
        for each in either:
            pairs = [(slot, other) for other in range(slot)]
            own = candidates[places.framed(canvas, each[slot : slot + 1], candidates[:, slot:])]
            candidates = own[places.apart(canvas, each[: slot + 1], own, pairs)]
        if not len(candidates):
            return None
        centres = candidates[0]
    return centres


def fit(canvas: Canvas, either: Sequence[Sequence[Shape]], centres: np.ndarray) -> np.ndarray | None:
    """First of many centres (count, n, 2) at which several lists of shapes are each framed and apart."""
    for each in either:
        centres = centres[places.framed(canvas, each, centres)]
        centres = centres[places.apart(canvas, each, centres)]
    return centres[0] if len(centres) else None


def until(attempt: Callable[[], Pair | None]) -> Pair:
    """Result of the first attempt that has one."""
    while True:
        found = attempt()
        if found is not None:
            return found


def grouped(
    size: tuple[float, float], ones: str, zeros: str, rng: np.random.Generator, canvas: Canvas
) -> Pair:
    """Shapes at random places, of the kinds that a word spells with answer 1, another with answer 0."""

    def attempt() -> Pair | None:
        kinds = parts(rng, canvas, len(set(ones + zeros)), size)
        order = rng.permutation(len(ones))
        one, zero = ([kinds["abcdefgh".index(word[slot])] for slot in order] for word in (ones, zeros))
        centres = scattered(rng, canvas, (one, zero))
        return None if centres is None else (Layout(one, centres), Layout(zero, centres))

    return until(attempt)


def task_1(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two shapes that are the same, or not."""
    return grouped(scaled(NORMAL, 2.5), "aa", "ab", rng, canvas)


def task_5(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Four shapes, two pairs, or all different."""
    return grouped(scaled(NORMAL, 2), "aabb", "abcd", rng, canvas)


def task_7(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Six shapes, two triples, or three pairs."""
    return grouped(scaled(NORMAL, 2), "aaabbb", "aabbcc", rng, canvas)


def task_6(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two pairs at one distance, or not; the centres are the same, their pairing is not."""
    side = canvas.side

    def attempt() -> Pair | None:
        a, b = parts(rng, canvas, 2, NORMAL)
        centres = places.anywhere(rng, canvas, [a, a, b, b], 200)
        length = np.hypot(*(centres[:, 1] - centres[:, 0]).T)
        angle = rng.uniform(0, 2 * np.pi, len(centres))
        centres[:, 3] = centres[:, 2] + length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        crossed = [np.hypot(*(centres[:, i] - centres[:, j]).T) for i, j in ((0, 2), (1, 3))]
        centres = centres[np.abs(crossed[0] - crossed[1]) >= side * NORMAL[0]]
        one, zero = [a, a, b, b], [a, b, a, b]
        found = fit(canvas, (one, zero), centres)
        return None if found is None else (Layout(one, found), Layout(zero, found))

    return until(attempt)


def task_15(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Four shapes on the corners of a square, all the same, or all different."""

    def attempt() -> Pair | None:
        kinds = parts(rng, canvas, 4, NORMAL)
        found = fit(canvas, (kinds[:1] * 4, kinds), squares(rng, canvas, 100))
        return None if found is None else (Layout(kinds[:1] * 4, found), Layout(kinds, found))

    return until(attempt)


def squares(rng: np.random.Generator, canvas: Canvas, count: int) -> np.ndarray:
    """Corners (count, 4, 2) of squares of any size, turn and place, which may leave the canvas."""
    middle = canvas.side * rng.uniform(size=(count, 1))
    middle = middle + 1j * canvas.side * rng.uniform(size=(count, 1))
    radius = canvas.side * rng.uniform(NORMAL[0] / 2, 0.55, (count, 1))
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + np.pi / 2 * np.arange(4)
    corners = middle + radius * np.exp(1j * angle)
    return np.stack([corners.real, corners.imag], axis=2)


def mirrored_places(rng: np.random.Generator, canvas: Canvas, count: int) -> np.ndarray:
    """Three centres and the mirrored ones, (count, 6, 2), about a vertical line near the middle."""
    side = canvas.side
    off = side * rng.uniform(-0.08, 0.08, (count, 1))
    axis = side / 2 - 0.5 + off
    # Near the line, and far out on the side that has more room, no shape could have its mirrored place. There
    # shall be none where places are not mirrored either.
    out = rng.uniform(0.09 * side, 0.41 * side - np.abs(off), (count, 3))
    left = np.stack([axis - out, side * rng.uniform(size=(count, 3))], axis=2)
    right = np.stack([axis + out, left[..., 1]], axis=2)
    return np.concatenate([left, right], axis=1)


def task_16(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Three shapes and, at the mirrored places, their mirror images, or they themselves."""

    def attempt() -> Pair | None:
        left = parts(rng, canvas, 3, NORMAL, asymmetric=True)
        right = [Shape(shapes.reflect(each.points, np.array([1.0, 0.0])), f"{each.kind}'") for each in left]
        found = fit(canvas, (left + right, left + left), mirrored_places(rng, canvas, 300))
        return None if found is None else (Layout(left + right, found), Layout(left + left, found))

    return until(attempt)


def task_19(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two shapes that are the same up to scale, or not."""

    def attempt() -> Pair | None:
        kinds = shapes.several(rng, 2, NORMAL[1] / NORMAL[0])
        sizes = canvas.side * NORMAL[0] * np.exp(rng.uniform(0, np.log(4), 2))
        return _two(rng, canvas, kinds[0], list(kinds), sizes)

    return until(attempt)


def task_20(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two shapes, the second the mirror image of the first between them, or that of another shape."""
    side, size = canvas.side, (1 / 4, 1 / 32)

    def attempt() -> Pair | None:
        angle = rng.uniform(0, 2 * np.pi)
        normal = np.array([np.cos(angle), np.sin(angle)])
        kinds = shapes.several(rng, 2, size[1] / size[0])
        first = shapes.shape(kinds[0], side * size[0], "a")
        second = [
            shapes.shape(shapes.reflect(kind, normal), side * size[0], name)
            for kind, name in zip(kinds, ("a'", "b"), strict=True)
        ]
        start = side * rng.uniform(size=(100, 2))
        away = side * rng.uniform(size[0] / 2, 1, (100, 1)) * normal
        either = [[first, each] for each in second]
        found = fit(canvas, either, np.stack([start, start + away], axis=1))
        return None if found is None else (Layout(either[0], found), Layout(either[1], found))

    return until(attempt)


def task_21(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two shapes that are the same up to a turn and scale, or not."""

    def attempt() -> Pair | None:
        kinds = shapes.several(rng, 2, NORMAL[1] / NORMAL[0], turned=True)
        angle = rng.uniform(0, 2 * np.pi)
        turned = [shapes.turn(kind, angle) for kind in kinds]
        sizes = canvas.side * NORMAL[0] * np.exp(rng.uniform(np.log(1.25), np.log(3), 2))
        return _two(rng, canvas, kinds[0], turned, sizes)

    return until(attempt)


def _two(
    rng: np.random.Generator,
    canvas: Canvas,
    first: np.ndarray,
    second: Sequence[np.ndarray],
    sizes: np.ndarray,
) -> Pair | None:
    """A contour beside the first or second of two others, at their sizes in pixels."""
    a = shapes.shape(first, sizes[0], "a")
    either = [[a, shapes.shape(each, sizes[1], name)] for each, name in zip(second, "ab", strict=True)]
    centres = scattered(rng, canvas, either)
    return None if centres is None else (Layout(either[0], centres), Layout(either[1], centres))


def lines(rng: np.random.Generator, canvas: Canvas, count: int) -> np.ndarray:
    """Three centres on a line, (count, 3, 2), which may leave the canvas."""
    start, end = canvas.side * rng.uniform(size=(2, count, 1, 2))
    share = np.stack([np.zeros(count), rng.uniform(0.2, 0.8, count), np.ones(count)], axis=1)[..., None]
    return start + share * (end - start)


def task_22(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Three shapes on a line, all the same, or all different."""

    def attempt() -> Pair | None:
        kinds = parts(rng, canvas, 3, NORMAL)
        found = fit(canvas, (kinds[:1] * 3, kinds), lines(rng, canvas, 100))
        return None if found is None else (Layout(kinds[:1] * 3, found), Layout(kinds, found))

    return until(attempt)
