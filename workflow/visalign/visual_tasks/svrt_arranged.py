"""Tasks of the Synthetic Visual Reasoning Test that ask how shapes are arranged.

Each gives the layout with answer 1 and that with answer 0, matched in the amount, centre and spread of
their ink.
"""

from __future__ import annotations

import itertools

import numpy as np

from visalign.visual_tasks import svrt_places as places
from visalign.visual_tasks.svrt_equal import (
    NORMAL,
    Pair,
    lines,
    mirrored_places,
    parts,
    scaled,
    squares,
    until,
)
from visalign.visual_tasks.svrt_places import Admitted, Canvas
from visalign.visual_tasks.svrt_shapes import Shape

COUNT = 400
_PAIRINGS = np.array(
    [
        [(0, a), (rest[0], rest[b]), tuple(c for c in rest[1:] if c != rest[b])]
        for a in range(1, 6)
        for rest in [[c for c in range(1, 6) if c != a]]
        for b in (1, 2, 3)
    ]
)


def admitted(canvas: Canvas, kinds: list[Shape], centres: np.ndarray) -> Admitted:
    """Of layouts (count, n, 2), those whose shapes are on the canvas and apart."""
    centres = centres[places.framed(canvas, kinds, centres)]
    return Admitted(kinds, centres[places.apart(canvas, kinds, centres)])


def halves(shape: Shape, factor: float) -> Shape:
    """A shape at another scale."""
    return Shape(shape.points * factor, shape.kind)


