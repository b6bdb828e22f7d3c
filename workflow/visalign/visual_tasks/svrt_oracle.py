"""Answers to the problems of the Synthetic Visual Reasoning Test from pixels alone.

Nothing here knows how images are drawn. Shapes are the connected components of the ink, or the parts where
these touch; each is filled, and two are equal if the areas within their lines, laid on each other, share
enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist

#: Intersection over union beyond which two shapes are equal: those that are have .85, those that are not .75.
EQUAL = 0.8
#: Parts of a pixel that masks are made of.
FINE = 4
#: Cells and half width of the grid on which masks are compared, in roots of their area.
_CELLS, _HALF = 64, 1.6
_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, eq=False)
class Seen:
    """A shape as it is seen.

    Attributes
    ----------
    pixels : ndarray, shape (n, 2)
        x and y of the pixels of its line.
    mask : ndarray of float32
        How much of each cell, FINE to a pixel, lies within the middle of its line.
    corner : ndarray, shape (2,)
        x and y of the middle of the first cell, in pixels.
    """

    pixels: np.ndarray
    mask: np.ndarray
    corner: np.ndarray

    @property
    def area(self) -> float:
        """In square pixels."""
        return float(self.mask.sum()) / FINE**2

    @property
    def centre(self) -> np.ndarray:
        """Centre of area, x and y in pixels."""
        row, column = ndimage.center_of_mass(self.mask)
        return self.corner + np.array([column, row]) / FINE


def answer(
    problem: int, image: np.ndarray, parts: np.ndarray | None = None, stroke: float | None = None
) -> int:
    """Answer 0 or 1 to a problem.

    Parameters
    ----------
    problem : int
    image : ndarray of uint8, shape (side, side)
        Dark lines on a light ground.
    parts : ndarray of uint8, shape (side, side), optional
        Number of the part that each pixel shows, 0 of the ground; needed where parts touch (`TOUCHING`).
    stroke : float, optional
        Width of lines in pixels; by default a seventieth of the side.

    Raises
    ------
    ValueError
        The image has not as many shapes as the problem.
    """
    side = len(image)
    width = side / 70 if stroke is None else stroke
    solver = SOLVERS[problem]
    shapes = seen(image, parts if problem in TOUCHING else None, width)
    if len(shapes) != solver.shapes:
        raise ValueError(f"problem {problem}: {len(shapes)} shapes, not {solver.shapes}")
    return int(solver.rule(shapes, side))


def seen(image: np.ndarray, parts: np.ndarray | None, stroke: float) -> list[Seen]:
    """Shapes of an image: its parts, or else the connected components of its ink, by size of their extent."""
    ink = (255.0 - image.astype(np.float32)) / 255
    if parts is None:
        parts, _ = ndimage.label(ink >= 0.5, _EIGHT)
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
        top, left = max(rows.start - 2, 0), max(columns.start - 2, 0)
        window = np.s_[top : rows.stop + 2, left : columns.stop + 2]
        own = parts[window] == number
        # Pixels that the line covers in part, but not those of another's line.
        edge = ndimage.binary_dilation(own, _EIGHT) & ((parts[window] == 0) | own)
        y, x = np.nonzero(own)
        mask = filled(np.where(edge, ink[window], 0), own, stroke)
        corner = np.array([left, top]) - (0.5 - 0.5 / FINE)
        found.append(Seen(np.stack([x + left, y + top], axis=1), mask, corner))
    return found


def filled(ink: np.ndarray, own: np.ndarray, stroke: float) -> np.ndarray:
    """Mask of what lies within the middle of a closed line.

    Parameters
    ----------
    ink : ndarray, shape (height, width)
        Coverage by the line.
    own : ndarray of bool, shape (height, width)
        Pixels that surely belong to it.

    Returns
    -------
    ndarray of float32, shape (FINE · height, FINE · width)
    """
    inner = ndimage.binary_fill_holes(own) & ~own
    whole = np.maximum(ink, inner)
    cells = np.arange(FINE) / FINE - 0.5 + 0.5 / FINE
    at = [(np.arange(n)[:, None] + cells).ravel() for n in whole.shape]
    fine = ndimage.map_coordinates(whole, np.meshgrid(*at, indexing="ij"), order=1, mode="constant")
    covered = fine >= 0.5
    return (ndimage.distance_transform_edt(covered) > stroke / 2 * FINE).astype(np.float32)


def canonical(shape: Seen, scale: float, normal: np.ndarray | None = None) -> np.ndarray:
    """Mask on a grid about its centre in units of `scale` pixels, mirrored along a normal (2,) if asked."""
    axis = np.linspace(-_HALF, _HALF, _CELLS) * scale
    x, y = np.meshgrid(axis, axis)
    if normal is not None:
        along = x * normal[0] + y * normal[1]
        x, y = x - 2 * along * normal[0], y - 2 * along * normal[1]
    return _sampled(shape, x, y)


def _sampled(shape: Seen, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    column, row = ((shape.centre - shape.corner) * FINE).tolist()
    return ndimage.map_coordinates(shape.mask, [row + y * FINE, column + x * FINE], order=1, mode="constant")


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float(np.minimum(a, b).sum() / np.maximum(a, b).sum())


def likeness(a: Seen, b: Seen, *, scaled: bool = False, normal: np.ndarray | None = None) -> float:
    """Overlap of two shapes on each other, of one area or mirrored along a normal (2,) if asked."""
    sizes = np.sqrt([a.area, b.area])
    if not scaled:
        sizes[:] = sizes.max()
    return overlap(canonical(a, sizes[0]), canonical(b, sizes[1], normal=normal))


def turned_likeness(a: Seen, b: Seen) -> float:
    """Largest overlap of two shapes of one area, the second turned in steps of a degree."""
    radius = (np.arange(40) + 0.5) / 40 * 1.8
    angle = np.deg2rad(np.arange(360))
    masks = []
    for shape in (a, b):
        x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
        masks.append(_sampled(shape, x * np.sqrt(shape.area), y * np.sqrt(shape.area)))
    spectra = [np.fft.rfft(mask, axis=1) for mask in masks]
    # Of masks of 0 and 1 the product is the intersection; edges of cells between make it a little less.
    shared = (radius[:, None] * np.fft.irfft(spectra[0] * spectra[1].conj(), 360, axis=1)).sum(axis=0)
    total = sum((radius[:, None] * mask).sum() for mask in masks)
    return float((shared / (total - shared)).max())


def alike(shapes: Sequence[Seen]) -> np.ndarray:
    """Likeness of each two shapes, (n, n)."""
    scale = max(np.sqrt(shape.area) for shape in shapes)
    masks = [canonical(shape, scale) for shape in shapes]
    return np.array([[overlap(a, b) for b in masks] for a in masks])


def equal_pairs(shapes: Sequence[Seen]) -> int:
    """How many of all pairs are equal."""
    return int((alike(shapes)[np.triu_indices(len(shapes), 1)] > EQUAL).sum())


def centres(shapes: Sequence[Seen]) -> np.ndarray:
    """Centres of area (n, 2)."""
    return np.array([shape.centre for shape in shapes])


def by_size(shapes: Sequence[Seen]) -> list[Seen]:
    """Shapes from the largest to the smallest."""
    return sorted(shapes, key=lambda shape: -shape.area)


def apart(a: Seen, b: Seen) -> float:
    """Distance of the nearest pixels of two lines."""
    return float(cdist(a.pixels, b.pixels).min())


def inside(big: Seen, small: Seen) -> bool:
    """Whether the line of a shape lies within another's."""
    column, row = np.rint((small.pixels - big.corner).T * FINE).astype(int)
    held = (row >= 0) & (column >= 0) & (row < big.mask.shape[0]) & (column < big.mask.shape[1])
    return bool(held.all() and big.mask[row, column].all())


