"""Closed contours of the synthetic visual reasoning test (Fleuret et al. 2011), around their centre."""

from __future__ import annotations

import numpy as np

#: Displacement of a midpoint, in times the distance of its two points.
ROUGHNESS = 1 / 5
#: Largest distance between points, in pixels.
STEP = 0.25
TRIES = 1000
#: Points over which a contour is smoothed when its length is measured, about a pixel.
SMOOTHED = 6


def contour(rng: np.random.Generator, radius: float, hole: float) -> np.ndarray:
    """Draw a contour that stays within an annulus.

    One point in each quadrant, then midpoints that are displaced within discs, again and again, until points
    are a quarter pixel apart; turned at random. A contour that leaves the annulus is drawn anew.

    Parameters
    ----------
    radius, hole : float
        Of the annulus, in pixels.

    Returns
    -------
    ndarray, shape (n_points, 2)
        In order, around (0, 0), without the first again at the end.
    """
    for _ in range(TRIES):
        distance, angle = (
            rng.uniform(hole, radius, 4),
            rng.uniform(0, np.pi / 2, 4) + np.arange(4) * np.pi / 2,
        )
        points = np.column_stack([distance * np.cos(angle), distance * np.sin(angle)])
        inside = True
        while inside:
            ahead = np.roll(points, -1, axis=0)
            length = np.hypot(*(ahead - points).T)
            long = np.flatnonzero(length > STEP)
            if not len(long):
                break
            drawn = np.sqrt(rng.random(len(long))) * length[long] * ROUGHNESS
            turn = rng.uniform(0, 2 * np.pi, len(long))
            away = drawn[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
            middle = (points[long] + ahead[long]) / 2 + away
            points = np.insert(points, long + 1, middle, axis=0)
            reach = np.hypot(*middle.T)
            inside = bool((reach >= hole).all() and (reach <= radius).all())
        if inside:
            return turned(points, rng.uniform(0, 2 * np.pi))
    raise RuntimeError(f"no contour between {hole:g} and {radius:g} pixels in {TRIES} tries")


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Points turned around (0, 0) by an angle in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


def mirrored(points: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Points mirrored at a line through (0, 0).

    Parameters
    ----------
    axis : ndarray, shape (2,)
        Direction of the line.
    """
    unit = axis / np.hypot(*axis)
    return 2 * (points @ unit)[:, None] * unit - points


def length_of(points: np.ndarray) -> float:
    """Length of a closed contour, smoothed over a pixel: what its ink is."""
    every = points[::SMOOTHED]
    return float(np.hypot(*(np.roll(every, -1, axis=0) - every).T).sum())


def reach_of(points: np.ndarray) -> float:
    """Largest distance of a point from (0, 0)."""
    return float(np.hypot(*points.T).max())


def refined(points: np.ndarray) -> np.ndarray:
    """Contour whose points are again a quarter pixel apart, after it was enlarged."""
    while True:
        ahead = np.roll(points, -1, axis=0)
        long = np.flatnonzero(np.hypot(*(ahead - points).T) > STEP)
        if not len(long):
            return points
        points = np.insert(points, long + 1, (points[long] + ahead[long]) / 2, axis=0)
