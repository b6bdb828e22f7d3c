"""Problems of the synthetic visual reasoning test that ask how shapes lie to each other.

Each function draws one scene of a problem, see `svrt_sameness`. No two shapes of a scene are alike unless the
problem says so.
"""

from __future__ import annotations

import numpy as np

from visalign.visual_tasks import svrt_shapes
from visalign.visual_tasks.svrt_places import (
    Canvas,
    Crowded,
    Placed,
    common_reach,
    direction,
    distance,
    holds,
    moved_until,
    reaches,
)
from visalign.visual_tasks.svrt_sameness import put, square


def near_border(canvas: Canvas, label: int) -> list[Placed]:
    """2: a small shape inside a big one, close to its border, or an eighth of the side away from it."""
    big, small = canvas.shape(4.2, 1.6), canvas.shape(0.8)
    centre, far = canvas.anywhere(common_reach([big])), canvas.side / 8
    for _ in range(100):
        offset = np.rint(canvas.rng.uniform(0, 1.5 * canvas.unit, 2) * direction(canvas.angle()))
        if holds(big, small + offset) and distance(big, small + offset) >= far:
            break
    else:
        raise Crowded
    near = moved_until(big, small, offset, direction(canvas.angle()), canvas.stroke + 1.5)
    return put([big, small], [centre, centre + (near if label else offset)])


def contact_pairs(canvas: Canvas, label: int) -> list[Placed]:
    """3: four shapes that touch in two pairs, or three of them and one alone."""
    shapes = canvas.shapes(4, 1.2)

    def clusters(sizes: tuple[int, ...]) -> list[np.ndarray]:
        groups, start = [], 0
        for size in sizes:
            groups.append(cluster(canvas, shapes[start : start + size]))
            start += size
        extents = [max(np.hypot(*(s + c).T).max() for s, c in group) for group in groups]
        middles = canvas.apart(extents)
        return [centre + middle for group, middle in zip(groups, middles, strict=True) for _, centre in group]

    both = [clusters((3, 1)), clusters((2, 2))]
    return put(shapes, both[label])