def task_9(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Three of one form on a line, one twice as large: at an end, or between the others."""

    def attempt() -> Pair | None:
        (large,) = parts(rng, canvas, 1, scaled(NORMAL, 2))
        small = halves(large, 0.5)
        ones = admitted(canvas, [large, small, small], lines(rng, canvas, COUNT))
        zeros = admitted(canvas, [small, large, small], lines(rng, canvas, COUNT))
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def task_10(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Four of one form, on the corners of a square, or anywhere."""

    def attempt() -> Pair | None:
        kinds = parts(rng, canvas, 1, NORMAL) * 4
        ones = admitted(canvas, kinds, squares(rng, canvas, COUNT))
        centres = places.anywhere(rng, canvas, kinds, COUNT)
        zeros = admitted(canvas, kinds, centres[unsquare(centres) > 0.35])
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def unsquare(centres: np.ndarray) -> np.ndarray:
    """How far four centres (count, 4, 2) are from a square's corners, in shares of its radius, (count,)."""
    corners = centres[..., 0] + 1j * centres[..., 1]
    corners = corners - corners.mean(axis=1, keepdims=True)
    corners = np.take_along_axis(corners, np.argsort(np.angle(corners), axis=1), axis=1)
    radius = (corners * np.exp(-0.5j * np.pi * np.arange(4))).mean(axis=1, keepdims=True)
    away = np.abs(corners - radius * np.exp(0.5j * np.pi * np.arange(4))).max(axis=1)
    return away / np.maximum(np.abs(radius[:, 0]), 1e-9)


def task_12(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two small shapes and a big one on a circle: the big one opposite to both, or beside one of them."""

    def attempt() -> Pair | None:
        (big,) = parts(rng, canvas, 1, (1 / 3, 1 / 6))
        a, b = parts(rng, canvas, 2, (1 / 6, 1 / 12))
        middle = canvas.side * (rng.uniform(size=(2, 1, COUNT, 1)) * [[[[1]]], [[[1j]]]]).sum(axis=0)[0]
        radius = canvas.side * rng.uniform(0.15, 0.45, (COUNT, 1))
        apart = np.deg2rad(rng.uniform(18, 90, (COUNT, 1)))
        angle = rng.uniform(0, 2 * np.pi, (COUNT, 1)) + np.hstack([-apart / 2, apart / 2, 0 * apart + np.pi])
        places_of = middle + radius * np.exp(1j * angle)
        near, other, opposite = np.moveaxis(np.stack([places_of.real, places_of.imag], axis=2), 1, 0)
        ones = admitted(canvas, [big, a, b], np.stack([opposite, near, other], axis=1))
        zeros = admitted(canvas, [big, a, b], np.stack([near, other, opposite], axis=1))
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def task_13(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Two equal big and two equal small shapes, at the same offset from each other, or not."""
    least = canvas.side / 4

    def attempt() -> Pair | None:
        (big,) = parts(rng, canvas, 1, (1 / 2, 1 / 4))
        (small,) = parts(rng, canvas, 1, (1 / 6, 1 / 12))
        kinds = [big, big, small, small]
        bigs = places.anywhere(rng, canvas, [big, big], 600)
        bigs = bigs[places.apart(canvas, [big, big], bigs)]
        if not len(bigs):
            return None
        bigs = bigs[rng.integers(len(bigs), size=800)]
        smalls = places.anywhere(rng, canvas, [small, small], len(bigs))
        centres = np.concatenate([bigs, smalls], axis=1)
        same = centres.copy()
        same[:, 3] = same[:, 2] - same[:, 0] + same[:, 1]
        straight = np.hypot(*((smalls[:, 0] - bigs[:, 0]) - (smalls[:, 1] - bigs[:, 1])).T)
        crossed = np.hypot(*((smalls[:, 1] - bigs[:, 0]) - (smalls[:, 0] - bigs[:, 1])).T)
        ones = admitted(canvas, kinds, same)
        zeros = admitted(canvas, kinds, centres[(straight >= least) & (crossed >= least)])
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def task_14(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Three of one form, on a line or not."""

    def attempt() -> Pair | None:
        kinds = parts(rng, canvas, 1, NORMAL) * 3
        ones = admitted(canvas, kinds, lines(rng, canvas, COUNT))
        centres = places.anywhere(rng, canvas, kinds, COUNT)
        zeros = admitted(canvas, kinds, centres[from_line(centres) >= canvas.side / 20])
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def from_line(centres: np.ndarray) -> np.ndarray:
    """Smallest distance (count,) of one of three centres (count, 3, 2) from the line of the other two."""
    a, b, c = np.moveaxis(centres, 1, 0)
    doubled = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    longest = np.max([np.hypot(*(p - q).T) for p, q in itertools.combinations((a, b, c), 2)], axis=0)
    return doubled / np.maximum(longest, 1e-9)


def task_17(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Three of one form and an odd one, as far from each of them, or not."""

    def attempt() -> Pair | None:
        a, odd = parts(rng, canvas, 2, NORMAL)
        kinds = [a, a, a, odd]
        middle = canvas.side * rng.uniform(0.1, 0.9, (COUNT, 1, 2))
        radius = canvas.side * rng.uniform(NORMAL[0], 0.5, (COUNT, 1, 1))
        angle = rng.uniform(0, 2 * np.pi, (COUNT, 3))
        around = middle + radius * np.stack([np.cos(angle), np.sin(angle)], axis=2)
        ones = admitted(canvas, kinds, np.concatenate([around, middle], axis=1))
        anywhere = places.anywhere(rng, canvas, [odd], COUNT)
        off = np.hypot(*(anywhere - middle)[:, 0].T) >= NORMAL[0] * canvas.side
        # Far from three that are near each other, all places are nearly equidistant.
        off &= np.ptp(np.hypot(*np.moveaxis(around - anywhere, 2, 0)), axis=1) >= canvas.side / 12
        zeros = admitted(canvas, kinds, np.concatenate([around, anywhere], axis=1)[off])
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def task_18(rng: np.random.Generator, canvas: Canvas) -> Pair:
    """Six of one form, symmetric about a vertical line, or three of them moved sideways."""

    def attempt() -> Pair | None:
        kinds = parts(rng, canvas, 1, NORMAL) * 6
        centres = mirrored_places(rng, canvas, 2 * COUNT)
        ones = admitted(canvas, kinds, centres)
        moved = centres.copy()
        # How far they are from the line is that of other layouts, so that the mean image is the same.
        axis = (centres[:, :3, 0] + centres[:, 3:, 0]) / 2
        moved[:, 3:, 0] = axis + rng.permutation((centres[:, 3:, 0] - axis).ravel()).reshape(axis.shape)
        zeros = admitted(canvas, kinds, moved[asymmetry(moved, canvas.side / 25) >= canvas.side / 10])
        return places.matched([ones], [zeros], places.of_ink(canvas))

    return until(attempt)


def asymmetry(centres: np.ndarray, level: float) -> np.ndarray:
    """How far the axes of three pairs of six centres are apart, paired the best way.

    Parameters
    ----------
    centres : ndarray, shape (count, 6, 2)
    level : float
        Two of a pair are no farther from each other than this in height.

    Returns
    -------
    ndarray, shape (count,)
    """
    pairs = centres[:, _PAIRINGS]
    uneven = np.abs(pairs[..., 0, 1] - pairs[..., 1, 1]).max(axis=2)
    axis = pairs[..., 0].mean(axis=3)
    between = axis.max(axis=2) - axis.min(axis=2)
    return np.where(uneven <= level, between, np.inf).min(axis=1)
