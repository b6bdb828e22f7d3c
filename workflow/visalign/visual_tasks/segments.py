"""Exact distances of line segments in the plane."""

from __future__ import annotations

import numpy as np


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance of every segment of `a` from every one of `b`; 0 where they cross.

    Parameters
    ----------
    a, b : ndarray, shape (n, 2, 2) and (m, 2, 2)
        Ends of each segment.

    Returns
    -------
    ndarray, shape (n, m)
    """
    ends = [
        from_points(a[:, end], b) if of_a else from_points(b[:, end], a).T
        for of_a in (True, False)
        for end in (0, 1)
    ]
    nearest = np.minimum.reduce(ends)
    nearest[crossing(a, b)] = 0
    return nearest


def from_points(points: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Distance of every point (n, 2) from every segment (m, 2, 2), shape (n, m)."""
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    offset = points[:, None, :] - start[None]
    share = np.clip((offset * along).sum(axis=2) / length, 0, 1)
    return np.hypot(*np.moveaxis(offset - share[..., None] * along, 2, 0))


def crossing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether segments cross, (n, m)."""

    def sides(of: np.ndarray, points: np.ndarray) -> np.ndarray:
        along = of[:, 1] - of[:, 0]
        offset = points[None] - of[:, None, 0]
        return along[:, None, 0] * offset[..., 1] - along[:, None, 1] * offset[..., 0]

    apart_a = sides(a, b[:, 0]) * sides(a, b[:, 1]) < 0
    apart_b = (sides(b, a[:, 0]) * sides(b, a[:, 1]) < 0).T
    return apart_a & apart_b
