"""Claims about closed contours that are drawn at once: they are what a stroke along them is."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.visual_tasks import raster, svrt_shapes


@pytest.mark.parametrize("thickness", [1.0, 1.6, 3.0])
def test_an_outline_is_the_stroke_of_its_closed_line(thickness):
    (contour,) = svrt_shapes.contours(np.random.default_rng(0), 1, 0.1) * 25 + 40
    at_once, one_by_one = np.zeros((2, 80, 80), np.float32)
    raster.outline(at_once, contour, thickness)
    raster.stroke(one_by_one, np.concatenate([contour, contour[:1]]), thickness)
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-5)


def test_what_lies_off_the_canvas_is_not_drawn():
    canvas = np.zeros((20, 20), np.float32)
    raster.outline(canvas, np.array([[-5.0, 10], [-5, 30], [-8, 20]]), 2)
    assert not canvas.any()
    raster.outline(canvas, np.array([[10.0, 10], [10, 10.5], [10, 11]]), 2)
    assert canvas[10, 10] == 1
