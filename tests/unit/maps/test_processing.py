"""Claims about the processing of human maps, and about overlap measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from visalign.maps import processing
from visalign.stimuli.resampling import bilinear_matrix


def reference(heatmaps: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Process with torch: bilinear to 64, padding 4, 5, 4, 5, convolution, bilinear to `size`."""
    resize = torch.nn.functional.interpolate
    small = resize(torch.from_numpy(heatmaps)[:, None], (64, 64), mode="bilinear", align_corners=False)
    x = torch.arange(-5, 5).float()
    kernel = torch.exp(-(x[:, None] ** 2 + x[None] ** 2) / 200)
    kernel = kernel / kernel.sum()
    padded = torch.nn.functional.pad(small, (4, 5, 4, 5))
    blurred = torch.nn.functional.conv2d(padded, kernel[None, None])
    large = resize(blurred, size, mode="bilinear", align_corners=False)
    return blurred[:, 0].numpy(), large[:, 0].numpy()


@pytest.mark.parametrize("shape", [(256, 256), (224, 224), (60, 91)])
@pytest.mark.parametrize("size", [(224, 224), (80, 80), (300, 41)])
def test_processing_equals_torch(shape, size):
    heatmaps = np.random.default_rng(0).random((3, *shape), dtype=np.float32)
    blurred, large = reference(heatmaps, size)
    processed = processing.process(heatmaps)
    assert processed.dtype == np.float32 and processed.shape == (3, 64, 64)
    np.testing.assert_allclose(processed, blurred, atol=1e-5)
    np.testing.assert_allclose(processing.resize_bilinear(processed, size), large, atol=1e-5)


def test_maps_that_were_blurred_and_enlarged_are_those_they_were():
    """As published: 64 × 64, blurred, 224 × 224. What is left is 0.054 of second differences, each axis."""
    rng = np.random.default_rng(1)
    processed = processing.process(rng.random((3, 256, 256), dtype=np.float32))
    found = processing.shrink(processing.resize_bilinear(processed, (224, 224)))
    edges = np.pad(processed, ((0, 0), (1, 1), (1, 1)), mode="edge").astype(float)
    second = max(np.abs(np.diff(edges, 2, axis=axis)).max() for axis in (1, 2))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, processed, atol=2 * 0.054 * second + 1e-6)
    assert np.corrcoef(found.ravel(), processed.ravel())[0, 1] > 0.9999


def test_an_impulse_becomes_the_kernel_shifted_by_one_pixel():
    impulse = np.zeros((1, 64, 64))
    impulse[0, 30, 30] = 1
    blurred = processing.process(impulse)[0]
    taps = np.exp(-(np.arange(-5, 5) ** 2) / 200)
    taps /= taps.sum()
    # Correlation: the pixel 30 is seen by output 30 − offset, at offsets −4 … 5.
    expected = np.outer(taps[::-1], taps[::-1])
    np.testing.assert_allclose(blurred[25:35, 25:35], expected, rtol=1e-5)
    assert np.count_nonzero(blurred) == 100


def test_equal_pixels_stay_tied():
    flat = np.full((1, 256, 256), 0.1)
    flat[0, 100, 100] = 1
    processed = processing.process(flat)[0]
    assert len(np.unique(processed[40:55, 40:55])) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90))
def test_bilinear_weights_are_an_average(n_in, n_out):
    weights = bilinear_matrix(n_in, n_out)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_overlap_of_known_sets():
    a, b = np.zeros((1, 10, 10)), np.zeros((1, 10, 10))
    a[0, 0] = 1  # ten pixels, of which six are also in b
    b[0, 0, :6] = b[0, 5, :4] = 1
    iou, dice = processing.top_overlap(a, b)
    np.testing.assert_allclose(iou, 6 / 14)
    np.testing.assert_allclose(dice, 0.6)


def test_overlap_of_equal_and_of_disjoint_maps():
    a = np.random.default_rng(0).random((2, 20, 20))
    np.testing.assert_allclose(processing.top_overlap(a, a**3), 1)
    np.testing.assert_allclose(processing.top_overlap(a, -a), 0)


def test_overlap_with_a_constant_map_is_chance_whatever_the_pixel_order():
    rng = np.random.default_rng(0)
    a = rng.random((1, 20, 20))
    dice = processing.top_overlap(a, np.ones_like(a))[1]
    shuffled = rng.permuted(a.reshape(1, -1), axis=1).reshape(a.shape)
    np.testing.assert_allclose(dice, 0.1)
    np.testing.assert_allclose(processing.top_overlap(shuffled, np.ones_like(a))[1], 0.1)


def test_undefined_maps_are_told_apart():
    maps = np.random.default_rng(0).random((4, 5, 5))
    maps[1] = 3
    maps[2, 0, 0] = np.nan
    maps[3, 4, 4] = np.inf
    constant, non_finite = processing.undefined_maps(maps)
    assert constant.tolist() == [False, True, False, False]
    assert non_finite.tolist() == [False, False, True, True]
