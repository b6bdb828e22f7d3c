"""Tasks of the Synthetic Visual Reasoning Test that ask whether shapes lie in, near or against each other.

Each gives the layout with answer 1 and that with answer 0, matched in their ink and in where the small
shapes are.
"""

from __future__ import annotations

import numpy as np

from visalign.visual_tasks import svrt_places as places
from visalign.visual_tasks import svrt_shapes as shapes
from visalign.visual_tasks.svrt_equal import NORMAL, Pair, parts, scaled, until
from visalign.visual_tasks.svrt_places import Admitted, Canvas
from visalign.visual_tasks.svrt_shapes import Shape

#: Diameter and hole of the shape that others are in, in sides.
BIG = (3 / 4, 1 / 3)
#: Big shapes of which one is chosen, and centres that are tried for each.
BIGS = 5
COUNT = 100


def several_big(rng: np.random.Generator, canvas: Canvas, size: tuple[float, float] = BIG) -> list[Shape]:
    """Big shapes, which may be alike."""
    made = shapes.contours(rng, BIGS, size[1] / size[0], shapes.LEVELS + 1)
    return [shapes.shape(each, size[0] * canvas.side, "big") for each in made]


def into(
    rng: np.random.Generator, canvas: Canvas, big: Shape, small: Shape, count: int = COUNT
) -> np.ndarray:
    """Random offsets (n, 2) from a big shape at which a small one lies in it, of `count` that are tried."""
    offsets = 0.8 * big.reach * rng.uniform(-1, 1, (count, 2))
    return offsets[places.within(big, small, offsets, canvas.gap)]


def shown(
    rng: np.random.Generator, canvas: Canvas, kinds: list[Shape], offsets: np.ndarray, again: int = 3
) -> Admitted:
    """Layouts of shapes at offsets (count, n, 2), each placed anywhere on the canvas `again` times."""
    offsets = np.repeat(offsets, again, axis=0)
    low = np.array([each.points.min(axis=0) for each in kinds]) + offsets
    high = np.array([each.points.max(axis=0) for each in kinds]) + offsets
    margin = canvas.stroke / 2 + places.CLEARANCE
    first, last = margin - 0.5 - low.min(axis=1), canvas.side - 0.5 - margin - high.max(axis=1)
    held = (first <= last).all(axis=1)
    start = first[held] + (last - first)[held] * rng.uniform(size=(int(held.sum()), 2))
    return Admitted(kinds, offsets[held] + start[:, None])


def beside(rng: np.random.Generator, canvas: Canvas, kinds: list[Shape], count: int = 2 * COUNT) -> Admitted:
    """Layouts of shapes anywhere, apart."""
    centres = places.anywhere(rng, canvas, kinds, count)
    return Admitted(kinds, centres[places.apart(canvas, kinds, centres)])


def at_first(offsets: np.ndarray) -> np.ndarray:
    """Offsets (count, 2) of a shape from another, as offsets (count, 2, 2) of both."""
    return np.stack([np.zeros_like(offsets), offsets], axis=1)


