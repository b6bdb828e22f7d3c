"""Claims about rays: known distances, the same answers as points along a line, a camera and its inverse."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.visual_tasks.ray_cast import Box, Camera, blocked, disc_points, normal_of, to_box, to_sphere

BOX = Box(0.3, -0.2, 0.6, 0.4, 1.0, 0.7)


def test_rays_meet_spheres_and_boxes_at_known_distances():
    start, along = np.array([-5.0, 0, 0.5]), np.array([1.0, 0, 0])
    assert to_sphere(start, along, np.array([0, 0, 0.5]), 1) == pytest.approx(4)
    assert to_sphere(start, along, np.array([0, 1, 0.5]), 2) == pytest.approx(5 - 3**0.5)
    assert np.isinf(to_sphere(start, along, np.array([0, 2.1, 0.5]), 2))
    assert np.isinf(to_sphere(start, -along, np.array([0, 0, 0.5]), 1))
    assert to_box(start, along, Box(0, 0, 1, 2, 1, 0)) == pytest.approx(4)
    assert to_box(start, along, Box(0, 0, 1, 2, 1, np.pi / 2)) == pytest.approx(3)
    assert to_box(start, along, Box(0, 0, 1, 1, 1, np.pi / 4)) == pytest.approx(5 - 2**0.5)
    assert np.isinf(to_box(start, along, Box(0, 0, 1, 2, 0.4, 0)))


def inside(points: np.ndarray, box: Box) -> np.ndarray:
    """Whether points (n, 3) lie in a box, by its corners on the ground."""
    turn = np.array([[np.cos(box.turn), np.sin(box.turn)], [-np.sin(box.turn), np.cos(box.turn)]])
    own = (points[:, :2] - (box.x, box.y)) @ turn.T
    flat = (np.abs(own) <= (box.half_width, box.half_depth)).all(axis=1)
    return flat & (points[:, 2] >= 0) & (points[:, 2] <= box.height)


def test_a_line_is_blocked_if_a_point_of_it_lies_in_a_box():
    rng = np.random.default_rng(0)
    starts, ends = rng.uniform((-2, -2, 0), (2, 2, 1.5), (2, 400, 3))
    found, share = blocked(starts, ends, [BOX]), np.linspace(0, 1, 1001)[:, None]
    dense = np.array([inside(a + share * (b - a), BOX).any() for a, b in zip(starts, ends, strict=True)])
    assert (dense <= found).all() and (dense != found).mean() < 0.01 and 0.1 < found.mean() < 0.9


def test_rays_enter_a_box_at_its_faces_whose_normals_point_at_them():
    rng = np.random.default_rng(1)
    start, target = np.array([3.0, 1.0, 2.0]), rng.uniform((-1, -1, 0), (1, 1, 1), (300, 3))
    along = (target - start) / np.linalg.norm(target - start, axis=1, keepdims=True)
    distance = to_box(start, along, BOX)
    hit = np.isfinite(distance)
    points = start + distance[hit, None] * along[hit]
    assert inside(points + 1e-6 * along[hit], BOX).all() and not inside(points - 1e-6 * along[hit], BOX).any()
    normals = normal_of(BOX, points)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    assert (np.einsum("ij,ij->i", normals, along[hit]) < 0).all()
    assert not inside(points + 1e-6 * normals, BOX).any()


def test_corners_of_a_box_bound_it():
    np.testing.assert_allclose(BOX.corners.mean(axis=0), (0.3, -0.2, 0.5))
    shrunk = BOX.corners * 0.999 + 0.001 * BOX.corners.mean(axis=0)
    assert inside(shrunk, BOX).all() and not inside(2 * BOX.corners - shrunk, BOX).any()


@pytest.mark.parametrize("side", [64, 225])
def test_a_camera_sees_a_point_along_the_ray_through_its_pixel(side):
    camera = Camera(np.array([4.0, -3, 2.5]), np.array([0, 0, 0.4]), np.deg2rad(44))
    points = np.random.default_rng(2).uniform(-1, 1, (50, 3))
    rays = camera.rays(camera.seen_at(points, side), side)
    away = np.linalg.norm(points - camera.position, axis=1, keepdims=True)
    np.testing.assert_allclose(camera.position + away * rays, points, atol=1e-9)
    np.testing.assert_allclose(camera.seen_at(camera.target, side), (side - 1) / 2)
    above = camera.seen_at(camera.target + np.array([0, 0, 0.1]), side)
    assert above[1] < (side - 1) / 2 == pytest.approx(above[0])  # up in the world is up in the image
    edge = camera.rays(np.array([[-0.5, (side - 1) / 2]]), side)[0]
    assert np.arccos(edge @ camera.axes[2]) == pytest.approx(np.deg2rad(22))


def test_points_of_a_disc_are_spread_evenly_and_face_the_eye():
    eye, centre = np.array([2.0, 1, 0.5]), np.array([-1.0, 0.5, 0.3])
    points = disc_points(eye, centre, 0.16, 400) - centre
    away = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose(points @ (centre - eye), 0, atol=1e-12)
    assert away.max() <= 0.16 and away.mean() == pytest.approx(0.16 * 2 / 3, rel=0.01)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.002)
