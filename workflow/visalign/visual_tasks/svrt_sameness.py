"""Problems of the synthetic visual reasoning test that ask which shapes are the same.

Each function draws one scene of a problem: all that both answers need is drawn first, where either fits, and
only then does the label choose. Where shapes may be exchanged, all have room for the largest.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from visalign.visual_tasks import svrt_shapes
from visalign.visual_tasks.svrt_places import (
    ALIKE,
    Canvas,
    Crowded,
    Placed,
    alike,
    common_reach,
    direction,
    distance,
    holds,
    reaches,
)

#: Size of the shape inside of problem 8.
INNER = 0.42


def put(shapes: list[np.ndarray], centres: list[np.ndarray]) -> list[Placed]:
    """Put each shape at its centre."""
    return [Placed(points, centre) for points, centre in zip(shapes, centres, strict=True)]


def pair(canvas: Canvas, label: int) -> list[Placed]:
    """1: two shapes, equal or not."""
    a, b = canvas.shapes(2, 2)
    centres = canvas.apart([common_reach([a, b])] * 2)
    return put([a, a if label else b], centres)


def two_pairs(canvas: Canvas, label: int) -> list[Placed]:
    """5: four shapes, two pairs of equals, or all different."""
    a, b, c, d = shapes = canvas.shapes(4, 1.5)
    centres = canvas.apart([common_reach(shapes)] * 4)
    return put([a, b, a, b] if label else [a, b, c, d], centres)


def distance_within_pairs(canvas: Canvas, label: int) -> list[Placed]:
    """6: two pairs of equals at the same distance, or at distances that differ by a shape at least."""
    a, b = shapes = canvas.shapes(2, 1)
    reach, least = common_reach(shapes), 2 * canvas.unit

    def places(equal: bool) -> list[np.ndarray] | None:
        apart = canvas.rng.uniform(2 * reach + canvas.gap, 0.6 * canvas.side, 2)
        if equal:
            apart[1] = apart[0]
        elif abs(apart[0] - apart[1]) < least:
            return None
        centres = []
        for far in apart:
            first = canvas.anywhere(reach)
            centres += [first, np.rint(first + far * direction(canvas.angle()))]
        return centres if canvas.all_free(centres, [reach] * 4) else None

    both = [canvas.until(partial(places, equal)) for equal in (False, True)]
    return put([a, a, b, b], both[label])


def triples(canvas: Canvas, label: int) -> list[Placed]:
    """7: six shapes, two triples of equals, or three pairs."""
    a, b, c = shapes = canvas.shapes(3, 1.2)
    centres = canvas.apart([common_reach(shapes)] * 6)
    return put([a, a, a, b, b, b] if label else [a, a, b, b, c, c], centres)


def equal_inside(canvas: Canvas, label: int) -> list[Placed]:
    """8: a small shape inside a big one and equal but for scale; or equal outside, or another one inside."""
    a, b = canvas.shapes(2, 3.6, 1.5)
    small = a * INNER, b * INNER
    outer, inner = common_reach([a, b]), common_reach(list(small))
    centre = canvas.anywhere(outer)
    for _ in range(100):
        offset = np.rint(canvas.rng.uniform(0, outer / 2) * direction(canvas.angle()))
        if all(holds(a, points + offset) and distance(a, points + offset) >= canvas.gap for points in small):
            break
    else:
        raise Crowded
    (outside,) = canvas.apart([inner], [(centre, outer)])
    if label:
        return put([a, small[0]], [centre, centre + offset])
    if canvas.rng.integers(2):
        return put([a, small[0]], [centre, outside])
    return put([a, small[1]], [centre, centre + offset])


def large_at_end(canvas: Canvas, label: int) -> list[Placed]:
    """9: three aligned equals, two at half the size; the large one at an end, or between."""
    shape = canvas.shape(1.8)
    reach = common_reach([shape])

    def places() -> list[np.ndarray] | None:
        step = canvas.rng.uniform(1.5 * reach + canvas.gap, 0.4 * canvas.side) * direction(canvas.angle())
        middle = canvas.anywhere(reach)
        centres = [np.rint(middle - step), middle, np.rint(middle + step)]
        fits = all(
            canvas.all_free(centres, [reach if at == large else reach / 2 for at in range(3)])
            for large in range(3)
        )
        return centres if fits else None

    centres = canvas.until(places)
    large = 2 * int(canvas.rng.integers(2)) if label else 1
    return put([shape if at == large else shape / 2 for at in range(3)], centres)


def same_offset(canvas: Canvas, label: int) -> list[Placed]:
    """13: two equal big and two equal small shapes, at one offset, or at two that differ by a quarter."""
    big, small = canvas.shape(1.8, 0.6), canvas.shape(0.9)
    (far, near), least = reaches([big, small]), canvas.side / 4

    def places() -> list[np.ndarray] | None:
        offsets = []
        for _ in range(2):
            length = canvas.rng.uniform(far + near + canvas.gap, far + near + 0.25 * canvas.side)
            offsets.append(np.rint(length * direction(canvas.angle())))
        if np.hypot(*(offsets[0] - offsets[1])) < least:
            return None
        first, second = canvas.anywhere(far), canvas.anywhere(far)
        together = [first, second, first + offsets[0], second + offsets[0], second + offsets[1]]
        for chosen in ([0, 1, 2, 3], [0, 1, 2, 4]):
            if not canvas.all_free([together[i] for i in chosen], [far, far, near, near]):
                return None
        return together

    first, second, own, same, other = canvas.until(places)
    return put([big, big, small, small], [first, second, own, same if label else other])


def on_square(canvas: Canvas, label: int) -> list[Placed]:
    """15: four shapes on the corners of a square, all equal, or all different."""
    shapes = canvas.shapes(4, 1.5)
    reach = common_reach(shapes)
    centres = canvas.until(lambda: square(canvas, reach))
    return put([shapes[0]] * 4 if label else shapes, centres)


def square(canvas: Canvas, reach: float) -> list[np.ndarray] | None:
    """Corners of a random square where shapes fit, or None."""
    middle, half = canvas.anywhere(reach), canvas.rng.uniform(0.12, 0.42) * canvas.side
    turn = canvas.angle(0, 90)
    centres = [np.rint(middle + half * direction(turn + corner * np.pi / 2)) for corner in range(4)]
    return centres if canvas.all_free(centres, [reach] * 4) else None


def mirrored_sides(canvas: Canvas, label: int) -> list[Placed]:
    """16: three shapes and three at mirrored places, mirrored or as they are."""
    shapes = canvas.shapes(3, 1.2)
    flipped = [points * [-1, 1] for points in shapes]
    reach, width = common_reach(shapes), canvas.side - 1

    def places() -> list[np.ndarray] | None:
        left = [canvas.anywhere(reach) * [0.5, 1] + [reach / 2, 0] for _ in shapes]
        left = [np.rint(centre) for centre in left]
        right = [np.array([width - x, y]) for x, y in left]
        fits = canvas.all_free([*left, *right], [reach] * 6)
        return [*left, *right] if fits else None

    return put([*shapes, *(flipped if label else shapes)], canvas.until(places))


def odd_in_centre(canvas: Canvas, label: int) -> list[Placed]:
    """17: three equals and an odd one that is as far from each of them, or a shape off that place."""
    a, b = shapes = canvas.shapes(2, 1)
    reach, least = common_reach(shapes), 2 * canvas.unit

    def places() -> list[np.ndarray] | None:
        middle, far = canvas.anywhere(reach), canvas.rng.uniform(0.18, 0.42) * canvas.side
        turns = [canvas.angle() for _ in range(3)]
        others = [np.rint(middle + far * direction(turn)) for turn in turns]
        off = np.rint(middle + canvas.rng.uniform(least, 2 * far) * direction(canvas.angle()))
        fits = all(canvas.all_free([*others, centre], [reach] * 4) for centre in (middle, off))
        return [*others, off, middle] if fits else None

    found = canvas.until(places)
    return put([a, a, a, b], [*found[:3], found[3 + label]])


def scaled(canvas: Canvas, label: int) -> list[Placed]:
    """19: two shapes, equal but for scale, or different."""
    a, b = canvas.shapes(2, 3)
    factor = canvas.rng.uniform(1.3, 2.2)
    reach = common_reach([a, b])
    centres = canvas.apart([reach, reach / factor])
    return put([a, (a if label else b) / factor], centres)


def mirrored_pair(canvas: Canvas, label: int) -> list[Placed]:
    """20: two shapes, mirrored at the line half-way between them, or different."""
    a, b = canvas.shapes(2, 2)
    reach = common_reach([a, b])
    first, second = canvas.apart([reach, reach])
    away = second - first
    return put([a, svrt_shapes.mirrored(a if label else b, np.array([-away[1], away[0]]))], [first, second])


def turned_and_scaled(canvas: Canvas, label: int) -> list[Placed]:
    """21: two shapes, equal but for rotation and scale, or different."""
    a, b = canvas.shapes(2, 2.8)
    if max(alike(a, svrt_shapes.turned(b, turn)) for turn in np.arange(0, 2 * np.pi, 0.2)) > ALIKE:
        raise Crowded
    factor, angle = canvas.rng.uniform(1, 1.6), canvas.angle()
    reach = common_reach([a, b])
    centres = canvas.apart([reach, reach / factor])
    return put([a, svrt_shapes.turned(a if label else b, angle) / factor], centres)


def aligned_equal(canvas: Canvas, label: int) -> list[Placed]:
    """22: three aligned shapes, all equal, or all different."""
    shapes = canvas.shapes(3, 1.5)
    reach = common_reach(shapes)

    def places() -> list[np.ndarray] | None:
        step = canvas.rng.uniform(2 * reach + canvas.gap, 0.42 * canvas.side) * direction(canvas.angle())
        middle = canvas.anywhere(reach)
        centres = [np.rint(middle - step), middle, np.rint(middle + step)]
        return centres if canvas.all_free(centres, [reach] * 3) else None

    return put([shapes[0]] * 3 if label else shapes, canvas.until(places))
