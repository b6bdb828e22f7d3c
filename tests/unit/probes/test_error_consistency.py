"""Claims about error consistency: a hand table, independence, bounds, and what is undefined."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from visalign.probes import error_consistency as ec


def test_kappa_equals_a_hand_table():
    # ten images: both right 5, first only 2, second only 1, neither 2
    first = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0.0])
    second = np.array([1, 1, 1, 1, 1, 0, 0, 1, 0, 0.0])
    found = ec.consistency(first[None], second[None])
    by_chance = 0.7 * 0.6 + 0.3 * 0.4  # .54
    assert found.kappa[0, 0] == pytest.approx((0.7 - by_chance) / (1 - by_chance))
    assert found.highest[0, 0] == pytest.approx((0.9 - by_chance) / (1 - by_chance))
    assert found.relative[0, 0] == pytest.approx((0.7 - by_chance) / (0.9 - by_chance))


def test_kappa_is_cohens_of_being_right():
    rng = np.random.default_rng(0)
    first, second = (rng.random((4, 60)) < 0.7).astype(float), (rng.random((3, 60)) < 0.6).astype(float)
    found = ec.consistency(first, second).kappa
    for i in range(4):
        for j in range(3):
            assert found[i, j] == pytest.approx(cohen_kappa_score(first[i], second[j]))


def test_kappa_of_independent_errors_is_zero_whatever_the_accuracies():
    rng = np.random.default_rng(0)
    for a, b in ((0.5, 0.5), (0.9, 0.6), (0.95, 0.1)):
        first, second = (rng.random((40, 5000)) < a).astype(float), (rng.random((40, 5000)) < b).astype(float)
        kappa = ec.consistency(first, second).kappa
        assert abs(kappa.mean()) < 4 * kappa.std() / 40 + 1e-3


def test_kappa_at_94_images_and_accuracy_one_half_has_a_standard_error_of_a_tenth():
    right = (np.random.default_rng(0).random((200, 94)) < 0.5).astype(float)
    assert ec.between(right).kappa.std() == pytest.approx(0.103, abs=0.005)


def test_kappa_is_symmetric_and_at_most_its_highest_value():
    rng = np.random.default_rng(1)
    right = (rng.random((20, 40)) < rng.random((20, 1))).astype(float)
    found = ec.consistency(right, right)
    np.testing.assert_allclose(found.kappa, found.kappa.T)
    known = ~np.isnan(found.kappa)
    assert (found.kappa <= found.highest + 1e-12)[known].all()
    np.testing.assert_allclose(np.diag(found.kappa)[np.diag(known)], 1)
    assert known.mean() > 0.9


@pytest.mark.filterwarnings("error")
def test_kappa_is_undefined_where_both_are_always_right_or_always_wrong():
    ones, zeros, mixed = np.ones(6), np.zeros(6), np.array([1, 0, 1, 0, 1, 0.0])
    kappa = ec.consistency(np.array([ones, zeros, mixed]), np.array([ones, zeros, mixed])).kappa
    assert np.isnan(kappa[[0, 1], [0, 1]]).all()
    assert kappa[0, 1] == kappa[1, 0] == 0  # no agreement, and none by chance
    assert (kappa[[0, 1], 2] == 0).all() and kappa[2, 2] == 1
    relative = ec.consistency(ones[None], mixed[None]).relative
    assert np.isnan(relative).all()  # no room


def test_images_that_one_was_not_asked_about_do_not_count():
    rng = np.random.default_rng(2)
    first, second = (rng.random((2, 30)) < 0.6).astype(float)
    missing = second.copy()
    missing[::3] = np.nan
    kept = ~np.isnan(missing)
    expected = ec.consistency(first[None, kept], second[None, kept])
    found = ec.consistency(first[None], missing[None])
    np.testing.assert_allclose(found.kappa, expected.kappa)
    np.testing.assert_allclose(found.highest, expected.highest)


def test_weights_are_repetitions_of_images():
    rng = np.random.default_rng(3)
    first, second = (rng.random((3, 20)) < 0.6).astype(float), (rng.random((2, 20)) < 0.6).astype(float)
    times = rng.integers(0, 4, (3, 20))
    found = ec.consistency(first, second, times).kappa
    for i in range(3):
        repeated = np.repeat(np.arange(20), times[i])
        own = ec.consistency(first[[i]][:, repeated], second[:, repeated]).kappa[0]
        np.testing.assert_allclose(found[i], own)


@pytest.fixture(scope="module")
def simulated():
    """A model and ten people who share part of what decides their errors."""
    rng = np.random.default_rng(4)
    image = rng.standard_normal(400)
    people = (0.8 * image + 0.6 * rng.standard_normal((10, 400)) > -0.8).astype(float)
    model = (0.5 * image + np.sqrt(0.75) * rng.standard_normal((3, 400)) > 0).astype(float)
    return model, people


def test_a_model_is_summarised_over_people_between_floor_and_ceiling(simulated):
    model, people = simulated
    rng = np.random.default_rng(0)
    weights = rng.multinomial(400, np.full(400, 1 / 400), size=300)
    found, undefined = ec.with_people(model, people, rng.integers(3, size=300), weights, rng)
    kappa = np.array([[cohen_kappa_score(m, p) for p in people] for m in model])
    pairs = [cohen_kappa_score(people[i], people[j]) for i in range(10) for j in range(i)]
    assert undefined == 0
    assert found["kappa/median"].value == pytest.approx(np.median(kappa, axis=1).mean())
    assert found["kappa/mean"].value == pytest.approx(kappa.mean())
    assert found["kappa/median"].ceiling == pytest.approx(np.median(pairs))
    assert found["kappa/mean"].ceiling == pytest.approx(np.mean(pairs))
    assert abs(found["kappa/mean"].floor) < 0.02
    assert found["kappa/mean"].draws.mean() == pytest.approx(kappa.mean(), abs=0.01)
    assert found["kappa/mean"].draws.std() == pytest.approx(0.05, abs=0.025)
    assert found["kappa/highest"].value > found["kappa/median"].value


def test_draws_vary_with_the_people_where_images_stay(simulated):
    model, people = simulated
    kappa = ec.consistency(model[:1], people).kappa[0]
    rng = np.random.default_rng(0)
    found, _ = ec.with_people(model[:1], people, np.zeros(2000, int), np.ones((2000, 400)), rng)
    assert found["kappa/mean"].draws.std() == pytest.approx(kappa.std() / np.sqrt(10), rel=0.1)


@pytest.mark.filterwarnings("error")
def test_a_person_who_errs_as_little_as_the_model_is_counted_and_left_out(simulated):
    people = np.vstack([simulated[1], np.ones(400)])
    model, weights = np.ones((1, 400)), np.ones((5, 400))
    rng = np.random.default_rng(0)
    found, undefined = ec.with_people(model, people, np.zeros(5, int), weights, rng)
    assert undefined == 1 and found["kappa/median"].value == 0
    alone, undefined = ec.with_people(model, np.ones((2, 400)), np.zeros(5, int), weights, rng)
    assert undefined == 2 and np.isnan(alone["kappa/mean"].value) and np.isnan(alone["kappa/mean"].ceiling)
