"""What solves depth order and perspective from the geometry of a scene, by rendering what eyes see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from visalign.visual_tasks.ray_cast import Box, Camera, to_box, to_sphere

#: Side of the view from the viewer's eye, which the ball nearly fills; and by how much it does.
SIDE, WIDER = 64, 1.2


def sees(geometry: Mapping[str, Any]) -> float:
    """Share of the ball that is left in the view from the viewer's eye.

    Parameters
    ----------
    geometry : mapping
        A line of ``geometry.json``: boxes, ball, eye and radius.

    Returns
    -------
    float
        Pixels of the ball where no box is nearer, over those without boxes.
    """
    eye, ball, radius = np.array(geometry["eye"]), np.array(geometry["ball"]), geometry["radius"]
    view = 2 * WIDER * np.arcsin(radius / np.linalg.norm(ball - eye))
    rays = _rays(Camera(eye, ball, view), SIDE)
    to_ball = to_sphere(eye, rays, ball, radius)
    of_ball = np.isfinite(to_ball)
    nearest = np.min([to_box(eye, rays, Box(*box)) for box in geometry["boxes"]], axis=0)
    return float((of_ball & (to_ball < nearest)).sum() / of_ball.sum())


def perspective(geometry: Mapping[str, Any]) -> int:
    """Whether the viewer sees the ball: 1 if more than half of it."""
    return int(sees(geometry) > 0.5)


def depth(geometry: Mapping[str, Any], parts: np.ndarray) -> int:
    """Whether the ball is farther from the observer than the viewer, by the distances of the pixels of both.

    Parameters
    ----------
    geometry : mapping
        See `sees`; also viewer, observer, looked_at and view.
    parts : ndarray of uint8, shape (side, side)
        1 where the ball is, 2 where the viewer is.

    Returns
    -------
    int
        1 if it is farther.
    """
    position = np.array(geometry["observer"])
    rays = _rays(Camera(position, np.array(geometry["looked_at"]), geometry["view"]), len(parts))
    median = []
    for part, body in ((1, "ball"), (2, "viewer")):
        found = to_sphere(position, rays[parts == part], np.array(geometry[body]), geometry["radius"])
        median.append(np.median(found[np.isfinite(found)]))
    return int(median[0] > median[1])


def _rays(camera: Camera, side: int) -> np.ndarray:
    pixels = np.arange(side, dtype=float)
    return camera.rays(np.stack(np.meshgrid(pixels, pixels), axis=-1), side)