def in_contact(shapes: Sequence[Seen]) -> list[int]:
    """With how many others each shape is in contact."""
    touches = [[apart(a, b) < 2 if a is not b else False for b in shapes] for a in shapes]
    return np.sum(touches, axis=1).tolist()


def _unequal_at_border(shapes: Sequence[Seen], side: int) -> bool:
    big, small = by_size(shapes)
    return apart(big, small) < side / 16


def _two_and_two(shapes: Sequence[Seen], side: int) -> bool:
    return in_contact(shapes) == [1, 1, 1, 1]


def _one_distance(shapes: Sequence[Seen], side: int) -> bool:
    like, place = alike(shapes), centres(shapes)
    pairings = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    first, second = max(pairings, key=lambda pairing: sum(like[pair] for pair in pairing))
    lengths = [np.hypot(*(place[i] - place[j])) for i, j in (first, second)]
    return abs(lengths[0] - lengths[1]) < side / 12


def _same_inside(shapes: Sequence[Seen], side: int) -> bool:
    big, small = by_size(shapes)
    return inside(big, small) and likeness(big, small, scaled=True) > EQUAL


def _large_at_end(shapes: Sequence[Seen], side: int) -> bool:
    large, *small = centres(by_size(shapes))
    return float((small[0] - large) @ (small[1] - large)) > 0


