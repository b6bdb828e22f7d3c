import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression

from visalign.gram import pls, primal_pls

COMPONENTS = 25
ORDER = np.random.default_rng(1).permutation(120)
# The last training set is exhausted after nine components; stimuli may be in neither set.
SPLITS = [
    (ORDER[:100], ORDER[100:]),
    (ORDER[20:], ORDER[:20]),
    (ORDER[:60], ORDER[90:]),
    (ORDER[:10], ORDER[50:]),
]


def problem(p=40, m=15, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((120, p)) * np.arange(1, p + 1) ** -0.5
    Y = X @ rng.standard_normal((p, m)) + rng.standard_normal((120, m)) + 7
    return X + offset, Y


@pytest.mark.parametrize("components", [1, 5, 25])
def test_primal_pls_equals_scikit_learn(components):
    X, Y = problem()
    for (train, test), ours in zip(
        SPLITS[:3], primal_pls.predict_splits_primal(X, Y, SPLITS[:3], components), strict=True
    ):
        reference = PLSRegression(components, scale=False, tol=1e-20, max_iter=100_000).fit(
            X[train], Y[train]
        )
        np.testing.assert_allclose(ours, reference.predict(X[test]), atol=1e-6 * Y.std())


@pytest.mark.parametrize("offset", [0, 10])
@pytest.mark.parametrize("p", [1, 40, 200])
@pytest.mark.parametrize("m", [1, 15, 150])
def test_primal_and_gram_predictions_are_equal(p, m, offset):
    X, Y = problem(p, m, offset)
    gram = pls.predict_splits(X @ X.T, Y, SPLITS, COMPONENTS)
    for ours, theirs in zip(primal_pls.predict_splits_primal(X, Y, SPLITS, COMPONENTS), gram, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-8 * Y.std())


@pytest.mark.parametrize("offset", [0, 300])
def test_components_beyond_the_rank_of_the_features_change_nothing(offset):
    X, Y = problem(6, offset=offset)
    X = np.column_stack([X, X[:, :2] + X[:, 2:4]])
    for (train, test), ours in zip(
        SPLITS[:3], primal_pls.predict_splits_primal(X, Y, SPLITS[:3], COMPONENTS), strict=True
    ):
        reference = LinearRegression().fit(X[train], Y[train]).predict(X[test])
        np.testing.assert_allclose(ours, reference, atol=1e-8 * Y.std())


def test_constant_responses_are_predicted_by_their_constant():
    X, _ = problem()
    for ours in primal_pls.predict_splits_primal(X, np.full((120, 3), 7.3), SPLITS, COMPONENTS):
        np.testing.assert_allclose(ours, 7.3, rtol=1e-12)


def test_float16_features_are_regressed_in_float64():
    X, Y = problem(offset=300)
    stored = X.astype(np.float16)
    exact = primal_pls.predict_splits_primal(stored.astype(np.float64), Y, SPLITS, COMPONENTS)
    for ours, theirs in zip(
        primal_pls.predict_splits_primal(stored, Y, SPLITS, COMPONENTS), exact, strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_features_of_small_number_are_regressed_primally():
    """Both take the same time at .4 of the number of stimuli, as measured."""
    assert primal_pls.use_primal(2560, 1023) and primal_pls.use_primal(100, 39)
    assert not primal_pls.use_primal(2560, 1024) and not primal_pls.use_primal(100, 40)
