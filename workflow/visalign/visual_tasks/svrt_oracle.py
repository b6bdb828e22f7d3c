"""Answers to the problems of the synthetic visual reasoning test from what was drawn, by other means.

Reads the parts of an image (the number of the shape that each pixel shows) and nothing of how it was made.
Shapes become filled masks; equal ones overlap after their centroids are aligned, and are scaled, turned or
mirrored where the problem says so.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import ndimage

#: Cells per side on which shapes are compared, and what share of them two equal ones have in common.
CELLS, EQUAL = 48, 0.76
#: Extents of equal shapes differ by less, in pixels or as a share.
SAME_SIZE = 0.14


class Shape(NamedTuple):
    """A shape as the image has it.

    ``ink``, ``filled``: masks of the image; ``centroid`` (x, y) and ``radius`` (root mean square) of
    ``filled``.
    """

    ink: np.ndarray
    filled: np.ndarray
    centroid: np.ndarray
    radius: float


def shapes_of(parts: np.ndarray) -> list[Shape]:
    """Shapes of an image, by their numbers."""
    found = []
    for number in range(1, int(parts.max()) + 1):
        ink = parts == number
        closed = ndimage.binary_closing(np.pad(ink, 3), np.ones((3, 3)))[3:-3, 3:-3] | ink
        filled = ndimage.binary_fill_holes(closed)
        y, x = np.nonzero(filled)
        centroid = np.array([x.mean(), y.mean()])
        radius = float(np.sqrt(((x - centroid[0]) ** 2 + (y - centroid[1]) ** 2).mean()))
        found.append(Shape(ink, filled, centroid, radius))
    return found


def normalised(shape: Shape, angle: float = 0, flip: bool = False) -> np.ndarray:
    """Filled mask around its centroid, brought to one size, (CELLS, CELLS) in 0 to 1.

    Parameters
    ----------
    angle : float
        By which it is turned, in radians.
    flip : bool
        Whether it is mirrored at the vertical first.
    """
    at = (np.arange(CELLS) - (CELLS - 1) / 2) / (CELLS / 2) * 2.2 * shape.radius
    x, y = np.meshgrid(at, at)
    turned_x, turned_y = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    columns = shape.centroid[0] + (-turned_x if flip else turned_x)
    rows = shape.centroid[1] + turned_y
    return ndimage.map_coordinates(shape.filled.astype(float), [rows, columns], order=1)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Share that two masks have in common of what they cover together."""
    return float(np.minimum(a, b).sum() / max(np.maximum(a, b).sum(), 1e-9))


def same(a: Shape, b: Shape, *, scale: bool = False, turned: bool = False, flip: bool = False) -> bool:
    """Whether two shapes are equal: as they are, or up to scale, rotation, or mirrored at the vertical."""
    if not scale and abs(a.radius - b.radius) > SAME_SIZE * max(a.radius, b.radius):
        return False
    fixed = normalised(a)
    if not turned:
        return overlap(fixed, normalised(b, flip=flip)) >= EQUAL
    coarse = [overlap(fixed, normalised(b, angle)) for angle in np.radians(np.arange(0, 360, 6))]
    best = np.radians(6 * np.argsort(coarse)[-3:])
    fine = [
        overlap(fixed, normalised(b, angle + step)) for angle in best for step in np.radians(range(-5, 6))
    ]
    return max(fine) >= EQUAL


def classes(shapes: list[Shape]) -> list[int]:
    """Sizes of the sets of equal shapes, ascending."""
    sets: list[list[Shape]] = []
    for shape in shapes:
        home = next((members for members in sets if same(members[0], shape)), None)
        if home is None:
            sets.append([shape])
        else:
            home.append(shape)
    return sorted(map(len, sets))


def far(a: Shape, b: Shape) -> float:
    """Distance of two centroids in pixels."""
    return float(np.hypot(*(a.centroid - b.centroid)))


def gap(a: Shape, b: Shape) -> float:
    """Least distance between the ink of two shapes in pixels."""
    return float(ndimage.distance_transform_edt(~a.ink)[b.ink].min())


def within(inner: Shape, outer: Shape) -> bool:
    """Whether a shape lies in another."""
    return bool((outer.filled & ~outer.ink)[inner.ink].mean() > 0.9)


def by_size(shapes: list[Shape]) -> list[Shape]:
    """Largest first."""
    return sorted(shapes, key=lambda shape: -shape.radius)


def equal_pairs(shapes: list[Shape]) -> list[tuple[Shape, Shape]]:
    """Every two shapes that are equal."""
    return [(a, b) for a, b in combinations(shapes, 2) if same(a, b)]


def off_line(shapes: list[Shape]) -> float:
    """Smallest distance of one of three centroids from the line of the others."""
    found = []
    for position, one in enumerate(shapes):
        a, b = (other.centroid for at, other in enumerate(shapes) if at != position)
        along = (b - a) / np.hypot(*(b - a))
        found.append(abs(along[0] * (one.centroid - a)[1] - along[1] * (one.centroid - a)[0]))
    return float(min(found))


def two_equal(shapes: list[Shape]) -> bool:
    """1."""
    return same(*shapes)


def near_border(shapes: list[Shape]) -> bool:
    """2: nearer than half of an eighth of the side."""
    return gap(*by_size(shapes)) < len(shapes[0].ink) / 16


