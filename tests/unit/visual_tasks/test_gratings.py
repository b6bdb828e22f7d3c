"""Claims about gratings: the label is the angle of the centre's stripes, and all else is balanced."""

from __future__ import annotations

import golden_images
import numpy as np
import pytest

from visalign.errors import InputError
from visalign.visual_tasks import gratings

SIDE = 112


def orientation(image: np.ndarray, within: np.ndarray) -> float:
    """Angle of stripes in degrees from the gradient's structure tensor over some pixels."""
    dy, dx = np.gradient(image.astype(float))
    xx, yy, xy = ((a * b)[within].sum() for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    across = np.arctan2(2 * xy, xx - yy) / 2
    # y is down, and stripes run across the gradient.
    return float(90 - np.rad2deg(across)) % 180


def off(a: float, b: float) -> float:
    return abs((a - b + 90) % 180 - 90)


@pytest.mark.parametrize("index", range(12))
def test_the_label_is_the_angle_of_the_stripes(index):
    alone = gratings.alone(3, index, SIDE)
    distance = np.hypot(*(np.indices(alone.image.shape) - (SIDE - 1) / 2))
    assert off(orientation(alone.image, distance < 15), alone.asked[0].label) < 1.5
    both = gratings.surrounded(3, 5 * index, SIDE)
    assert off(orientation(both.image, distance < 15), both.asked[0].label) < 1.5
    radius = both.geometry["radius"]
    around = orientation(both.image, (distance > radius + 3) & (distance < 2 * radius - 3))
    assert off(around, both.asked[0].label + float(both.asked[0].difficulty)) < 1.5


def test_stripes_of_0_degrees_are_horizontal_and_those_of_45_rise_to_the_right():
    flat, rising = (gratings.grating(64, theta, 12, 0) for theta in (0, 45))
    assert np.ptp(flat, axis=1).max() < 1e-9 < np.ptp(flat, axis=0).min()
    np.testing.assert_allclose(rising[1:, :-1], rising[:-1, 1:], atol=1e-9)


def test_each_centre_meets_each_surround_once_in_a_round_and_a_cell_shares_all_else():
    drawn = [gratings.surrounded(0, index, 64) for index in range(2 * gratings.ROUND)]
    pairs = [(each.asked[0].label, each.asked[0].difficulty) for each in drawn]
    assert len(set(pairs[: gratings.ROUND])) == gratings.ROUND == 112
    assert pairs[: gratings.ROUND] == pairs[gratings.ROUND :]
    shared = {}
    for each in drawn:
        own = tuple(
            each.geometry[key] for key in ("radius", "wavelength", "phase", "surround_phase", "theta")
        )
        assert shared.setdefault(each.group, own) == own
    assert len(shared) == len(set(shared.values())) == 16


def test_gratings_have_the_grey_of_the_ground_on_average_whatever_their_angle():
    drawn = [gratings.alone(0, index, SIDE) for index in range(200)]
    means = np.array([each.image.mean() for each in drawn])
    angles = np.deg2rad(2 * np.array([each.asked[0].label for each in drawn]))
    assert abs(means.mean() - 128) < 0.3
    for wave in (np.cos(angles), np.sin(angles)):
        assert abs(np.corrcoef(means, wave)[0, 1]) < 3 / np.sqrt(200)
        assert abs(wave.mean()) < 3 * np.sqrt(0.5 / 200)


def test_radii_and_wavelengths_are_in_proportion_to_the_side():
    small, large = (gratings.alone(1, 4, side).geometry for side in (112, 224))
    assert large["radius"] == 2 * small["radius"] and large["wavelength"] == 2 * small["wavelength"]
    assert 18 <= small["radius"] <= 27 and 9 <= small["wavelength"] <= 18
    assert large["theta"] == small["theta"]


def test_a_disc_covers_its_area_and_its_edge_is_smooth():
    disc = gratings.disc(101, 20.3)
    assert disc.sum() == pytest.approx(np.pi * 20.3**2, rel=0.002)
    assert ((disc > 0) & (disc < 1)).sum() > 80


def test_parts_are_centre_and_surround():
    drawn = gratings.surrounded(0, 3, SIDE)
    radius = drawn.geometry["radius"]
    areas = np.bincount(drawn.parts.ravel())[1:]
    np.testing.assert_allclose(areas, [np.pi * radius**2, 3 * np.pi * radius**2], rtol=0.01)


def test_images_are_those_that_are_kept():
    drawn = [gratings.alone(0, index, SIDE) for index in range(4)]
    drawn += [gratings.surrounded(0, index, SIDE) for index in (0, 3, 20, 111)]
    golden_images.check("gratings", [each.image for each in drawn])


def test_what_cannot_be_drawn_is_an_error():
    with pytest.raises(InputError, match="size: 40: stripes"):
        gratings.alone(0, 0, 40)
    with pytest.raises(InputError, match="image 449 of centres with surrounds; there are 448"):
        gratings.surrounded(0, 448, SIDE)
