"""Claims about pixels and image statistics: areas, and quantities of images by hand."""

import numpy as np
import pytest

from visalign.probes import baselines


def test_pixels_are_area_means():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 56, 84), dtype=np.uint8)
    blocks = images.reshape(3, 28, 2, 28, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(baselines.pixels(images), blocks.reshape(3, -1))


@pytest.mark.parametrize("size", [(30, 45), (112, 113), (20, 16)])  # also smaller than the grid
def test_pixels_keep_the_mean_and_leave_constants(size):
    images = np.random.default_rng(0).integers(0, 256, (2, *size), dtype=np.uint8)
    np.testing.assert_allclose(baselines.pixels(images).mean(axis=1), images.mean(axis=(1, 2)))
    np.testing.assert_allclose(baselines.pixels(np.full((1, *size), 77, np.uint8)), 77)


def test_grey_images_are_those_of_equal_channels():
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40), dtype=np.uint8)
    colour = np.repeat(images[..., None], 3, axis=3)
    np.testing.assert_allclose(baselines.pixels(colour), baselines.pixels(images))
    np.testing.assert_allclose(baselines.statistics(colour), baselines.statistics(images), atol=1e-8)


def test_statistics_of_a_bar_by_hand():
    image = np.zeros((1, 40, 40), np.uint8)
    image[0, 10:20, 5:35] = 255  # 300 of 1,600 pixels
    found = baselines.statistics(image)[0]
    k = len(found) // 2
    np.testing.assert_allclose(found[k:], found[:k] ** 2)
    share = 300 / 1600
    np.testing.assert_allclose(found[:3], [share, 255 * share, 255 * np.sqrt(share * (1 - share))])
    np.testing.assert_allclose(found[3:11], [1 - share, 0, 0, 0, 0, 0, 0, share])
    np.testing.assert_allclose(found[11:13], [0.5, 15 / 40])
    variances = [(30**2 - 1) / 12 / 1600, (10**2 - 1) / 12 / 1600, 0]
    np.testing.assert_allclose(found[13:16], variances, atol=1e-15)


def test_power_is_in_the_ring_of_a_grating():
    x = np.arange(64)
    for cycles, ring in ((2, 0), (10, 2), (30, 7)):
        grating = np.tile(127 + 100 * np.cos(2 * np.pi * cycles * x / 64), (64, 1)).round().astype(np.uint8)
        bands = baselines.statistics(grating[None])[0][16:24]
        assert bands.argmax() == ring


def test_markers_add_their_places_and_distances():
    image = np.zeros((2, 20, 20), np.uint8)
    markers = np.array([[[3, 4], [0, 0]], [[1, 1], [1, 9]]])
    found = baselines.statistics(image, markers)
    plain = baselines.statistics(image).shape[1] // 2
    np.testing.assert_allclose(found[:, plain : plain + 5], [[3, 4, 0, 0, 5], [1, 1, 1, 9, 8]])


@pytest.mark.filterwarnings("error")
def test_an_empty_image_has_finite_statistics():
    assert np.isfinite(baselines.statistics(np.full((1, 28, 28), 9, np.uint8))).all()
