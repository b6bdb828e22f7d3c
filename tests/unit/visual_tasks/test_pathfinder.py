"""Claims about Pathfinder: labels that an oracle reads off the image, and markers that give nothing away."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from visalign.errors import InputError
from visalign.visual_tasks import pathfinder, pathfinder_oracle, segments
from visalign.visual_tasks.pathfinder import draw

SIDE = 112


def answered(drawn) -> int:
    reach = drawn.geometry["joint"] + pathfinder_oracle.PIXEL
    return pathfinder_oracle.answer(drawn.image, np.array(drawn.geometry["markers"]), reach)


@pytest.mark.parametrize("length", [3, 6, 9])
def test_oracle_reads_every_label_off_the_image(length: int):
    for index in range(20):
        drawn = draw(0, index, SIDE, length=length)
        assert answered(drawn) == drawn.asked[0].label, f"image {index}"


@pytest.mark.slow
@pytest.mark.parametrize("length", [3, 6, 9])
def test_oracle_reads_a_thousand_labels(length: int):
    drawn = (draw(1, index, SIDE, length=length) for index in range(1000))
    assert all(answered(one) == one.asked[0].label for one in drawn)


def test_contours_as_near_as_published_are_mostly_told_apart():
    drawn = [draw(0, index, SIDE, length=6, published=True) for index in range(60)]
    right = np.mean([answered(one) == one.asked[0].label for one in drawn])
    assert 0.85 <= right <= 1


def test_markers_are_as_far_apart_whatever_the_label():
    drawn = [draw(0, index, SIDE, length=6) for index in range(160)]
    labels = np.array([one.asked[0].label for one in drawn])
    apart = np.array([np.hypot(*np.subtract(*one.geometry["markers"])) for one in drawn])
    assert ks_2samp(apart[labels == 1], apart[labels == 0]).pvalue > 0.01
    ink = np.array([one.image.sum() for one in drawn], float)
    assert ks_2samp(ink[labels == 1], ink[labels == 0]).pvalue > 0.01


def test_markers_are_found_in_the_image():
    for index in range(10):
        drawn = draw(0, index, SIDE, length=6)
        found = pathfinder_oracle.markers_of(drawn.image, pathfinder.MARKER)
        assert found is not None
        true = np.array(drawn.geometry["markers"])
        assert min(abs(found - true).max(), abs(found[::-1] - true).max()) < 1


def test_turning_angles_have_the_density_of_the_released_generator():
    angles = pathfinder.turning_angles(np.random.default_rng(0), 4000)
    limit = np.pi / 2 / 1.8

    def cumulated(x: np.ndarray) -> np.ndarray:  # ∫ cos²(1.8 t) dt, normalised
        return 0.5 + (x + np.sin(3.6 * x) / 3.6) / (2 * limit)

    assert abs(angles).max() <= limit and kstest(angles, cumulated).pvalue > 0.01


def test_an_image_depends_on_its_seed_and_number_alone():
    first = draw(5, 3, 96, length=6)
    draw(5, 4, 96, length=6)
    assert np.array_equal(first.image, draw(5, 3, 96, length=6).image)
    assert not np.array_equal(first.image, draw(5, 4, 96, length=6).image)


def test_distances_of_segments_are_those_of_many_points_on_them():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 10, (6, 2, 2)), rng.uniform(0, 10, (7, 2, 2))
    share = np.linspace(0, 1, 401)[:, None]
    found = segments.distances(a, b)
    for i, j in np.ndindex(found.shape):
        on_a, on_b = (s[0] + share * (s[1] - s[0]) for s in (a[i], b[j]))
        nearest = np.hypot(*np.moveaxis(on_a[:, None] - on_b[None], 2, 0)).min()
        assert found[i, j] == pytest.approx(nearest, abs=0.03)


def test_what_leaves_no_room_is_refused():
    with pytest.raises(InputError, match="length 1"):
        draw(0, 0, SIDE, length=1)
    with pytest.raises(InputError, match="no scene of length 40"):
        draw(0, 0, 64, length=40)
