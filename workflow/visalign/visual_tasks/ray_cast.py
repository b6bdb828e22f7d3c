"""Rays, spheres, boxes that stand on a plane, and a camera that looks at them.

World coordinates are (x, y, z), z up, the plane at z = 0. Image coordinates are (x, y) in pixels, y down, the
centre of the first pixel at 0.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A box on the plane: middle (x, y) of its foot, half sides, height, and its turn in radians."""

    x: float
    y: float
    half_width: float
    half_depth: float
    height: float
    turn: float

    def own(self, vectors: np.ndarray) -> np.ndarray:
        """Directions (..., 3) in the box's own axes."""
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=vectors.dtype)
        return vectors @ turned

    def own_points(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in the box's own axes, from its middle."""
        return self.own(points - np.array([self.x, self.y, self.height / 2], dtype=points.dtype))

    @property
    def half(self) -> np.ndarray:
        """Half its sides, (3,)."""
        return np.array([self.half_width, self.half_depth, self.height / 2])

    @property
    def corners(self) -> np.ndarray:
        """Its corners in the world, (8, 3)."""
        signs = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        return signs * self.half @ turned.T + np.array([self.x, self.y, self.height / 2])


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole at `position` that looks at `target`; its image's side spans the angle `view`, in radians."""

    position: np.ndarray
    target: np.ndarray
    view: float

    @functools.cached_property
    def axes(self) -> np.ndarray:
        """Right, down and forward as unit vectors, (3, 3), a row each."""
        forward = self.target - self.position
        forward = forward / np.linalg.norm(forward)
        # A camera that looks straight up or down has no right of its own.
        above = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
        right = np.cross(forward, above)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(forward, right), forward])

    def focal(self, side: int) -> float:
        """Focal length in pixels of an image of `side` pixels."""
        return side / 2 / np.tan(self.view / 2)

    def rays(self, points: np.ndarray, side: int) -> np.ndarray:
        """Unit directions (..., 3) through points (..., 2) of an image of `side` pixels."""
        middle = (side - 1) / 2
        ahead = np.full((*points.shape[:-1], 1), self.focal(side), dtype=points.dtype)
        found = np.concatenate([points - points.dtype.type(middle), ahead], axis=-1)
        found = found @ self.axes.astype(points.dtype)
        return found / np.sqrt(np.einsum("...i,...i->...", found, found))[..., None]

    def seen_at(self, points: np.ndarray, side: int) -> np.ndarray:
        """Where points (..., 3) of the world lie in an image of `side` pixels, (..., 2)."""
        right, down, ahead = np.moveaxis((points - self.position) @ self.axes.T, -1, 0)
        return np.stack([right, down], axis=-1) * (self.focal(side) / ahead)[..., None] + (side - 1) / 2


def to_sphere(starts: np.ndarray, directions: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """How far rays go until they enter a sphere; infinite for those that do not.

    Parameters
    ----------
    starts, directions : ndarray, shape (..., 3)
        They broadcast; directions are unit vectors.
    centre : ndarray, shape (3,)

    Returns
    -------
    ndarray, shape (...)
    """
    offset = starts - centre.astype(directions.dtype)
    along = np.einsum("...i,...i->...", offset, directions)
    left = along**2 - np.einsum("...i,...i->...", offset, offset) + directions.dtype.type(radius**2)
    found = -along - np.sqrt(np.maximum(left, 0))
    return np.where((left >= 0) & (found > 0), found, np.inf).astype(directions.dtype)


def through_box(starts: np.ndarray, directions: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Where lines enter a box and leave it, in lengths of their directions; those that miss leave before.

    Parameters
    ----------
    starts, directions : ndarray, shape (..., 3)
        They broadcast.

    Returns
    -------
    enter, leave : ndarray, shape (...)
    """
    start, along = box.own_points(starts), box.own(directions)
    tiny = along.dtype.type(1e-12)
    along = np.where(np.abs(along) < tiny, tiny, along)
    half = box.half.astype(along.dtype)
    middle, reach = -start / along, half / np.abs(along)
    enter, leave = middle - reach, middle + reach
    # Axis by axis: a reduction over three numbers takes several times as long.
    return (
        np.maximum(np.maximum(enter[..., 0], enter[..., 1]), enter[..., 2]),
        np.minimum(np.minimum(leave[..., 0], leave[..., 1]), leave[..., 2]),
    )


def to_box(starts: np.ndarray, directions: np.ndarray, box: Box) -> np.ndarray:
    """How far rays go until they enter a box; infinite for those that do not. See `to_sphere`."""
    enter, leave = through_box(starts, directions, box)
    return np.where((enter <= leave) & (enter > 0), enter, np.inf).astype(directions.dtype)


def blocked(starts: np.ndarray, ends: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """Which straight lines from point to point pass through a box.

    Parameters
    ----------
    starts, ends : ndarray, shape (..., 3)
        They broadcast.

    Returns
    -------
    ndarray of bool, shape (...)
    """
    along = ends - starts
    found = np.zeros(along.shape[:-1], bool)
    for box in boxes:
        enter, leave = through_box(starts, along, box)
        found |= (enter <= leave) & (leave > 0) & (enter < 1)
    return found


def normal_of(box: Box, points: np.ndarray) -> np.ndarray:
    """Outward unit normals (n, 3) of a box at points (n, 3) on its faces."""
    own = box.own_points(points)
    axis = np.argmax(np.abs(own) / box.half.astype(own.dtype), axis=1)
    rows = np.arange(len(own))
    normals = np.zeros_like(own)
    normals[rows, axis] = np.sign(own[rows, axis])
    cosine, sine = np.cos(box.turn), np.sin(box.turn)
    turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=own.dtype)
    return normals @ turned.T


def disc_points(eyes: np.ndarray, centres: np.ndarray, radius: float, count: int) -> np.ndarray:
    """Points spread evenly over the disc that a sphere shows to an eye, as the seeds of a sunflower.

    Parameters
    ----------
    eyes, centres : ndarray, shape (..., 3)
        They broadcast.
    radius : float
    count : int

    Returns
    -------
    ndarray, shape (..., count, 3)
    """
    forward = centres - eyes
    forward = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    above = np.where(np.abs(forward[..., 2:]) < 0.999, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0])
    right = np.cross(forward, above)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    up = np.cross(right, forward)
    number = np.arange(count)
    away = radius * np.sqrt((number + 0.5) / count)
    angle = number * np.pi * (3 - np.sqrt(5))
    across = (away * np.cos(angle))[:, None] * right[..., None, :]
    return centres[..., None, :] + across + (away * np.sin(angle))[:, None] * up[..., None, :]
