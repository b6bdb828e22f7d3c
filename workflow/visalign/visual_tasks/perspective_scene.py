"""Scenes of boxes on a checkered plane, a red ball and a green viewer: what they are and how they look."""

from __future__ import annotations

import colorsys
import dataclasses
from dataclasses import dataclass

import numpy as np

from visalign.visual_tasks import ray_cast
from visalign.visual_tasks.ray_cast import Box, Camera

#: Radii of the ball and the viewer's body, and of the viewer's nose, which lies this far towards its gaze.
RADIUS, NOSE, NOSE_AWAY = 0.16, 0.09, 0.2
#: Bodies lie this far from the middle of the plane, at these heights.
AWAY, HEIGHTS = (1.0, 1.9), (0.2, 0.8)
#: Angle that the observer's image spans, and where it looks at.
VIEW, LOOKED_AT = np.deg2rad(44), (0.0, 0.0, 0.4)
PLANE_END = 30.0
AMBIENT, SAMPLES = 0.4, 2
RED, GREEN, DARK_GREEN = (0.82, 0.1, 0.1), (0.15, 0.68, 0.22), (0.07, 0.33, 0.11)
#: Hues in degrees that are neither red nor green.
HUES = ((42, 62), (190, 290))
BALL, VIEWER, FIRST_BOX = 1, 2, 3


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What stands on the plane, who looks at it, and colours (0 to 1).

    `checks` are how many there are per unit of length, and the shift of their corner. `light` is the
    direction to the light.
    """

    boxes: list[Box]
    viewer: np.ndarray
    ball: np.ndarray
    observer: Camera
    light: np.ndarray
    checks: tuple[float, float, float]
    box_colours: list[np.ndarray]
    plane_colours: list[np.ndarray]
    sky: np.ndarray

    @property
    def eye(self) -> np.ndarray:
        """Middle of the viewer's nose, from where it looks at the ball."""
        return eyes(self.viewer, self.ball)

    def with_ball(self, ball: np.ndarray) -> Scene:
        """The same scene with the ball elsewhere."""
        return dataclasses.replace(self, ball=ball)


def eyes(viewer: np.ndarray, balls: np.ndarray) -> np.ndarray:
    """Where the eye of a viewer (3,) is that looks at balls (..., 3), in the same shape."""
    gaze = balls - viewer
    return viewer + NOSE_AWAY * gaze / np.linalg.norm(gaze, axis=-1, keepdims=True)


def bodies(rng: np.random.Generator, count: int) -> np.ndarray:
    """Places for balls or viewers, (count, 3)."""
    angle, away = rng.uniform(0, 2 * np.pi, count), rng.uniform(*AWAY, count)
    return np.stack([away * np.cos(angle), away * np.sin(angle), rng.uniform(*HEIGHTS, count)], axis=1)


def scene(rng: np.random.Generator) -> Scene:
    """A scene without a place for the ball yet, which stands where the viewer does."""
    boxes = _boxes(rng)
    viewer = bodies(rng, 1)[0]
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(18, 42))
    to_observer = rng.uniform(5, 6.5) * _direction(azimuth, elevation)
    target = np.array(LOOKED_AT)
    return Scene(
        boxes=boxes,
        viewer=viewer,
        ball=viewer,
        observer=Camera(target + to_observer, target, VIEW),
        light=_direction(rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(40, 70))),
        checks=(rng.uniform(0.8, 2.0), *rng.random(2)),
        box_colours=[_colour(rng, (0.3, 0.8), (0.5, 0.95)) for _ in boxes],
        plane_colours=[_colour(rng, (0.05, 0.35), value) for value in ((0.25, 0.5), (0.6, 0.95))],
        sky=_colour(rng, (0.05, 0.4), (0.6, 1.0)),
    )


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    flat = np.cos(elevation)
    return np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


def _colour(
    rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> np.ndarray:
    hue = rng.uniform(*HUES[int(rng.random() < 0.8)]) / 360
    return np.array(colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value)))


def _boxes(rng: np.random.Generator) -> list[Box]:
    """One box near the middle, or two that do not touch."""
    while True:
        boxes = []
        for _ in range(count := int(rng.integers(1, 3))):
            away, angle = rng.uniform(0, 0.5 if count == 1 else 1.1), rng.uniform(0, 2 * np.pi)
            width, depth = rng.uniform(0.35, 0.7), rng.uniform(0.25, 0.5)
            place = (away * np.cos(angle), away * np.sin(angle))
            boxes.append(Box(*place, width, depth, rng.uniform(0.6, 1.3), rng.uniform(0, np.pi)))
        reach = sum(np.hypot(box.half_width, box.half_depth) for box in boxes)
        if count == 1 or np.hypot(boxes[0].x - boxes[1].x, boxes[0].y - boxes[1].y) > reach:
            return boxes