def cluster(canvas: Canvas, shapes: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Shapes that touch, each with its centre; the middle of all at (0, 0)."""
    placed = [(shapes[0], np.zeros(2))]
    for points in shapes[1:]:
        fixed = np.concatenate([other + centre for other, centre in placed])
        start = direction(canvas.angle()) * (svrt_shapes.reach_of(fixed) + svrt_shapes.reach_of(points) + 2)
        placed.append((points, moved_until(fixed, points, start, -start / np.hypot(*start), canvas.stroke)))
    middle = np.mean([centre for _, centre in placed], axis=0)
    return [(points, centre - middle) for points, centre in placed]


def inside(canvas: Canvas, label: int) -> list[Placed]:
    """4: a small shape inside a big one, or outside; as far from the middle of the image either way."""
    big, small = canvas.shape(2.8, 1.1), canvas.shape(0.7)
    far, near = reaches([big, small])
    middle = np.full(2, (canvas.side - 1) / 2)
    centre = canvas.anywhere(far)
    away, towards = np.hypot(*(centre - middle)), float(np.arctan2(*(centre - middle)[::-1]))
    if away < far / 3:
        raise Crowded  # where a circle around the middle would not leave the big shape
    reach = canvas.rng.uniform(max(0.0, away - far / 2), away + far / 2)

    def at(low: float, high: float, is_inside: bool) -> list[np.ndarray] | None:
        place = np.rint(middle + reach * direction(towards + canvas.angle(low, high)))
        if not canvas.within(place, near) or distance(big + centre, small + place) < canvas.gap:
            return None
        return [place] if holds(big + centre, small + place) == is_inside else None

    (out,) = canvas.until(lambda: at(45, 315, False))
    (within,) = canvas.until(lambda: at(-60, 60, True))
    return put([big, small], [centre, within if label else out])


def equal_square(canvas: Canvas, label: int) -> list[Placed]:
    """10: four equals whose centres form a square, or lie anywhere."""
    shape = canvas.shape(1)
    reach = common_reach([shape])
    both = [canvas.apart([reach] * 4), canvas.until(lambda: square(canvas, reach))]
    return put([shape] * 4, both[label])


def contact(canvas: Canvas, label: int) -> list[Placed]:
    """11: a big and a small shape that touch, or are a twelfth of the side apart."""
    big, small = canvas.shape(3.2, 1.2), canvas.shape(1.4, 0.5)
    (far, near), along = reaches([big, small]), direction(canvas.angle())
    start = along * (far + near + 4)
    touching = moved_until(big, small, start, -along, canvas.stroke)
    away = touching + along * (canvas.rng.uniform(1 / 12, 1 / 6) * canvas.side + canvas.stroke)
    if distance(big, small + away) < canvas.side / 12:
        raise Crowded

    def places() -> list[np.ndarray] | None:
        centre = canvas.anywhere(far)
        fits = canvas.within(centre + touching, near) and canvas.within(centre + away, near)
        return [centre, centre + touching, centre + away] if fits else None

    centre, touches, apart = canvas.until(places)
    return put([big, small], [centre, touches if label else apart])


def opposite(canvas: Canvas, label: int) -> list[Placed]:
    """12: two small shapes and a big one on a circle, opposite the small ones or next to one of them."""
    big, *small = [canvas.shape(1.9, 0.8), canvas.shape(1, 0.4), canvas.shape(1, 0.4)]
    reach = common_reach([big, *small])

    def places() -> list[np.ndarray] | None:
        middle, far = canvas.anywhere(reach), canvas.rng.uniform(0.2, 0.38) * canvas.side
        turn, between = canvas.angle(), canvas.angle(18, 90) / 2
        turns = (turn, turn + np.pi - between, turn + np.pi + between)
        centres = [np.rint(middle + far * direction(one)) for one in turns]
        return centres if canvas.all_free(centres, [reach] * 3) else None

    alone, first, second = canvas.until(places)
    if label:
        return put([big, *small], [alone, first, second])
    beside = [first, second] if canvas.rng.integers(2) else [second, first]
    return put([big, *small], [beside[0], beside[1], alone])


def aligned(canvas: Canvas, label: int) -> list[Placed]:
    """14: three equals whose centres are aligned, or none within a twentieth of the others' line."""
    shape = canvas.shape(1)
    reach, least = common_reach([shape]), canvas.side / 20

    def on_line() -> list[np.ndarray] | None:
        first, last = canvas.anywhere(reach), canvas.anywhere(reach)
        middle = np.rint(first + canvas.rng.uniform(0.2, 0.8) * (last - first))
        centres = [first, middle, last]
        return centres if off_line(centres) <= 0.75 and canvas.all_free(centres, [reach] * 3) else None

    def off() -> list[np.ndarray] | None:
        centres = canvas.apart([reach] * 3)
        return centres if off_line(centres) >= least else None

    both = [canvas.until(off), canvas.until(on_line)]
    return put([shape] * 3, both[label])


def off_line(centres: list[np.ndarray]) -> float:
    """Smallest distance of one of three points from the line of the other two."""
    found = []
    for one, first, second in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        along = centres[second] - centres[first]
        across = np.array([-along[1], along[0]]) / max(np.hypot(*along), 1e-9)
        found.append(abs((centres[one] - centres[first]) @ across))
    return float(min(found))


def symmetric(canvas: Canvas, label: int) -> list[Placed]:
    """18: six equals at places that are symmetric about the vertical, or x of three of them at random."""
    shape = canvas.shape(0.9)
    reach, width = common_reach([shape]), canvas.side - 1

    def places() -> list[np.ndarray] | None:
        left = [canvas.anywhere(reach) for _ in range(3)]
        right = [np.array([width - x, y]) for x, y in left]
        drawn = [np.array([canvas.anywhere(reach)[0], y]) for _, y in left]
        moved = max(abs(a[0] - b[0]) for a, b in zip(right, drawn, strict=True)) >= canvas.side / 8
        fits = all(canvas.all_free([*left, *others], [reach] * 6) for others in (right, drawn))
        return [*left, *right, *drawn] if fits and moved else None

    found = canvas.until(places)
    return put([shape] * 6, found[:6] if label else found[:3] + found[6:])


def one_inside(canvas: Canvas, label: int) -> list[Placed]:
    """23: of two small shapes one is inside the big one; or both are, or none."""
    big, first, second = canvas.shape(3.4, 1.4), canvas.shape(0.7), canvas.shape(0.7)
    far, near = common_reach([big]), common_reach([first, second])
    centre = canvas.anywhere(far)

    def inner() -> list[np.ndarray] | None:
        offsets = [np.rint(canvas.rng.uniform(-2, 2, 2) * canvas.unit) for _ in range(2)]
        fits = all(
            holds(big, points + offset) and distance(big, points + offset) >= canvas.gap
            for points, offset in zip((first, second), offsets, strict=True)
        )
        return offsets if fits and np.hypot(*(offsets[0] - offsets[1])) >= 2 * near + canvas.gap else None

    within = [centre + offset for offset in canvas.until(inner)]
    out = canvas.apart([near] * 2, [(centre, far)])
    both_or_none = within if canvas.rng.integers(2) else out
    chosen = [within[0], out[0]] if label else both_or_none
    return put([big, first, second], [centre, *chosen])
