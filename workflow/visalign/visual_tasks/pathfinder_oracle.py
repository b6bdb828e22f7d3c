"""The answer to Pathfinder from the image: whether ink joined over small gaps connects the markers."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

#: Ink is brighter, in grey levels.
INK = 64
#: What pixels may add to half a gap.
PIXEL = 0.6


def answer(image: np.ndarray, markers: np.ndarray, reach: float) -> int:
    """Whether ink that is joined over gaps connects two markers.

    Parameters
    ----------
    image : ndarray of uint8, shape (side, side)
        Bright contours on dark ground.
    markers : ndarray, shape (2, 2)
        Centres (x, y) in pixels.
    reach : float
        Half of the largest gap that is bridged, in pixels.

    Returns
    -------
    int
        1 where both are in one component.
    """
    near = ndimage.distance_transform_edt(image <= INK) <= reach
    component = ndimage.label(near, np.ones((3, 3)))[0]
    (x0, y0), (x1, y1) = np.rint(markers).astype(int)
    first, second = component[y0, x0], component[y1, x1]
    return int(first == second and first > 0)


def markers_of(image: np.ndarray, radius: float) -> np.ndarray | None:
    """Centres (2, 2) of the two filled discs of an image, by erosion; None where there are not two.

    Parameters
    ----------
    radius : float
        Of the discs, in pixels.
    """
    depth = ndimage.distance_transform_edt(image > INK)
    component, count = ndimage.label(depth > 0.6 * radius)
    if count != 2:
        return None
    centres = ndimage.center_of_mass(depth, component, [1, 2])
    return np.array([(x, y) for y, x in centres])
