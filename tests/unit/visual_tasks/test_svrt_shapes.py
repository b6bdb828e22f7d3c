"""Claims about random contours and their places: within an annulus, of one amount of ink, apart."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.visual_tasks import raster, svrt_places, svrt_shapes
from visalign.visual_tasks.svrt_places import Canvas, Layout

SQUARE = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("hole", [0.1, 4 / 9, 0.5])
def test_contours_lie_in_an_annulus_whose_hole_they_go_around(hole):
    for contour in svrt_shapes.contours(rng(), 20, hole):
        # About its centre of area; the annulus' middle is within the hole's reach of all points.
        assert np.hypot(*(contour[:, None] - contour).T).max() <= 2
        assert svrt_shapes.area(contour[None])[0] > np.pi * hole**2


def test_steps_of_a_contour_are_short():
    contours = svrt_shapes.contours(rng(), 50, 0.1)
    steps = np.hypot(*np.moveaxis(np.roll(contours, -1, axis=1) - contours, 2, 0))
    # A part of a sixth of 128 pixels has a radius of 11.
    assert steps.mean() * 128 / 12 < 0.25


def test_area_and_centre_are_those_of_polygons():
    moved = SQUARE[None] * [2, 1] + [3, 5]
    assert svrt_shapes.area(moved) == pytest.approx([8])
    np.testing.assert_allclose(svrt_shapes.centroids(moved), [[3, 5]])


@pytest.mark.parametrize("unlike", [{}, {"turned": True}, {"mirrored": True}, {"asymmetric": True}])
def test_several_contours_have_one_length_and_differ(unlike):
    contours = svrt_shapes.several(rng(), 3, 0.1, **unlike)
    np.testing.assert_allclose(svrt_shapes.length(contours), svrt_shapes.length(contours[:1])[0])
    profile = svrt_shapes.profiles(contours / np.sqrt(svrt_shapes.area(contours))[:, None, None], outer=True)
    alike = svrt_shapes.likeness(profile, profile, turned="turned" in unlike)
    np.testing.assert_allclose(alike.diagonal(), 1)
    assert alike[~np.eye(3, dtype=bool)].max() < svrt_shapes.LIKENESS + 0.05
    if "asymmetric" in unlike:
        mirrored = svrt_shapes.likeness(profile, svrt_shapes.mirror(profile), turned=False)
        assert mirrored.diagonal().max() < svrt_shapes.LIKENESS + 0.05


def test_a_turned_shape_is_alike_only_if_turns_count():
    (contour,) = svrt_shapes.several(rng(), 1, 0.1)
    both = np.stack([contour, svrt_shapes.turn(contour, 2.0)])
    profile = svrt_shapes.profiles(both, outer=True)
    assert svrt_shapes.likeness(profile, profile, turned=True)[0, 1] > 0.93
    assert svrt_shapes.likeness(profile, profile, turned=False)[0, 1] < 0.9


def test_ink_is_that_of_the_drawn_line():
    shapes = [svrt_shapes.shape(each, 40, "a") for each in svrt_shapes.several(rng(), 2, 0.1)]
    layout = Layout(shapes, np.array([[35.0, 40.0], [80.0, 70.0]]))
    canvas = np.zeros((112, 112), np.float32)
    for shape, centre in zip(shapes, layout.centres, strict=True):
        raster.outline(canvas, shape.points + centre, 1.6)
    total, (y, x) = canvas.sum(), np.indices(canvas.shape)
    mean = np.array([(canvas * x).sum(), (canvas * y).sum()]) / total
    amount, *moments = layout.ink()
    assert total == pytest.approx(1.6 * amount, rel=0.06)
    np.testing.assert_allclose(moments[:2], mean, atol=0.5)
    spread = [
        (canvas * (a - m) * (b - n)).sum() / total
        for a, m, b, n in ((x, mean[0], x, mean[0]), (y, mean[1], y, mean[1]), (x, mean[0], y, mean[1]))
    ]
    np.testing.assert_allclose(moments[2:], spread, rtol=0.03, atol=5)


def test_shapes_that_are_apart_are_as_far_from_each_other_as_lines_need():
    canvas = Canvas(112, 1.6)
    shapes = [svrt_shapes.shape(each, 40, "a") for each in svrt_shapes.several(rng(), 2, 0.1)]
    centres = svrt_places.anywhere(rng(), canvas, shapes, 400)
    allowed = svrt_places.apart(canvas, shapes, centres)
    lengths = np.array([svrt_places.distance(*shapes, b - a) for a, b in centres])
    assert 0.2 < allowed.mean() < 0.9
    assert lengths[allowed].min() > canvas.gap - 0.4
    # Refused are those whose lines are near, or of which one lies in a bay of the other.
    assert np.median(lengths[~allowed]) < canvas.gap


def test_a_shape_that_moves_until_it_touches_is_at_that_distance():
    shapes = [svrt_shapes.shape(each, 40, "a") for each in svrt_shapes.several(rng(), 2, 0.1)]
    offset = svrt_places.touching(*shapes, np.array([60.0, 0]), np.array([-1.0, 0]), 1.0)
    assert offset is not None and svrt_places.distance(*shapes, offset) == pytest.approx(1, abs=0.05)
    assert svrt_places.touching(*shapes, np.array([60.0, 90]), np.array([-1.0, 0]), 1.0) is None


def test_the_layouts_most_alike_are_matched():
    (shape,) = [svrt_shapes.shape(each, 20, "a") for each in svrt_shapes.several(rng(), 1, 0.1)]
    ones = svrt_places.Admitted([shape], np.array([[[10.0, 10]], [[50, 50]]]))
    zeros = svrt_places.Admitted([shape], np.array([[[90.0, 20]], [[49, 51]], [[30, 80]]]))
    found = svrt_places.matched([ones], [zeros], svrt_places.of_ink(Canvas(112, 1.6)))
    assert found is not None
    assert [layout.centres.tolist() for layout in found] == [[[50, 50]], [[49, 51]]]
    empty = svrt_places.Admitted([shape], np.zeros((0, 1, 2)))
    assert svrt_places.matched([ones], [empty], svrt_places.of_ink(Canvas(112, 1.6))) is None