def touching_pairs(shapes: list[Shape]) -> bool:
    """3: each shape touches another, and not all three of a kind."""
    touching = [(a, b) for a, b in combinations(range(4), 2) if gap(shapes[a], shapes[b]) < 2]
    return all(any(shape in both for both in touching) for shape in range(4))


def pairs_of_equals(shapes: list[Shape]) -> bool:
    """5."""
    return classes(shapes) == [2, 2]


def equal_distances(shapes: list[Shape]) -> bool:
    """6."""
    first, second = equal_pairs(shapes)
    return abs(far(*first) - far(*second)) < len(shapes[0].ink) / 16


def in_triples(shapes: list[Shape]) -> bool:
    """7."""
    return classes(shapes) == [3, 3]


def equal_inside(shapes: list[Shape]) -> bool:
    """8."""
    big, small = by_size(shapes)
    return within(small, big) and same(big, small, scale=True)


def large_at_end(shapes: list[Shape]) -> bool:
    """9: the largest is not between the others."""
    big, *others = by_size(shapes)
    return far(*others) < max(far(big, other) for other in others)


def form_square(shapes: list[Shape]) -> bool:
    """10: four equal sides and two equal diagonals."""
    found = sorted(far(a, b) for a, b in combinations(shapes, 2))
    return (
        found[3] - found[0] < 3 and abs(found[5] - found[4]) < 3 and abs(found[4] / found[0] - 2**0.5) < 0.12
    )


def touching(shapes: list[Shape]) -> bool:
    """11."""
    return gap(*shapes) < 2


def big_alone(shapes: list[Shape]) -> bool:
    """12: the two small ones are next to each other."""
    big, first, second = by_size(shapes)
    return far(first, second) < min(far(big, first), far(big, second))


def equal_offsets(shapes: list[Shape]) -> bool:
    """13: for one way to pair big and small ones."""
    first, second, third, fourth = by_size(shapes)
    least = len(shapes[0].ink) / 8

    def differ(a: Shape, b: Shape) -> float:
        return float(np.hypot(*((a.centroid - first.centroid) - (b.centroid - second.centroid))))

    return min(differ(third, fourth), differ(fourth, third)) < least


def in_line(shapes: list[Shape]) -> bool:
    """14."""
    return off_line(shapes) < len(shapes[0].ink) / 40


def all_equal(shapes: list[Shape]) -> bool:
    """15, 22."""
    return classes(shapes) == [len(shapes)]


def mirrored_sides(shapes: list[Shape]) -> bool:
    """16: every shape is mirrored in the one on the other side."""
    width = len(shapes[0].ink) - 1

    def opposite(shape: Shape) -> Shape:
        place = np.array([width - shape.centroid[0], shape.centroid[1]])
        return min(shapes, key=lambda other: float(np.hypot(*(other.centroid - place))))

    left = [shape for shape in shapes if shape.centroid[0] < width / 2]
    mirrored = [overlap(normalised(s), normalised(opposite(s), flip=True)) for s in left]
    copied = [overlap(normalised(s), normalised(opposite(s))) for s in left]
    return float(np.mean(mirrored)) > float(np.mean(copied))


def odd_equidistant(shapes: list[Shape]) -> bool:
    """17: the odd one is as far from each of the three others."""
    alike = [sum(same(shape, other) for other in shapes) for shape in shapes]
    odd = shapes[int(np.argmin(alike))]
    distances = [far(odd, other) for other in shapes if other is not odd]
    return max(distances) - min(distances) < 3


def symmetric(shapes: list[Shape]) -> bool:
    """18: every centroid has its mirror image."""
    width = len(shapes[0].ink) - 1
    places = np.array([shape.centroid for shape in shapes])
    mirrored = places * [-1, 1] + [width, 0]
    return all(np.hypot(*(places - place).T).min() < 3 for place in mirrored)


def equal_but_scale(shapes: list[Shape]) -> bool:
    """19."""
    return same(*shapes, scale=True)


def mirrored_pair(shapes: list[Shape]) -> bool:
    """20: one turned into the mirror image of the other at the line half-way between them."""
    a, b = shapes
    away = b.centroid - a.centroid
    angle = 2 * np.arctan2(away[1], away[0])
    # A mirror at the vertical, then a turn, is a mirror at the line across `away`.
    return overlap(normalised(a), normalised(b, angle, flip=True)) >= EQUAL


def equal_but_turned(shapes: list[Shape]) -> bool:
    """21."""
    return same(*shapes, scale=True, turned=True)


def one_inside(shapes: list[Shape]) -> bool:
    """23."""
    big, *small = by_size(shapes)
    return sum(within(shape, big) for shape in small) == 1


RULES: dict[int, Callable[[list[Shape]], bool]] = {
    1: two_equal,
    2: near_border,
    3: touching_pairs,
    4: lambda shapes: within(by_size(shapes)[1], by_size(shapes)[0]),
    5: pairs_of_equals,
    6: equal_distances,
    7: in_triples,
    8: equal_inside,
    9: large_at_end,
    10: form_square,
    11: touching,
    12: big_alone,
    13: equal_offsets,
    14: in_line,
    15: all_equal,
    16: mirrored_sides,
    17: odd_equidistant,
    18: symmetric,
    19: equal_but_scale,
    20: mirrored_pair,
    21: equal_but_turned,
    22: all_equal,
    23: one_inside,
}


def answer(parts: np.ndarray, problem: int) -> int:
    """Answer, 0 or 1, to a problem from the parts of its image."""
    return int(RULES[problem](shapes_of(parts)))
