import numpy as np
import pytest
from scipy import linalg
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression

from visalign.gram import matrix, pls, primal_pls
from visalign.stats.correlations import pearson

COMPONENTS = 25


def problem(n=120, p=400, m=15, rank=12, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n, rank)) * 0.7 ** np.arange(rank)
    X = latent @ rng.standard_normal((rank, p)) + 0.3 * rng.standard_normal((n, p))
    Y = latent @ rng.standard_normal((rank, m)) + noise * rng.standard_normal((n, m))
    return X, Y, np.arange(100), np.arange(100, n)


@pytest.mark.parametrize("components", [1, 5, 25])
def test_gram_pls_equals_scikit_learn(components):
    # NIPALS stops at its tolerance, ours is an exact eigenvector: at tol 1e-12 they agree to 1e-6.
    X, Y, train, test = problem()
    reference = PLSRegression(components, scale=False, tol=1e-12, max_iter=100_000).fit(X[train], Y[train])
    ours = pls.predict(X @ X.T, Y, train, test, components)
    np.testing.assert_allclose(ours, reference.predict(X[test]), atol=1e-6 * Y.std())


def test_every_component_count_of_one_fit_equals_scikit_learn():
    X, Y, train, test = problem()
    [fit] = pls.fit_splits(X @ X.T, Y, [(train, test)], 12)
    ours = fit.predicted_by_count
    assert fit.used == 12
    assert ours.shape == (12, len(test), Y.shape[1])
    for count, predicted in enumerate(ours, start=1):
        reference = PLSRegression(count, scale=False, tol=1e-20, max_iter=100_000).fit(X[train], Y[train])
        np.testing.assert_allclose(predicted, reference.predict(X[test]), atol=1e-6 * Y.std())


def test_splits_of_any_size_together_equal_each_alone():
    X, Y, _, _ = problem()
    order = np.random.default_rng(1).permutation(120)
    # The third training set is exhausted after nine components, the others go on; stimuli may be in neither.
    splits = [
        (order[:100], order[100:]),
        (order[20:], order[:20]),
        (order[:10], order[50:]),
        (order[:60], order[90:]),
    ]
    together = pls.predict_splits(X @ X.T, Y, splits, COMPONENTS)
    for (train, test), predicted in zip(splits, together, strict=True):
        count = min(25, len(train) - 1)
        reference = PLSRegression(count, scale=False, tol=1e-20, max_iter=100_000).fit(X[train], Y[train])
        np.testing.assert_allclose(predicted, reference.predict(X[test]), atol=1e-6 * Y.std())
        alone = pls.predict(X @ X.T, Y, train, test, COMPONENTS)
        np.testing.assert_allclose(predicted, alone, atol=1e-10 * Y.std())


def test_scores_are_centred_and_orthonormal_in_each_training_set():
    X, Y, train, test = problem()
    for part, T in zip((train, test), pls.scores(X @ X.T, Y, [train, test], 15), strict=True):
        np.testing.assert_allclose(T[:, part].sum(axis=1), 0, atol=1e-10)
        np.testing.assert_allclose(T[:, part] @ T[:, part].T, np.eye(15), atol=1e-12)


@pytest.mark.parametrize("m", [1, 150])  # fewer and more neuroids than components and stimuli
def test_any_number_of_neuroids_equals_scikit_learn(m):
    X, Y, train, test = problem(m=m, noise=2)
    reference = PLSRegression(8, scale=False, tol=1e-20, max_iter=100_000).fit(X[train], Y[train])
    ours = pls.predict(X @ X.T, Y, train, test, 8)
    np.testing.assert_allclose(ours, reference.predict(X[test]), atol=1e-6 * Y.std())


def test_a_constant_neuroid_is_predicted_by_its_constant_and_leaves_the_others_alone():
    X, Y, train, test = problem()
    with_constant = pls.predict(X @ X.T, np.column_stack([Y, np.full(len(Y), 7.3)]), train, test, COMPONENTS)
    np.testing.assert_allclose(with_constant[:, -1], 7.3, rtol=1e-14)
    alone = pls.predict(X @ X.T, Y, train, test, COMPONENTS)
    np.testing.assert_allclose(with_constant[:, :-1], alone, atol=1e-9 * Y.std())


def test_shift_and_offset_do_not_change_predictions():
    X, Y, train, test = problem()
    plain = pls.predict(X @ X.T, Y, train, test, COMPONENTS)
    shifted = pls.predict(matrix.gram([X], np.float64)["K"], Y, train, test, COMPONENTS)
    np.testing.assert_allclose(shifted, plain, atol=1e-8)


def test_float32_products_survive_an_offset_of_300_sigma():
    X, Y, train, test = problem()
    exact = pls.predict(X @ X.T, Y, train, test, COMPONENTS)
    offset = (X + 300 * X.std()).astype(np.float32)
    ours = pls.predict(matrix.gram([offset])["K"], Y, train, test, COMPONENTS)
    # float32 features at that offset carry 300 * 2^-24 = 2e-5 of rounding themselves.
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(exact.T, ours.T, strict=True)]
    assert min(r) > 1 - 1e-6


