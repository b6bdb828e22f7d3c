from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cross_decomposition import PLSRegression

from visalign.gram import missing_responses, pls
from visalign.gram import ridge as gram_ridge
from visalign.stats.correlations import pearson

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
    return partial(gram_ridge.predict, penalties=gram_ridge.penalty_grid(K, TRAIN, count=15))


@settings(max_examples=50, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 8))))
def test_groups_partition_the_neuroids_by_the_stimuli_they_have(mask):
    groups = missing_responses.mask_groups(np.where(mask, np.nan, 1.0))
    assert sorted(np.concatenate([neuroids for neuroids, _ in groups])) == list(range(mask.shape[1]))
    assert len(groups) == len({tuple(column) for column in mask.T})
    for neuroids, stimuli in groups:
        for neuroid in neuroids:
            assert np.array_equal(stimuli, np.flatnonzero(~mask[:, neuroid]))


def test_ridge_with_missing_equals_each_neuroid_fitted_alone_on_what_it_has():
    K, Y = problem()
    ridge = predict_ridge(K)
    predicted = missing_responses.predict_with_missing(ridge, K, Y, TRAIN, TEST)
    for neuroid in range(6):
        have = TRAIN[~np.isnan(Y[TRAIN, neuroid])]
        alone = ridge(K, np.nan_to_num(Y[:, [neuroid]]), have, TEST)[:, 0]
        np.testing.assert_allclose(predicted[:, neuroid], alone, rtol=1e-10)


def fits_of(K):
    return lambda Y, pairs: pls.fit_splits(K, Y, pairs, 5)


def test_gaps_of_a_joint_fit_hold_what_was_fitted():
    # By scikit-learn: training means in the gaps, then twice the fitted values, then the fit that counts.
    X = np.random.default_rng(0).standard_normal((80, 10))
    K, Y = problem()
    filled = np.where(np.isnan(Y), np.nanmean(Y[TRAIN], axis=0), Y)
    for _ in range(3):
        reference = PLSRegression(5, scale=False, tol=1e-20, max_iter=100_000).fit(X[TRAIN], filled[TRAIN])
        filled = np.where(np.isnan(Y), reference.predict(X), Y)
    ours = missing_responses.fit_jointly(fits_of(K), Y, (TRAIN, TEST)).predicted
    np.testing.assert_allclose(ours, reference.predict(X[TEST]), atol=1e-6 * np.nanstd(Y))


def test_held_out_responses_tell_a_joint_fit_nothing():
    K, Y = problem()
    expected = missing_responses.fit_jointly(fits_of(K), Y, (TRAIN, TEST)).predicted
    Y[TEST] = 1e3 * np.random.default_rng(1).standard_normal((len(TEST), 6))
    np.testing.assert_allclose(
        missing_responses.fit_jointly(fits_of(K), Y, (TRAIN, TEST)).predicted, expected, rtol=1e-8
    )


def test_a_neuroid_with_one_training_response_enters_no_joint_fit():
    K, Y = problem()
    expected = missing_responses.fit_jointly(fits_of(K), Y[:, :5], (TRAIN, TEST))
    Y[1:60, 5] = np.nan
    fit = missing_responses.fit_jointly(fits_of(K), Y, (TRAIN, TEST))
    assert np.isnan(fit.predicted[:, 5]).all()
    np.testing.assert_allclose(fit.predicted[:, :5], expected.predicted, rtol=1e-12)
    assert missing_responses.filled(Y, TRAIN) == 2 * 17 + 2
    Y[1:60] = np.nan
    assert np.isnan(missing_responses.fit_jointly(fits_of(K), Y, (TRAIN, TEST)).predicted).all()


def test_one_missing_response_of_each_neuroid_costs_a_joint_fit_next_to_nothing():
    """Sixty neuroids of twelve shared dimensions: alone, each would lose a quarter of its r."""
    rng = np.random.default_rng(3)
    latent = rng.standard_normal((208, 150))
    signal = latent[:, :12] @ rng.standard_normal((12, 60))
    Y = signal / signal.std(axis=0) + 0.5 * rng.standard_normal(signal.shape)
    X = (latent * np.arange(1, 151) ** -0.5) @ rng.standard_normal((150, 1000))
    train, test, K = np.arange(168), np.arange(168, 208), X @ X.T

    def score(Y):
        fit = missing_responses.fit_jointly(
            lambda Y, pairs: pls.fit_splits(K, Y, pairs, 25), Y, (train, test)
        )
        return np.median(missing_responses.pearson_present(fit.predicted, Y[test]))

    whole = score(Y)
    for gaps, least in ((1, -0.01), (20, -0.02)):
        lacking = Y.copy()
        for column in lacking.T:
            column[rng.choice(208, gaps, replace=False)] = np.nan
        assert score(lacking) - whole > least


def test_without_missing_the_call_is_the_plain_one():
    K, Y = problem()
    Y = np.nan_to_num(Y)
    calls = []

    def predict(*arguments):
        calls.append(arguments)
        return pls.predict(*arguments, 25)

    predicted = missing_responses.predict_with_missing(predict, K, Y, TRAIN, TEST)
    assert all(given is passed for given, passed in zip(calls[0], (K, Y, TRAIN, TEST), strict=True))
    assert np.array_equal(predicted, pls.predict(K, Y, TRAIN, TEST, 25))


@pytest.mark.parametrize("predict", [partial(pls.predict, components=25), predict_ridge(problem()[0])])
def test_responses_missing_in_the_test_set_alone_change_nothing(predict):
    K, Y = problem()
    Y = np.nan_to_num(Y)
    expected = predict(K, Y, TRAIN, TEST)
    Y[TEST[::2]] = np.nan
    predicted = missing_responses.predict_with_missing(predict, K, Y, TRAIN, TEST)
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)


def test_a_neuroid_with_one_training_stimulus_is_not_predicted():
    K, Y = problem()
    Y[1:60, 5] = np.nan
    predicted = missing_responses.predict_with_missing(predict_ridge(K), K, Y, TRAIN, TEST)
    assert np.array_equal(np.isnan(predicted).all(axis=0), np.arange(6) == 5)
    assert np.isnan(predicted).any(axis=0).sum() == 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pearson_of_present_stimuli_equals_pearson_neuroid_by_neuroid(seed):
    rng = np.random.default_rng(seed)
    predicted, Y = rng.standard_normal((2, 12, 5)) + 3
    Y[rng.random(Y.shape) < 0.5] = np.nan
    predicted[:, 4] = np.nan
    ours = missing_responses.pearson_present(predicted, Y)
    for neuroid in range(5):
        present = ~np.isnan(Y[:, neuroid]) & ~np.isnan(predicted[:, neuroid])
        if present.sum() < 2:
            assert np.isnan(ours[neuroid])
        else:
            expected = pearson(predicted[present, neuroid], Y[present, neuroid])
            assert ours[neuroid] == pytest.approx(expected, abs=1e-12)


def test_pearson_of_complete_responses_is_pearson():
    predicted, Y = np.random.default_rng(0).standard_normal((2, 30, 4))
    np.testing.assert_allclose(
        missing_responses.pearson_present(predicted, Y), pearson(predicted, Y), atol=1e-12
    )


def test_a_neuroid_whose_responses_are_one_value_has_no_correlation_whatever_the_value():
    predicted, Y = np.random.default_rng(0).standard_normal((2, 21, 3))
    Y[:, 0] = 0.1
    Y[3:, 1] = np.nan
    Y[:3, 1] = 0.7
    r = missing_responses.pearson_present(predicted, Y)
    assert np.isnan(r[:2]).all() and np.isfinite(r[2])
