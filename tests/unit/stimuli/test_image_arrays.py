"""Claims about images that come as arrays: which ranges are pixels, and which arrays are refused."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.stimuli import images

NOISE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
NOISE[1, 0], NOISE[1, 1] = 255, 0


@pytest.mark.parametrize(
    "values",
    [
        NOISE,
        NOISE.astype(np.int64),
        NOISE.astype(np.uint32),
        NOISE.astype(np.float32),
        NOISE / 255,
        (NOISE / 255).astype(np.float32),
        NOISE.astype(np.float64) + 0.2,
        NOISE * (1 + 1e-7),
        NOISE / 255 * (1 + 1e-7),
        NOISE.astype(np.uint16) * 257,
    ],
)
def test_arrays_of_a_plain_range_are_its_pixels(values):
    assert NOISE.max() == 255
    np.testing.assert_array_equal(images.pixels_of(values), NOISE)


MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((NOISE / 255 - MEAN) / STD, "normalised"),
        (NOISE / 255 / STD, "normalised"),
        (NOISE / 127.5 - 1, "normalised"),
        (NOISE / 127.5, "normalised"),
        (NOISE - np.array([123.68, 116.78, 103.94]), "neither of 0 to 1 nor of 0 to 255"),
        (NOISE.astype(np.float32) * 257, "neither of 0 to 1 nor of 0 to 255"),
        (NOISE.astype(np.uint16), "uint16 values of 0 to 255: pixels of 8 bits"),
        (NOISE.astype(np.int32) * 257, "int32 values of 0 to 65535, not pixels of 0 to 255"),
        (NOISE.astype(np.int16) - 128, "int16 values of -128 to 127, not pixels"),
        ((NOISE > 99).astype(np.int64), "int64 values of 0 to 1, not pixels"),
        (np.full((2, 2, 3), np.nan), "not finite"),
        (np.full((2, 2, 3), np.inf), "not finite"),
        (NOISE.transpose(2, 0, 1), r"shape \(3, 6, 9\), not \(height, width, 3\)"),
        (NOISE[..., 0], r"shape \(6, 9\)"),
        (NOISE[:0], r"shape \(0, 9, 3\)"),
        (NOISE > 99, "bool values, not numbers"),
        (NOISE.astype(complex), "complex128 values, not numbers"),
        (NOISE.astype(str), "values, not numbers"),
        (NOISE.astype(object), "object values, not numbers"),
    ],
)
def test_arrays_of_another_range_or_shape_are_refused(values, reason):
    with pytest.raises(ValueError, match=reason):
        images.pixels_of(values)
