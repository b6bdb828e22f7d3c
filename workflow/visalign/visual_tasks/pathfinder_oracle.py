"""What solves Pathfinder from its pixels: dashes that are near each other are one contour."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

#: Images are enlarged by this, so that gaps are measured to a fraction of a pixel.
ENLARGED = 4
#: A line of thickness 1 that runs between two rows of pixels covers half of each; this is a little less.
THIN = 0.42


def answer(image: np.ndarray, markers: np.ndarray, reach: float, thickness: float) -> int:
    """Whether two markers lie on one contour.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width)
        White on black.
    markers : ndarray, shape (2, 2)
        Their centres (x, y) in pixels.
    reach : float
        Dashes are one contour where the gap between their edges is at most twice this, in pixels.
    thickness : float
        Of dashes, in pixels.

    Returns
    -------
    int
        1 if a chain of such gaps leads from one marker to the other, else 0.
    """
    groups = contours(image, reach, thickness)
    first, second = (_at(groups, marker) for marker in np.asarray(markers, dtype=float))
    return int(first == second and first > 0)


def contours(image: np.ndarray, reach: float, thickness: float) -> np.ndarray:
    """Number of the contour that is within `reach` of each point, 0 where none is.

    Returns
    -------
    ndarray of int, shape (ENLARGED (height - 1) + 1, ENLARGED (width - 1) + 1)
    """
    height, width = image.shape
    shape = (ENLARGED * (height - 1) + 1, ENLARGED * (width - 1) + 1)
    # Twice linear along an axis: what lies half way between two pixels has half of each.
    levels = _between(_between(image.astype(np.float32)).T).T
    assert levels.shape == shape
    level = _level(thickness)
    away = ndimage.distance_transform_edt(levels < 255 * level)
    # An edge of level .5 is where it was drawn, and one of a lower level as much farther out.
    return ndimage.label(away <= (reach - 0.5 + level) * ENLARGED, structure=np.ones((3, 3)))[0]


def markers(image: np.ndarray, thickness: float) -> np.ndarray | None:
    """Find the centres of two filled discs among lines of a thickness.

    Returns
    -------
    ndarray, shape (2, 2), or None
        (x, y) in pixels; None where there are not two blobs thicker than any line.
    """
    levels = _between(_between(np.pad(image, 1).astype(np.float32)).T).T
    inside = ndimage.distance_transform_edt(levels >= 255 * _level(thickness))
    groups, count = ndimage.label(inside > 0.75 * thickness * ENLARGED)
    if count < 2:
        return None
    depths = ndimage.maximum(inside, groups, range(1, count + 1))
    two = np.sort(np.argsort(depths)[-2:]) + 1
    centres = np.array(ndimage.center_of_mass(inside, groups, two))
    return centres[:, ::-1] / ENLARGED - 1


def _level(thickness: float) -> float:
    """Share of white from which a point is ink: lower for lines that cover no pixel whole."""
    return min(0.5, THIN * thickness)


def _between(levels: np.ndarray) -> np.ndarray:
    """Levels with ENLARGED - 1 more rows between each two, linear."""
    steps = np.arange(ENLARGED, dtype=np.float32)[None, :, None] / ENLARGED
    rows = levels[:-1, None] * (1 - steps) + levels[1:, None] * steps
    return np.concatenate([rows.reshape(-1, levels.shape[1]), levels[-1:]])


def _at(groups: np.ndarray, point: np.ndarray) -> int:
    column, row = np.rint(point * ENLARGED).astype(int)
    height, width = groups.shape
    return int(groups[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)])
