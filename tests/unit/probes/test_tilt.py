"""Claims about the tilt illusion: observers of known bias have it, and what is no illusion is called so."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.probes import tilt, tilt_people
from visalign.visual_tasks import gratings

DELTAS = np.array(gratings.DELTAS, dtype=float)
CENTRES = np.array(gratings.CENTRES)


def grid(shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre, delta and cell of all gratings with surrounds."""
    centre = np.repeat((CENTRES + shift) % 180, len(DELTAS))
    return centre, np.tile(DELTAS, len(CENTRES)), np.repeat(np.arange(len(CENTRES)), len(DELTAS))


def tuned(theta: np.ndarray, neurons: int = 24) -> np.ndarray:
    """Responses of neurons of all preferred orientations, (n, neurons)."""
    preferred = np.arange(neurons) * 180 / neurons
    return np.exp(np.cos(2 * np.deg2rad(np.asarray(theta)[:, None] - preferred)) - 1)


def population(weight: float, shift: float = 0.0, noise: float = 0.0, seed: int = 0, **options) -> tilt.Tilt:
    """Neurons that add the surround with a weight; to 1 − weight of the centre if it is above 0."""
    rng = np.random.default_rng(seed)
    theta = (np.arange(96) * 180 / 96 + shift + 0.7) % 180
    centre, delta, cell = grid(shift)
    both = (1 - max(weight, 0)) * tuned(centre) + weight * tuned(centre + delta)
    alone, both = (each + noise * rng.normal(size=each.shape) for each in (tuned(theta), both))
    return tilt.measured(alone, theta, both, centre, delta, cell, **{"draws": 200} | options)


