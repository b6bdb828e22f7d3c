"""Distances of line segments in the plane, exact."""

from __future__ import annotations

import numpy as np


def to_points(segments: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distances of points to segments.

    Parameters
    ----------
    segments : ndarray, shape (..., 2, 2)
        First and last point of each; they broadcast with the points.
    points : ndarray, shape (..., 2)

    Returns
    -------
    ndarray, shape (...)
    """
    start, along = segments[..., 0, :], segments[..., 1, :] - segments[..., 0, :]
    x, y = points[..., 0] - start[..., 0], points[..., 1] - start[..., 1]
    square = along[..., 0] ** 2 + along[..., 1] ** 2
    with np.errstate(invalid="ignore"):  # a segment of no length is its first point
        share = np.nan_to_num((x * along[..., 0] + y * along[..., 1]) / square)
    share = np.clip(share, 0, 1)
    return np.hypot(x - share * along[..., 0], y - share * along[..., 1])


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distances of segments to segments; 0 of those that cross or touch.

    Parameters
    ----------
    first, second : ndarray, shape (..., 2, 2)
        First and last point of each; they broadcast.

    Returns
    -------
    ndarray, shape (...)
    """
    a, b, c, d = first[..., 0, :], first[..., 1, :], second[..., 0, :], second[..., 1, :]
    crossing = (_side(a, b, c) * _side(a, b, d) < 0) & (_side(c, d, a) * _side(c, d, b) < 0)
    nearest = np.minimum(
        np.minimum(to_points(first, c), to_points(first, d)),
        np.minimum(to_points(second, a), to_points(second, b)),
    )
    return np.where(crossing, 0.0, nearest)


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
    """On which side of the line from a to b a point lies, as the sign."""
    along, to = b - a, point - a
    return along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]
