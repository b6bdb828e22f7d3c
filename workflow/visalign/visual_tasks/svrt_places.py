"""Places of shapes on a canvas: apart, one in another, in contact; and pairs of layouts that are alike.

A task draws many layouts that its rule allows with answer 1, and many with answer 0. Of them, the two are
kept whose ink has the same amount, centre and spread. Only then is the answer thrown, so that none of these
tells it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist

from visalign.visual_tasks import svrt_shapes
from visalign.visual_tasks.svrt_shapes import Shape

#: What is free on each side of a line, in pixels.
CLEARANCE = 1.0


class Canvas(NamedTuple):
    """Where shapes are placed: its side and the width of their lines, in pixels."""

    side: int
    stroke: float

    @property
    def gap(self) -> float:
        """Distance of the middles of two lines that leaves free what each needs."""
        return self.stroke + 2 * CLEARANCE

    @property
    def contact(self) -> float:
        """Distance of the middles of two lines that touch and do not cross."""
        return 0.6 * self.stroke


@dataclass(frozen=True, eq=False)
class Layout:
    """Shapes and their centres (n, 2) in pixels."""

    shapes: Sequence[Shape]
    centres: np.ndarray

    def ink(self) -> np.ndarray:
        """Amount, mean x and y, and second moments xx, yy, xy of the ink, shape (6,)."""
        return ink(self.shapes, self.centres[None])[0]


class Admitted(NamedTuple):
    """Layouts of the same shapes: centres (count, n, 2)."""

    shapes: Sequence[Shape]
    centres: np.ndarray


def ink(shapes: Sequence[Shape], centres: np.ndarray) -> np.ndarray:
    """Amount, means and second moments of the ink of layouts.

    Parameters
    ----------
    centres : ndarray, shape (count, n, 2)

    Returns
    -------
    ndarray, shape (count, 6)
        Length of all lines, mean x, mean y, and central second moments xx, yy, xy.
    """
    amounts, means, covariances = zip(*(each.ink for each in shapes), strict=True)
    weights = np.array(amounts) / sum(amounts)
    places = centres + np.array(means)
    mean = np.einsum("n,cnd->cd", weights, places)
    away = places - mean[:, None]
    spread = np.einsum("n,cni,cnj->cij", weights, away, away) + np.einsum("n,nij->ij", weights, covariances)
    columns = [np.full(len(mean), sum(amounts)), *mean.T, spread[:, 0, 0], spread[:, 1, 1], spread[:, 0, 1]]
    return np.stack(columns, axis=1)


def framed(canvas: Canvas, shapes: Sequence[Shape], centres: np.ndarray) -> np.ndarray:
    """Which layouts (count, n, 2) lie on the canvas, lines and what is free beside them, (count,) bool."""
    margin = canvas.stroke / 2 + CLEARANCE
    low = np.array([each.points.min(axis=0) for each in shapes]) - margin
    high = np.array([each.points.max(axis=0) for each in shapes]) + margin
    shown = (centres + low >= -0.5) & (centres + high <= canvas.side - 0.5)
    return np.all(shown, axis=(1, 2))


def anywhere(rng: np.random.Generator, canvas: Canvas, shapes: Sequence[Shape], count: int) -> np.ndarray:
    """Uniform centres (count, n, 2) of shapes that each lie on the canvas."""
    margin = canvas.stroke / 2 + CLEARANCE
    low = np.array([margin - 0.5 - each.points.min(axis=0) for each in shapes])
    high = np.array([canvas.side - 0.5 - margin - each.points.max(axis=0) for each in shapes])
    return low + (high - low) * rng.uniform(size=(count, len(shapes), 2))


def apart(
    canvas: Canvas,
    shapes: Sequence[Shape],
    centres: np.ndarray,
    pairs: Sequence[tuple[int, int]] | None = None,
    gap: float | None = None,
) -> np.ndarray:
    """In which layouts shapes lie outside of each other and do not touch.

    Parameters
    ----------
    centres : ndarray, shape (count, n, 2)
    pairs : sequence of pairs of int, optional
        Of shapes; all of them by default.
    gap : float, optional
        Distance of lines; that of the canvas by default.

    Returns
    -------
    ndarray of bool, shape (count,)
    """
    gap = canvas.gap if gap is None else gap
    outer = [each.outer(gap) for each in shapes]
    allowed = np.ones(len(centres), dtype=bool)
    for i, j in pairs if pairs is not None else itertools.combinations(range(len(shapes)), 2):
        rows = np.flatnonzero(allowed)
        distance = np.hypot(*(centres[rows, i] - centres[rows, j]).T)
        near = distance < outer[i].max() + shapes[j].reach
        near |= distance < outer[j].max() + shapes[i].reach
        rows = rows[near]
        between = centres[rows, j] - centres[rows, i]
        allowed[rows] = clear(outer[i], shapes[j], between)
        kept = allowed[rows]
        allowed[rows[kept]] = clear(outer[j], shapes[i], -between[kept])
    return allowed


def clear(outer: np.ndarray, other: Shape, offsets: np.ndarray) -> np.ndarray:
    """At which offsets (count, 2) all of another shape lies beyond an outer profile, and its centre too."""
    return _all(lambda points: svrt_shapes.beyond(outer, points) >= 0, other, offsets)


def _all(held: Callable[[np.ndarray], np.ndarray], shape: Shape, offsets: np.ndarray) -> np.ndarray:
    """At which offsets (count, 2) all points of a shape, and its centre, are held."""
    kept = np.ones(len(offsets), dtype=bool)
    # A few points first, which tell of most that are not.
    for points in (np.concatenate([shape.probes[::16], np.zeros((1, 2))]), shape.probes):
        rows = np.flatnonzero(kept)
        kept[rows] = held(points + offsets[rows, None]).all(axis=1)
    return kept


def within(big: Shape, small: Shape, offsets: np.ndarray, gap: float) -> np.ndarray:
    """At which offsets (count, 2) from a big shape a small one lies inside, at least `gap` from its line."""
    inner = big.inner(gap)
    return _all(lambda points: svrt_shapes.beyond(inner, points) <= 0, small, offsets)


def clearances(big: Shape, small: Shape, offsets: np.ndarray) -> np.ndarray:
    """Smallest distance (count,) of two lines at each of many offsets (count, 2), to about a pixel.

    From a table of distances to the first line, a pixel a cell.
    """
    half = int(np.ceil(big.reach)) + 2
    table = np.ones((2 * half + 1, 2 * half + 1), dtype=bool)
    column, row = (np.rint(big.points) + half).astype(int).T
    table[row, column] = False
    away = ndimage.distance_transform_edt(table)
    place = np.rint(small.probes + offsets[:, None]).astype(int)
    held = np.clip(place, -half, half)
    beyond = np.hypot(*np.moveaxis(place - held, 2, 0))
    return (away[held[..., 1] + half, held[..., 0] + half] + beyond).min(axis=1)


def distance(a: Shape, b: Shape, offset: np.ndarray) -> float:
    """Smallest distance of the lines of two shapes, the second at an offset (2,) from the first."""
    return float(np.sqrt(cdist(a.probes, b.probes + offset, "sqeuclidean").min()))


def touching(a: Shape, b: Shape, start: np.ndarray, direction: np.ndarray, gap: float) -> np.ndarray | None:
    """First offset (2,) of a shape that moves from a start until its line is `gap` from another's.

    Parameters
    ----------
    direction : ndarray, shape (2,)
        Of length 1.

    Returns
    -------
    ndarray or None
        None where it passes.
    """
    offset, limit = start.astype(float), a.reach + b.reach + np.hypot(*start)
    moved = 0.0
    while moved < 2 * limit:
        step = distance(a, b, offset) - gap
        if step < 0.05:
            return offset
        offset, moved = offset + step * direction, moved + step
    return None


def joined(shapes: Sequence[Shape], offsets: Sequence[np.ndarray]) -> tuple[Shape, np.ndarray]:
    """One shape of several at fixed offsets, and their offsets (n, 2) from its centre."""
    points = np.concatenate([each.points + offset for each, offset in zip(shapes, offsets, strict=True)])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return Shape(points - middle, "joined"), np.array(offsets) - middle


#: How far apart two layouts of a pair may be: of the log of the amount, and in shares of a side or its
#: square.
SCALES = np.array([0.03, 0.02, 0.02, 0.02, 0.02, 0.02])
#: What of layouts is to be alike: shapes and centres (count, n, 2) to (count, m), in units in which 1 is
#: much.
Features = Callable[[Sequence[Shape], np.ndarray], np.ndarray]


def matched(
    ones: Sequence[Admitted], zeros: Sequence[Admitted], features: Features
) -> tuple[Layout, Layout] | None:
    """The layout of either answer that are most alike in some features.

    Parameters
    ----------
    ones, zeros : sequence of Admitted
        Layouts with answer 1 and 0.

    Returns
    -------
    (Layout, Layout) or None
        With answer 1 and 0; None where an answer has no layout.
    """
    if not all(sum(len(each.centres) for each in side) for side in (ones, zeros)):
        return None
    one, zero = (
        np.concatenate([features(*each) for each in side if len(each.centres)]) for side in (ones, zeros)
    )
    cross = one @ zero.T
    difference = (one**2).sum(axis=1)[:, None] + (zero**2).sum(axis=1) - 2 * cross
    best, other = np.unravel_index(difference.argmin(), difference.shape)
    return _row(ones, int(best)), _row(zeros, int(other))


def of_ink(canvas: Canvas) -> Features:
    """Amount, centre and spread of the ink."""
    side = float(canvas.side)
    units = np.array([1, side, side, side**2, side**2, side**2])

    def features(shapes: Sequence[Shape], centres: np.ndarray) -> np.ndarray:
        moments = ink(shapes, centres)
        moments[:, 0] = np.log(moments[:, 0] / side)
        return moments / units / SCALES

    return features


def of_big_and_small(canvas: Canvas) -> Features:
    """Size and place of the first shape, and how far from the middle of the canvas the others are."""
    middle, unit = (canvas.side - 1) / 2, 0.02 * canvas.side

    def features(shapes: Sequence[Shape], centres: np.ndarray) -> np.ndarray:
        big = (centres[:, 0] - middle) / unit
        # The same up to turns and mirroring of the canvas.
        small = np.sort(np.abs(centres[:, 1:] - middle), axis=2) / unit
        order = np.argsort(small.sum(axis=2), axis=1)[..., None]
        small = np.take_along_axis(small, order, axis=1).reshape(len(centres), -1)
        size = np.log([shapes[0].length, np.sqrt(shapes[0].area)]) / 0.02
        return np.hstack([big, small, np.broadcast_to(size, (len(centres), 2))])

    return features


def _row(side: Sequence[Admitted], row: int) -> Layout:
    for admitted in side:
        if row < len(admitted.centres):
            return Layout(admitted.shapes, admitted.centres[row])
        row -= len(admitted.centres)
    raise IndexError(row)
