"""Claims about orientations: 0° and 180° are one."""

import numpy as np

from visalign.probes import angles


def test_orientations_are_decoded_from_their_double_angle():
    theta = np.array([0, 10, 89.9, 90, 135, 179.9])
    for values in (angles.double_angle(theta), 3 * angles.double_angle(theta + 180)):
        found = angles.decoded(values)
        assert (found >= 0).all() and (found <= 180).all()
        np.testing.assert_allclose(angles.difference(found, theta), 0, atol=1e-10)


def test_there_is_no_seam_between_180_and_0():
    near = angles.double_angle(np.array([179.5, 0.5]))
    assert np.linalg.norm(near[0] - near[1]) < 0.04
    np.testing.assert_allclose(angles.difference(np.array([179.0, 1.0]), np.array([1.0, 179.0])), [-2, 2])