def task_2(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """A small shape in a big one, at its border or far from it."""
    far = canvas.side / 8

    def attempt() -> Pair | None:
        (small,) = parts(rng, canvas, 1, NORMAL)
        ones, zeros = [], []
        for big in several_big(rng, canvas):
            offsets = into(rng, canvas, big, small, 4 * COUNT)
            clear = places.clearances(big, small, offsets)
            near = offsets[clear <= clear.min(initial=np.inf) + 1] if len(offsets) else offsets
            near = near[places.clearances(big, small, near) <= canvas.gap + 1.5] if len(near) else near
            ones.append(shown(rng, canvas, [big, small], at_first(near), 6))
            zeros.append(shown(rng, canvas, [big, small], at_first(offsets[clear >= far + canvas.stroke]), 6))
        return places.matched(ones, zeros, places.of_big_and_small(canvas))

    return until(attempt)


def task_3(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Four shapes: two touch and the other two touch, or three touch and one is alone."""

    def attempt() -> Pair | None:
        kinds = parts(rng, canvas, 4, scaled(NORMAL, 2))
        a, b, c, d = kinds
        origin = np.zeros(2)
        ab, cd = against(rng, canvas, a, b), against(rng, canvas, c, d)
        if ab is None or cd is None:
            return None
        pair = places.joined([a, b], [origin, ab])
        other = places.joined([c, d], [origin, cd])
        third = against(rng, canvas, pair[0], c)
        if third is None:
            return None
        three = places.joined([a, b, c], [*pair[1], third])
        one, zero = (
            beside(rng, canvas, [first, second], 400)
            for first, second in ((pair[0], other[0]), (three[0], d))
        )
        spread = [pair[1], other[1]], [three[1], origin[None]]
        ones, zeros = (
            Admitted(
                kinds,
                np.concatenate([each.centres[:, i, None] + part for i, part in enumerate(split)], axis=1),
            )
            for each, split in zip((one, zero), spread, strict=True)
        )
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def against(rng: np.random.Generator, canvas: Canvas, a: Shape, b: Shape) -> np.ndarray | None:
    """Offset (2,) of a shape that came from a random direction until it touched another."""
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    return places.touching(a, b, direction * (a.reach + b.reach + 2), -direction, canvas.contact)


def task_4(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """A small shape in a big one, or outside of it."""

    def attempt() -> Pair | None:
        (small,) = parts(rng, canvas, 1, NORMAL)
        ones, zeros = [], []
        for big in several_big(rng, canvas):
            ones.append(shown(rng, canvas, [big, small], at_first(into(rng, canvas, big, small))))
            zeros.append(beside(rng, canvas, [big, small]))
        return places.matched(ones, zeros, places.of_big_and_small(canvas))

    return until(attempt)


def task_8(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """A shape in one of its form and twice its size; else the same outside, or another form inside."""

    def attempt() -> Pair | None:
        made = shapes.several(rng, 2, BIG[1] / BIG[0], levels=shapes.LEVELS + 1)
        big = shapes.shape(made[0], BIG[0] * canvas.side, "a")
        half = [
            shapes.shape(each, BIG[0] / 2 * canvas.side, name) for each, name in zip(made, "ab", strict=True)
        ]
        ones = shown(rng, canvas, [big, half[0]], at_first(into(rng, canvas, big, half[0])))
        outside = beside(rng, canvas, [big, half[0]])
        inside = shown(rng, canvas, [big, half[1]], at_first(into(rng, canvas, big, half[1])))
        # Shapes of which one cannot be had are not used for the others either: what is rare would tell.
        if not len(outside.centres) or not len(inside.centres):
            return None
        zeros = outside if rng.uniform() < 0.5 else inside
        return places.matched([ones], [zeros], places.of_big_and_small(canvas))

    return until(attempt)


def task_11(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """A big shape and a smaller one that touch, or are apart."""
    size, small_size = (3 / 4, 1 / 4), (1 / 3, 1 / 9)

    def attempt() -> Pair | None:
        (small,) = parts(rng, canvas, 1, small_size)
        ones, zeros = [], []
        for big in several_big(rng, canvas, size):
            met = [against(rng, canvas, big, small) for _ in range(3)]
            offsets = np.array([each for each in met if each is not None]).reshape(-1, 2)
            ones.append(shown(rng, canvas, [big, small], at_first(offsets), 30))
            centres = places.anywhere(rng, canvas, [big, small], COUNT)
            free = places.apart(canvas, [big, small], centres, gap=canvas.stroke + canvas.side / 12)
            zeros.append(Admitted([big, small], centres[free]))
        return places.matched(ones, zeros, places.of_big_and_small(canvas))

    return until(attempt)


def task_23(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two small shapes, one of them in a big one; else both in it, or both outside."""

    def attempt() -> Pair | None:
        a, b = parts(rng, canvas, 2, NORMAL)
        both = rng.uniform() < 0.5
        ones, zeros = [], []
        for big in several_big(rng, canvas):
            kinds = [big, a, b]
            inside = into(rng, canvas, big, a)
            if not len(inside):
                continue
            pairs = inside[rng.integers(len(inside), size=COUNT)]
            mixed = shown(rng, canvas, [big, a], at_first(pairs)).centres
            mixed = np.concatenate([mixed, places.anywhere(rng, canvas, [b], len(mixed))], axis=1)
            free = mixed[places.apart(canvas, kinds, mixed, [(0, 2), (1, 2)])]
            ones.append(Admitted(kinds, free))
            if both:
                other = into(rng, canvas, big, b)
                if not len(other):
                    continue
                second = other[rng.integers(len(other), size=COUNT)]
                offsets = np.stack([np.zeros_like(pairs), pairs, second], axis=1)
                zeros.append(
                    shown(rng, canvas, kinds, offsets[places.apart(canvas, kinds, offsets, [(1, 2)])])
                )
            else:
                zeros.append(beside(rng, canvas, kinds))
        return places.matched(ones, zeros, places.of_big_and_small(canvas))

    return until(attempt)
