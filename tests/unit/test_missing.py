from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from visalign import gram_pls, gram_ridge, missing
from visalign.stats import pearson

TRAIN, TEST = np.arange(60), np.arange(60, 80)


def problem(seed=0):
    """Gram matrix, and responses of six neuroids of which two share a mask and three lack none."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((80, 10))
    Y = X @ rng.standard_normal((10, 6)) + rng.standard_normal((80, 6))
    Y[3:20, [1, 4]] = np.nan
    Y[[0, 30, 70], 2] = np.nan
    return X @ X.T, Y


def predict_ridge(K):
    return partial(gram_ridge.predict, penalties=gram_ridge.penalty_grid(K, TRAIN))


@settings(max_examples=50, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 8))))
def test_groups_partition_the_neuroids_by_the_stimuli_they_have(mask):
    groups = missing.mask_groups(np.where(mask, np.nan, 1.0))
    assert sorted(np.concatenate([neuroids for neuroids, _ in groups])) == list(range(mask.shape[1]))
    assert len(groups) == len({tuple(column) for column in mask.T})
    for neuroids, stimuli in groups:
        for neuroid in neuroids:
            assert np.array_equal(stimuli, np.flatnonzero(~mask[:, neuroid]))


def test_ridge_with_missing_equals_each_neuroid_fitted_alone_on_what_it_has():
    K, Y = problem()
    ridge = predict_ridge(K)
    predicted, groups = missing.predict_with_missing(ridge, K, Y, TRAIN, TEST)
    assert groups == 3
    for neuroid in range(6):
        have = TRAIN[~np.isnan(Y[TRAIN, neuroid])]
        alone = ridge(K, np.nan_to_num(Y[:, [neuroid]]), have, TEST)[:, 0]
        np.testing.assert_allclose(predicted[:, neuroid], alone, rtol=1e-10)


def test_pls_with_missing_equals_a_fit_of_each_group():
    K, Y = problem()
    predicted, _ = missing.predict_with_missing(gram_pls.predict, K, Y, TRAIN, TEST)
    have = np.r_[0:3, 20:60]
    expected = gram_pls.predict(K, np.nan_to_num(Y[:, [1, 4]]), have, TEST)
    np.testing.assert_allclose(predicted[:, [1, 4]], expected, rtol=1e-10)


def test_without_missing_the_call_is_the_plain_one():
    K, Y = problem()
    Y = np.nan_to_num(Y)
    calls = []

    def predict(*arguments):
        calls.append(arguments)
        return gram_pls.predict(*arguments)

    predicted, groups = missing.predict_with_missing(predict, K, Y, TRAIN, TEST)
    assert groups == 1
    assert all(given is passed for given, passed in zip(calls[0], (K, Y, TRAIN, TEST), strict=True))
    assert np.array_equal(predicted, gram_pls.predict(K, Y, TRAIN, TEST))


@pytest.mark.parametrize("predict", [gram_pls.predict, predict_ridge(problem()[0])])
def test_responses_missing_in_the_test_set_alone_change_nothing(predict):
    K, Y = problem()
    Y = np.nan_to_num(Y)
    expected = predict(K, Y, TRAIN, TEST)
    Y[TEST[::2]] = np.nan
    predicted, groups = missing.predict_with_missing(predict, K, Y, TRAIN, TEST)
    assert groups == 1
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)


def test_a_neuroid_with_one_training_stimulus_is_not_predicted():
    K, Y = problem()
    Y[1:60, 5] = np.nan
    predicted, groups = missing.predict_with_missing(predict_ridge(K), K, Y, TRAIN, TEST)
    assert groups == 4
    assert np.array_equal(np.isnan(predicted).all(axis=0), np.arange(6) == 5)
    assert np.isnan(predicted).any(axis=0).sum() == 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pearson_of_present_stimuli_equals_pearson_neuroid_by_neuroid(seed):
    rng = np.random.default_rng(seed)
    predicted, Y = rng.standard_normal((2, 12, 5)) + 3
    Y[rng.random(Y.shape) < 0.5] = np.nan
    predicted[:, 4] = np.nan
    ours = missing.pearson_present(predicted, Y)
    for neuroid in range(5):
        present = ~np.isnan(Y[:, neuroid]) & ~np.isnan(predicted[:, neuroid])
        if present.sum() < 2:
            assert np.isnan(ours[neuroid])
        else:
            expected = pearson(predicted[present, neuroid], Y[present, neuroid])
            assert ours[neuroid] == pytest.approx(expected, abs=1e-12)


def test_pearson_of_complete_responses_is_pearson():
    predicted, Y = np.random.default_rng(0).standard_normal((2, 30, 4))
    np.testing.assert_allclose(missing.pearson_present(predicted, Y), pearson(predicted, Y), atol=1e-12)
