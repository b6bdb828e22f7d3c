"""Place names beside points: off each other, off all points, inside the frame, as near as that allows."""

from __future__ import annotations

import numpy as np

#: Gaps between point and name to try, nearest first, and directions at each (radians; 0: right).
GAPS = (5, 9, 14, 20, 27, 36, 46, 58, 72, 88, 106, 126, 150, 180)
DIRECTIONS = np.arange(24) / 24 * 2 * np.pi


def offsets_to_try(size: np.ndarray) -> np.ndarray:
    """Return centres of a name of `size` (width, height) relative to its point, shape (n_candidates, 2)."""
    towards = np.column_stack([np.cos(DIRECTIONS), np.sin(DIRECTIONS)])
    return np.concatenate([towards * (size / 2 + gap) for gap in GAPS])


def place(points: np.ndarray, sizes: np.ndarray, obstacles: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return where to put the centres of names, one after the other, each at the nearest free place.

    All lengths are in one unit, such as printer's points.

    Parameters
    ----------
    points, sizes : ndarray, shape (n, 2)
        Points to name; width and height of their names.
    obstacles : ndarray, shape (m, 4)
        Centre, width and height of what no name may cover.
    frame : ndarray, shape (2, 2)
        Lower left and upper right corner within which names stay.

    Returns
    -------
    ndarray, shape (n, 2)
        Offsets from the points. A name that finds no free place gets the one that touches fewest things.
    """
    taken, offsets = obstacles, np.empty_like(points)
    for i, (point, size) in enumerate(zip(points, sizes, strict=True)):
        candidates = offsets_to_try(size)
        centres = point + candidates
        distance = np.abs(centres[:, None] - taken[:, :2])
        touched = (distance < (size + taken[:, 2:]) / 2).all(axis=2).sum(axis=1).astype(float)
        inside = ((centres - size / 2 >= frame[0]) & (centres + size / 2 <= frame[1])).all(axis=1)
        best = np.where(inside, touched, np.inf).argmin()
        offsets[i] = candidates[best]
        taken = np.vstack([taken, [*centres[best], *size]])
    return offsets
