"""Strokes, discs and polygons on a grid of pixels, each pixel by how much of it is covered.

Coordinates are (x, y) in pixels, y down, the centre of the first pixel at 0. Coverage follows from how far
a pixel's centre is from the edge: exact for straight edges along the axes, within .1 elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np


def stroke(canvas: np.ndarray, line: np.ndarray, thickness: float) -> None:
    """Draw a polyline with round ends on `canvas`, where it covers more than what is there.

    Parameters
    ----------
    canvas : ndarray of float32, shape (height, width)
        Coverage from 0 to 1, changed in place.
    line : ndarray, shape (n_points, 2)
    thickness : float
        In pixels.
    """
    for window, distance in _distances(canvas.shape, line, thickness / 2 + 1):
        canvas[window] = np.maximum(canvas[window], np.clip(thickness / 2 + 0.5 - distance, 0, 1))


def outline(canvas: np.ndarray, contour: np.ndarray, thickness: float) -> None:
    """Draw a closed contour of many short segments, all at once; as `stroke` of it and its first point.

    Parameters
    ----------
    contour : ndarray, shape (n_points, 2)
        Without its first point again at the end.
    """
    ends = np.roll(contour, -1, axis=0)
    middle, half = np.round((contour + ends) / 2).astype(int), np.hypot(*(ends - contour).T).max() / 2
    reach = int(np.ceil(thickness / 2 + 0.5 + half + 0.5))
    x, y = (part.ravel() for part in np.meshgrid(*[np.arange(-reach, reach + 1)] * 2))
    x, y = middle[:, :1] + x, middle[:, 1:] + y
    along = (ends - contour)[:, None]
    dx, dy = x - contour[:, :1], y - contour[:, 1:]
    squared = np.maximum((along**2).sum(axis=2), 1e-12)
    share = np.clip((dx * along[..., 0] + dy * along[..., 1]) / squared, 0, 1)
    distance = np.hypot(dx - share * along[..., 0], dy - share * along[..., 1])
    covered = np.clip(thickness / 2 + 0.5 - distance, 0, 1)
    shown = (covered > 0) & (x >= 0) & (y >= 0) & (x < canvas.shape[1]) & (y < canvas.shape[0])
    np.maximum.at(canvas, (y[shown], x[shown]), covered[shown].astype(canvas.dtype))


def disc(canvas: np.ndarray, centre: np.ndarray, radius: float) -> None:
    """Draw a filled disc, see `stroke`."""
    stroke(canvas, np.array([centre, centre], dtype=float), 2 * radius)


def ring(canvas: np.ndarray, centre: np.ndarray, radius: float, thickness: float) -> None:
    """Draw a circle of `radius` to the middle of its line, see `stroke`."""
    points = np.array([centre, centre], dtype=float)
    for window, distance in _distances(canvas.shape, points, radius + thickness / 2 + 1):
        covered = np.clip(thickness / 2 + 0.5 - np.abs(distance - radius), 0, 1)
        canvas[window] = np.maximum(canvas[window], covered)


def inside(shape: tuple[int, int], polygon: np.ndarray) -> np.ndarray:
    """Mask of the pixels whose centre lies in a closed polygon, by the even-odd rule.

    Parameters
    ----------
    polygon : ndarray, shape (n_points, 2)
        Without its first point again at the end.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    height, width = shape
    crossings = np.zeros((height, width + 1), dtype=np.int32)
    ends = np.roll(polygon, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(polygon, ends, strict=True):
        first, last = sorted((y0, y1))
        rows = np.arange(max(int(np.ceil(first)), 0), min(int(np.ceil(last)), height))
        if not len(rows):
            continue
        x = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
        np.add.at(crossings, (rows, np.clip(np.ceil(x).astype(int), 0, width)), 1)
    return np.cumsum(crossings[:, :width], axis=1) % 2 == 1


def grey(canvas: np.ndarray, ground: int = 0, ink: int = 255) -> np.ndarray:
    """Grey levels of a canvas, (height, width) uint8."""
    return np.rint(ground + (ink - ground) * canvas).astype(np.uint8)


def _distances(
    shape: tuple[int, ...], line: np.ndarray, reach: float
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """For each segment, the window within `reach` of it and the distances of its pixels to the segment."""
    for start, end in itertools.pairwise(line):
        low = np.floor(np.minimum(start, end) - reach).astype(int)
        high = np.ceil(np.maximum(start, end) + reach).astype(int) + 1
        x = np.arange(max(low[0], 0), min(high[0], shape[1]))
        y = np.arange(max(low[1], 0), min(high[1], shape[0]))
        if not len(x) or not len(y):
            continue
        along = end - start
        length = float(along @ along)
        dx, dy = x[None, :] - start[0], y[:, None] - start[1]
        share = np.clip((dx * along[0] + dy * along[1]) / length, 0, 1) if length else 0.0
        distance = np.hypot(dx - share * along[0], dy - share * along[1])
        yield (slice(y[0], y[-1] + 1), slice(x[0], x[-1] + 1)), distance