def _on_square(shapes: Sequence[Seen], side: int) -> bool:
    lengths = np.sort(cdist(centres(shapes), centres(shapes))[np.triu_indices(4, 1)])
    edge = lengths[:4].mean()
    return bool(np.abs(lengths / edge - np.array([1, 1, 1, 1, 2**0.5, 2**0.5])).max() < 0.12)


def _big_opposite(shapes: Sequence[Seen], side: int) -> bool:
    big, a, b = centres(by_size(shapes))
    return bool(np.hypot(*(a - b)) < min(np.hypot(*(big - a)), np.hypot(*(big - b))))


def _one_offset(shapes: Sequence[Seen], side: int) -> bool:
    first, second, a, b = centres(by_size(shapes))
    return bool(
        min(np.hypot(*((a - first) - (b - second))), np.hypot(*((b - first) - (a - second)))) < side / 10
    )


def _aligned(shapes: Sequence[Seen], side: int) -> bool:
    a, b, c = centres(shapes)
    doubled = abs((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0])
    return bool(doubled / cdist([a, b, c], [a, b, c]).max() < side / 40)


def _mirror_images(shapes: Sequence[Seen], side: int) -> bool:
    place, normal = centres(shapes), np.array([1.0, 0.0])
    pairing = min(_pairings(list(range(6))), key=lambda pairs: _uneven(place, pairs, side))
    return bool(np.mean([likeness(shapes[i], shapes[j], normal=normal) for i, j in pairing]) > EQUAL)


def _equidistant(shapes: Sequence[Seen], side: int) -> bool:
    odd = int(alike(shapes).sum(axis=0).argmin())
    place = centres(shapes)
    lengths = np.hypot(*(np.delete(place, odd, axis=0) - place[odd]).T)
    return bool(np.ptp(lengths) < side / 25)


def _symmetric(shapes: Sequence[Seen], side: int) -> bool:
    place = centres(shapes)
    return min(_uneven(place, pairs, side) for pairs in _pairings(list(range(6)))) < side / 20


def _pairings(rest: list[int]) -> list[list[tuple[int, int]]]:
    if not rest:
        return [[]]
    first, *others = rest
    return [[(first, j), *more] for j in others for more in _pairings([k for k in others if k != j])]


def _uneven(place: np.ndarray, pairs: list[tuple[int, int]], side: int) -> float:
    """How far pairs of centres are from mirrored about one vertical line: in height, and their middles."""
    height = max(abs(place[i, 1] - place[j, 1]) for i, j in pairs)
    return float(max(2 * height, np.ptp([place[i, 0] + place[j, 0] for i, j in pairs]) / 2))


def _mirrored_between(shapes: Sequence[Seen], side: int) -> bool:
    a, b = shapes
    between = b.centre - a.centre
    return likeness(a, b, normal=between / np.hypot(*between)) > EQUAL


def _one_inside(shapes: Sequence[Seen], side: int) -> bool:
    big, *small = by_size(shapes)
    return sum(inside(big, each) for each in small) == 1


@dataclass(frozen=True)
class Solver:
    """How many shapes a problem has, and whether its answer is 1: (shapes, side of the image) to bool."""

    shapes: int
    rule: Callable[[Sequence[Seen], int], bool]


#: Problems whose shapes touch, so that their parts must be known.
TOUCHING = (3, 11)
SOLVERS = {
    1: Solver(2, lambda shapes, side: likeness(*shapes) > EQUAL),
    2: Solver(2, _unequal_at_border),
    3: Solver(4, _two_and_two),
    4: Solver(2, lambda shapes, side: inside(*by_size(shapes))),
    5: Solver(4, lambda shapes, side: equal_pairs(shapes) >= 1),
    6: Solver(4, _one_distance),
    7: Solver(6, lambda shapes, side: equal_pairs(shapes) > 4),
    8: Solver(2, _same_inside),
    9: Solver(3, _large_at_end),
    10: Solver(4, _on_square),
    11: Solver(2, lambda shapes, side: apart(*shapes) < 2),
    12: Solver(3, _big_opposite),
    13: Solver(4, _one_offset),
    14: Solver(3, _aligned),
    15: Solver(4, lambda shapes, side: equal_pairs(shapes) > 3),
    16: Solver(6, _mirror_images),
    17: Solver(4, _equidistant),
    18: Solver(6, _symmetric),
    19: Solver(2, lambda shapes, side: likeness(*shapes, scaled=True) > EQUAL),
    20: Solver(2, _mirrored_between),
    21: Solver(2, lambda shapes, side: turned_likeness(*shapes) > EQUAL),
    22: Solver(3, lambda shapes, side: equal_pairs(shapes) > 1),
    23: Solver(3, _one_inside),
}
