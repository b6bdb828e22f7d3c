"""Claims about learning curves: areas and sizes by hand."""

import numpy as np
import pytest

from visalign.probes import learning_curve

SIZES = np.array([50, 100, 200, 400])


def test_the_area_is_the_mean_over_doublings():
    assert learning_curve.area(SIZES, np.array([0.5, 0.6, 0.7, 0.8])) == pytest.approx(0.65)
    assert learning_curve.area(SIZES, np.array([0.5, 0.5, 0.5, 0.8])) == pytest.approx((0.5 + 0.5 + 0.65) / 3)
    uneven = learning_curve.area(np.array([50, 200, 400]), np.array([0.5, 0.5, 0.8]))
    assert uneven == pytest.approx((2 * 0.5 + 0.65) / 3)
    several = learning_curve.area(SIZES, np.tile([0.5, 0.6, 0.7, 0.8], (3, 1)))
    np.testing.assert_allclose(several, 0.65)


def test_one_size_has_no_area():
    assert np.isnan(learning_curve.area(np.array([40.0]), np.array([0.6])))


def test_the_size_reaching_80_percent_is_interpolated_over_doublings():
    curves = np.array(
        [
            [0.5, 0.7, 0.9, 0.95],  # half-way from 100 to 200
            [0.8, 0.7, 0.9, 0.9],  # at once
            [0.5, 0.9, 0.7, 0.9],  # first
            [0.5, 0.6, 0.7, 0.79],
            [0.5, 0.6, 0.7, 0.8],
        ]
    )
    found = learning_curve.size_reaching(SIZES, curves)
    np.testing.assert_allclose(found, [100 * 2**0.5, 50, 50 * 2**0.75, np.inf, 400])