def distance_to_boxes(points: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """Distance of points (n, 3) to the nearest box, 0 inside."""
    beyond = [np.maximum(np.abs(box.own_points(points)) - box.half, 0) for box in boxes]
    return np.min([np.linalg.norm(each, axis=1) for each in beyond], axis=0)


def render(shown: Scene, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and parts of a scene.

    Returns
    -------
    image : ndarray of uint8, shape (side, side, 3)
    parts : ndarray of uint8, shape (side, side)
        BALL, VIEWER, and boxes from FIRST_BOX on.
    """
    fine = SAMPLES * side
    pixels = np.arange(fine, dtype=np.float32)
    grid = np.stack(np.meshgrid(pixels, pixels), axis=-1)
    directions = shown.observer.rays(grid, fine).reshape(-1, 3)
    start = shown.observer.position.astype(np.float32)
    down = np.minimum(directions[:, 2], -1e-6)
    distance = np.where(directions[:, 2] < 0, -start[2] / down, np.inf).astype(np.float32)
    distance[distance > PLANE_END] = np.inf
    index = np.zeros(len(directions), np.uint8)
    colours = _ground(shown, start + np.minimum(distance, PLANE_END)[:, None] * directions)
    colours[np.isinf(distance)] = shown.sky
    normals = np.zeros_like(directions)
    normals[:, 2] = 1
    for part, colour, shape in _shapes(shown):
        where = _window(shape, shown.observer, fine)
        rays = directions[where]
        if isinstance(shape, Box):
            found = ray_cast.to_box(start, rays, shape)
        else:
            found = ray_cast.to_sphere(start, rays, *shape)
        nearer = found < distance[where]
        hit = where[nearer]
        distance[hit], index[hit], colours[hit] = found[nearer], part, colour
        points = start + found[nearer][:, None] * rays[nearer]
        if isinstance(shape, Box):
            normals[hit] = ray_cast.normal_of(shape, points)
        else:
            normals[hit] = (points - shape[0].astype(np.float32)) / np.float32(shape[1])
    lit = np.flatnonzero(np.isfinite(distance))
    points = start + distance[lit][:, None] * directions[lit] + np.float32(1e-3) * normals[lit]
    light = shown.light.astype(np.float32)
    facing = np.maximum(normals[lit] @ light, 0) * ~_shadowed(shown, points, light)
    colours[lit] *= (AMBIENT + (1 - AMBIENT) * facing)[:, None]
    samples = colours.reshape(side, SAMPLES, side, SAMPLES, 3)
    blocks = sum(samples[:, i, :, j] for i in range(SAMPLES) for j in range(SAMPLES)) / SAMPLES**2
    image = np.rint(255 * np.clip(blocks, 0, 1)).astype(np.uint8)
    return image, _commonest(index.reshape(side, SAMPLES, side, SAMPLES))


def _shapes(shown: Scene) -> list[tuple[int, object, Box | tuple[np.ndarray, float]]]:
    """Part, colour and shape of all that stands on the plane."""
    boxes = zip(shown.boxes, shown.box_colours, strict=True)
    return [
        (BALL, RED, (shown.ball, RADIUS)),
        (VIEWER, GREEN, (shown.viewer, RADIUS)),
        (VIEWER, DARK_GREEN, (shown.eye, NOSE)),
        *((FIRST_BOX + number, colour, box) for number, (box, colour) in enumerate(boxes)),
    ]


def _window(shape: Box | tuple[np.ndarray, float], camera: Camera, side: int) -> np.ndarray:
    """Numbers of the pixels that may show a shape."""
    if isinstance(shape, Box):
        points = shape.corners
    else:
        centre, radius = shape
        # The cube around a sphere covers it in every view.
        points = Box(0, 0, radius, radius, 2 * radius, 0).corners + centre - np.array([0, 0, radius])
    at = camera.seen_at(points, side)
    low = np.clip(np.floor(at.min(axis=0)), 0, side).astype(int)
    high = np.clip(np.ceil(at.max(axis=0)) + 1, 0, side).astype(int)
    return (np.arange(low[1], high[1])[:, None] * side + np.arange(low[0], high[0])).ravel()


def _ground(shown: Scene, points: np.ndarray) -> np.ndarray:
    """Colours of the plane at points, (n, 3) float32."""
    per_unit, *shift = shown.checks
    cells = np.floor(points[:, :2] * np.float32(per_unit) + np.array(shift, np.float32)).astype(np.int32)
    return np.array(shown.plane_colours, np.float32)[cells.sum(axis=1) % 2]


def _shadowed(shown: Scene, points: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Which points the light does not reach."""
    found = np.zeros(len(points), bool)
    for _, _, shape in _shapes(shown):
        if isinstance(shape, Box):
            found |= np.isfinite(ray_cast.to_box(points, light, shape))
        else:
            found |= np.isfinite(ray_cast.to_sphere(points, light, *shape))
    return found


def _commonest(samples: np.ndarray) -> np.ndarray:
    """Of the four samples of each pixel, (side, 2, side, 2), the value that two or more have."""
    four = np.sort(samples.transpose(0, 2, 1, 3).reshape(samples.shape[0], samples.shape[2], 4), axis=2)
    second, third = four[..., 1], four[..., 2]
    return np.where((second == four[..., 0]) | (second == third), second, third)
