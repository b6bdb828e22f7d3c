"""What solves Pathfinder from its pixels: dashes that are near each other are one contour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

#: Images are enlarged to about so many pixels a side, so that gaps are measured to a fraction of a pixel.
ENLARGED = 448
#: A line of thickness 1 that runs between two rows of pixels covers half of each; this is a little less.
THIN = 0.42


def answer(image: np.ndarray, markers: np.ndarray, reach: float, thickness: float) -> int:
    """Whether two markers lie on one contour, see `answers`."""
    return answers(image, markers, [reach], thickness)[0]


def answers(image: np.ndarray, markers: np.ndarray, reaches: Sequence[float], thickness: float) -> list[int]:
    """Whether two markers lie on one contour, by what counts as a gap within a contour.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width)
        White on black.
    markers : ndarray, shape (2, 2)
        Their centres (x, y) in pixels.
    reaches : sequence of float
        Dashes are one contour where the gap between their edges is at most twice this, in pixels.
    thickness : float
        Of dashes, in pixels.

    Returns
    -------
    list of int
        For each reach 1 if a chain of such gaps leads from one marker to the other, else 0.
    """
    times, level = _times(image), _level(thickness)
    away = ndimage.distance_transform_edt(_enlarged(image, times) < 255 * level)
    found = []
    for reach in reaches:
        # An edge of level .5 is where it was drawn, and one of a lower level as much farther out.
        near = away <= (reach - 0.5 + level) * times
        groups = ndimage.label(near, structure=np.ones((3, 3)))[0]
        first, second = (_at(groups, marker * times) for marker in np.asarray(markers, dtype=float))
        found.append(int(first == second and first > 0))
    return found


def markers(image: np.ndarray, thickness: float) -> np.ndarray | None:
    """Find the centres of two filled discs among lines of a thickness.

    Returns
    -------
    ndarray, shape (2, 2), or None
        (x, y) in pixels; None where there are not two blobs thicker than any line.
    """
    times = _times(image)
    levels = _enlarged(np.pad(image, 1), times)
    inside = ndimage.distance_transform_edt(levels >= 255 * _level(thickness))
    groups, count = ndimage.label(inside > 0.75 * thickness * times)
    if count < 2:
        return None
    depths = ndimage.maximum(inside, groups, range(1, count + 1))
    two = np.sort(np.argsort(depths)[-2:]) + 1
    centres = np.array(ndimage.center_of_mass(inside, groups, two))
    return centres[:, ::-1] / times - 1


def _level(thickness: float) -> float:
    """Share of white from which a point is ink: lower for lines that cover no pixel whole."""
    return min(0.5, THIN * thickness)


def _times(image: np.ndarray) -> int:
    return max(1, round(ENLARGED / max(image.shape)))


def _enlarged(image: np.ndarray, times: int) -> np.ndarray:
    """Levels at `times` as many points along each axis, linear between pixels."""
    return _between(_between(image.astype(np.float32), times).T, times).T


def _between(levels: np.ndarray, times: int) -> np.ndarray:
    """Levels with times - 1 more rows between each two, linear."""
    steps = np.arange(times, dtype=np.float32)[None, :, None] / times
    rows = levels[:-1, None] * (1 - steps) + levels[1:, None] * steps
    return np.concatenate([rows.reshape(-1, levels.shape[1]), levels[-1:]])


def _at(groups: np.ndarray, point: np.ndarray) -> int:
    column, row = np.rint(point).astype(int)
    height, width = groups.shape
    return int(groups[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)])