def test_float32_inputs_give_the_same_predictions():
    X, Y, train, test = problem()
    K = X @ X.T
    ours = pls.predict(K.astype(np.float32), Y.astype(np.float32), train, test, COMPONENTS)
    np.testing.assert_allclose(ours, pls.predict(K, Y, train, test, COMPONENTS), atol=2e-3 * Y.std())


def test_inputs_are_left_alone():
    X, Y, train, test = problem()
    K, Y = np.asfortranarray(X @ X.T), np.asfortranarray(Y)
    before = K.copy(), Y.copy()
    pls.predict(K, Y, train, test, COMPONENTS)
    assert np.array_equal(K, before[0])
    assert np.array_equal(Y, before[1])


def test_exhausted_responses_give_fewer_components_not_noise():
    X, _, train, test = problem(noise=0)
    Y = X[:, :2] @ np.random.default_rng(1).standard_normal((2, 3)) * 0  # constant responses
    assert np.array_equal(pls.predict(X @ X.T, Y, train, test, COMPONENTS), np.zeros((len(test), 3)))


def test_a_linear_response_is_predicted_exactly_when_components_suffice():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 6))
    Y = X @ rng.standard_normal((6, 4)) + 7
    predicted = pls.predict(X @ X.T, Y, np.arange(60), np.arange(60, 80), 6)
    np.testing.assert_allclose(predicted, Y[60:], atol=1e-8)


@pytest.mark.parametrize("offset", [0, 300])
def test_components_beyond_the_rank_of_the_features_change_nothing(offset):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 6)) + offset
    Y = X @ rng.standard_normal((6, 4)) + rng.standard_normal((80, 4))
    reference = LinearRegression().fit(X[:60], Y[:60]).predict(X[60:])
    ours = pls.predict(X @ X.T, Y, np.arange(60), np.arange(60, 80), 25)
    np.testing.assert_allclose(ours, reference, atol=1e-8)


def low_rank(rank=10):
    """Float32 features of `rank` dimensions, so that all beyond are rounding, and responses to them."""
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((208, rank))
    X = (Z @ rng.standard_normal((rank, 800))).astype(np.float32)
    return Z, X, Z @ rng.standard_normal((rank, 40)) / 3 + 0.7 * rng.standard_normal((208, 40))


def test_components_are_not_fitted_to_the_rounding_of_float32_products():
    Z, X, Y = low_rank()
    train, test = np.arange(187), np.arange(187, 208)
    reference = LinearRegression().fit(Z[train], Y[train]).predict(Z[test])
    gram = matrix.gram([X[:, :300], X[:, 300:]])
    for K, rounding in ((gram["K"], float(gram["rounding"])), ((X @ X.T), None)):
        [fit] = pls.fit_splits(K, Y, [(train, test)], 25, rounding)
        assert fit.used == 10
        np.testing.assert_allclose(fit.predicted, reference, atol=1e-4 * Y.std())


@pytest.mark.parametrize("times", [1e3, 3e3, 1e4])
def test_one_large_feature_leaves_the_others_their_precision(times):
    rng = np.random.default_rng(1)
    latent = rng.standard_normal((208, 40))
    Y = latent @ rng.standard_normal((40, 20)) / 6 + 0.7 * rng.standard_normal((208, 20))
    X = latent @ rng.standard_normal((40, 800)) + 0.3 * rng.standard_normal((208, 800))
    X[:, 0] = times * rng.standard_normal(208) * X.std()
    X, train, test = X.astype(np.float32), np.arange(187), np.arange(187, 208)
    gram = matrix.gram([X])
    [fit] = pls.fit_splits(gram["K"], Y, [(train, test)], 25, float(gram["rounding"]))
    assert fit.used == 25
    [expected] = primal_pls.predict_splits_primal(X, Y, [(train, test)], COMPONENTS)
    # Of products in float32, r changes by .001, .01 and .1.
    np.testing.assert_allclose(pearson(fit.predicted, Y[test]), pearson(expected, Y[test]), atol=3e-4)


def test_held_out_stimuli_tell_a_fit_nothing():
    X, Y, train, test = problem()
    elsewhere = Y.copy()
    elsewhere[test] = 1e3 * np.random.default_rng(1).standard_normal((len(test), Y.shape[1]))
    K = X @ X.T
    ours = pls.predict(K, elsewhere, train, test, COMPONENTS)
    np.testing.assert_allclose(ours, pls.predict(K, Y, train, test, COMPONENTS), atol=1e-8 * Y.std())


@pytest.mark.parametrize(("s", "m"), [(3, 1), (4, 2), (6, 60)])
def test_the_dominant_eigenvectors_are_those_of_scipy_bit_by_bit(s, m):
    A = np.random.default_rng(m).standard_normal((s, 90, m)) * np.geomspace(1, 0.01, m)
    M = A.mT @ A
    M[0] = 0  # exhausted
    expected = [linalg.eigh(each, subset_by_index=[m - 1, m - 1])[1][:, 0] for each in M]
    np.testing.assert_array_equal(pls.dominant(M), expected)