def structure(image: np.ndarray) -> list[float]:
    """Structure tensor of the gradient over the middle of an image."""
    middle = (len(image) - 1) / 2
    within = np.hypot(*(np.indices(image.shape) - middle)) < 15
    dy, dx = np.gradient(image.astype(float))
    xx, yy, xy = ((a * b)[within].sum() for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    return [(xx - yy) / (xx + yy), 2 * xy / (xx + yy)]


@pytest.fixture(scope="module")
def ideal() -> tilt.Tilt:
    """An observer of the centre alone, on drawn gratings."""
    alone = [gratings.alone(0, index, 112) for index in range(96)]
    both = [gratings.surrounded(0, index, 112) for index in range(gratings.ROUND)]
    return tilt.measured(
        np.array([structure(each.image) for each in alone]),
        np.array([each.asked[0].label for each in alone]),
        np.array([structure(each.image) for each in both]),
        np.array([each.asked[0].label for each in both]),
        np.array([float(each.asked[0].difficulty) for each in both]),
        np.array([each.group for each in both]),
    )


def test_an_ideal_observer_has_no_bias_at_any_delta(ideal):
    assert ideal.decoder_error.value < 1 and ideal.readable and not ideal.illusion
    np.testing.assert_array_equal(ideal.deltas, [10, 20, 30, 45, 60, 75])
    assert np.abs(ideal.bias).max() < 0.5 and np.abs(ideal.preference).max() < 0.5


@pytest.mark.parametrize("weight", [0.1, 0.25, 0.4])
def test_the_weight_of_an_averaging_population_is_recovered_to_5_percent(weight):
    found = population(weight, noise=0.002)
    assert found.average_weight.value == pytest.approx(weight, rel=0.05)
    assert found.average_misfit < 0.3
    doubled = np.deg2rad(2 * found.deltas)
    closed = np.arctan2(weight * np.sin(doubled), 1 - weight + weight * np.cos(doubled)) / 2
    np.testing.assert_allclose(found.bias, -np.rad2deg(closed), atol=0.5)
    assert found.repulsion.high < 0 and not found.illusion


@pytest.mark.parametrize("weight", [0.1, 0.3])
def test_a_surround_that_is_subtracted_repels(weight):
    found = population(-weight, noise=0.002)
    doubled = np.deg2rad(2 * found.deltas)
    closed = np.arctan2(-weight * np.sin(doubled), 1 - weight * np.cos(doubled)) / 2
    np.testing.assert_allclose(found.bias, -np.rad2deg(closed), atol=0.5)
    assert found.repulsion.low > 0 and found.average_weight.value < 0
    # At no delta does it attract, so that it is not what people see.
    assert not found.illusion and np.isnan(found.zero_crossing.value)


def test_peoples_own_biases_are_an_illusion_with_correlation_and_slope_1():
    theta = np.arange(96) * 180 / 96
    centre, delta, cell = grid()
    side = tilt.turned(delta)
    people = np.where(side == -90, 0, np.sign(side) * tilt_people.repulsion(np.abs(side)))
    found = tilt.measured(tuned(theta), theta, tuned(centre - people), centre, delta, cell, draws=200)
    assert found.illusion
    assert found.correlation.value == pytest.approx(1, abs=1e-4)
    assert found.slope.value == pytest.approx(1, abs=0.01)
    assert found.repulsion.value == pytest.approx(np.mean([1.82, 2.68, 2.0]), abs=0.01)
    assert found.attraction.value == pytest.approx(np.mean([-0.32, (-0.69 - 0.58) / 2]), abs=0.01)
    # People's curve at 30 and 45 degrees, on straight lines between tens.
    at_45 = (0.49 - 0.40) / 2
    beyond = 45 + 15 * at_45 / (at_45 + 0.32)
    assert found.zero_crossing.value == pytest.approx(beyond, abs=0.5)


def test_shifting_all_angles_changes_no_more_than_noise():
    one, other = population(0.25, noise=0.02), population(0.25, 37.0, noise=0.02, seed=1)
    spread = np.hypot(one.high - one.low, other.high - other.low) / 2
    assert (np.abs(one.bias - other.bias) < 1.5 * spread).all()
    assert abs(one.bias - other.bias).max() < 2


def test_angles_that_are_not_doubled_fail_at_the_seam():
    """The published readout of (sin θ, cos θ): near 0 and 180 degrees, like stripes have opposite labels."""
    theta = (np.arange(96) * 180 / 96 + 0.7) % 180
    new = np.array([1.0, 2.0, 178.0, 179.0])
    X = np.hstack([tuned(theta), np.ones((96, 1))])
    single = np.stack([np.cos(np.deg2rad(theta)), np.sin(np.deg2rad(theta))], axis=1)
    weights = np.linalg.solve(X.T @ X + 1e-3 * np.eye(X.shape[1]), X.T @ single)
    cosine, sine = (np.hstack([tuned(new), np.ones((4, 1))]) @ weights).T
    wrong = np.abs(tilt.turned(np.rad2deg(np.arctan2(sine, cosine)) - new))
    right = np.abs(tilt.turned(tilt.decode(tuned(theta), theta, tuned(new)) - new))
    assert right.max() < 0.1 and wrong.max() > tilt.GATE


def test_both_outputs_share_a_penalty_so_that_the_place_of_0_does_not_matter():
    """Of features that have cos 2θ clearly and sin 2θ only faintly, each would have a penalty of its own."""
    rng = np.random.default_rng(3)
    theta = rng.uniform(0, 180, 100)
    doubled = np.deg2rad(2 * theta)[:, None]
    features = np.hstack([np.cos(doubled), np.sin(doubled) + 3 * rng.normal(size=(100, 40))])
    features[:, :1] += 0.05 * rng.normal(size=(100, 1))
    found = tilt.decode(features[:70], theta[:70], features[70:])
    moved = tilt.decode(features[:70], (theta[:70] + 22.5) % 180, features[70:])
    np.testing.assert_allclose(tilt.turned(moved - 22.5 - found), 0, atol=1e-6)


def test_the_error_of_a_decoder_is_of_gratings_that_it_was_not_fitted_to():
    """Features that know nothing, more of them than gratings: errors are uniform, 45 degrees on average."""
    rng = np.random.default_rng(5)
    errors = np.abs(tilt.held_out(rng.normal(size=(200, 400)), rng.uniform(0, 180, 200), 0))
    assert abs(errors.mean() - 45) < 3 * 26 / np.sqrt(200)


def test_means_of_angles_are_circular():
    assert tilt.mean_orientation(np.array([89.0, -89.0])) == pytest.approx(-90)
    assert tilt.mean_orientation(np.array([10.0, 30.0])) == pytest.approx(20)
    weighted = tilt.mean_orientation(np.array([[0.0], [60.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    np.testing.assert_allclose(weighted, [[0], [30]], atol=1e-9)


def test_the_interval_covers_the_bias_of_noisy_cells():
    truth = population(0.25).repulsion.value
    found = [population(0.25, noise=0.05, seed=seed).repulsion for seed in range(60)]
    covered = np.mean([number.low <= truth <= number.high for number in found])
    assert 0.85 <= covered <= 1


def test_a_decoder_that_cannot_read_gratings_alone_has_no_curve():
    found = population(0.25, noise=3.0)
    assert found.decoder_error.value > tilt.GATE and not found.readable
    error, *others = tilt.scores(found, "layer")
    assert error.status == "ok" and error.value == found.decoder_error.value
    assert {score.value for score in others} == {None}
    assert all("decoder_error is" in score.status for score in others)


def test_scores_name_what_they_are(ideal):
    scores = {score.metric: score for score in tilt.scores(population(-0.1, noise=0.002), "layer")}
    assert list(scores) == [
        *("decoder_error", "tilt_correlation", "tilt_slope", "tilt_repulsion", "tilt_attraction"),
        *("tilt_zero_crossing", "tilt_average_weight"),
    ]
    assert scores["decoder_error"].n == 96 and scores["tilt_repulsion"].n == 8
    assert scores["tilt_repulsion"].ceiling == pytest.approx(np.mean([1.82, 2.68, 2.0]))
    assert scores["tilt_repulsion"].status == "ok, no illusion"
    assert scores["tilt_zero_crossing"].status == "the bias does not fall below 0"
    assert {score.layer for score in scores.values()} == {"layer"}


def test_a_vector_average_has_the_angles_of_its_arrows():
    found = tilt.average(np.array([20.0, 60.0]), np.array([0.0, 0.3, 1.0]))
    for weight, row in zip((0.0, 0.3, 1.0), found, strict=True):
        arrows = (1 - weight) + weight * np.exp(2j * np.deg2rad([20.0, 60.0]))
        np.testing.assert_allclose(row, -np.rad2deg(np.angle(arrows)) / 2, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("cell", "delta: cell 1 has 2 gratings at"),
        ("missing", "delta: cell 0 has 0 gratings at 10, not 1"),
        ("few", "orientation: 9 gratings alone; a decoder takes at least 10"),
        ("nan", "features of gratings with surrounds: not finite"),
    ],
)
def test_what_is_missing_is_an_error(change, reason):
    theta = np.arange(96) * 180 / 96
    centre, delta, cell = grid()
    both = tuned(centre + delta)
    if change == "cell":
        cell[0] = cell[1] = 1
        cell[:] = np.where(cell == 0, 1, cell)
    elif change == "missing":
        delta[1] = 20
    elif change == "few":
        theta = theta[:9]
    else:
        both[3, 2] = np.nan
    with pytest.raises(InputError, match=reason):
        tilt.measured(tuned(theta), theta, both, centre, delta, cell, draws=10)
