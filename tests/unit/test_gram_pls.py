import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from visalign import gram_matrix, gram_pls


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
    ours = gram_pls.predict(X @ X.T, Y, train, test, components)
    np.testing.assert_allclose(ours, reference.predict(X[test]), atol=1e-6 * Y.std())


def test_shift_and_offset_do_not_change_predictions():
    X, Y, train, test = problem()
    plain = gram_pls.predict(X @ X.T, Y, train, test)
    shifted = gram_pls.predict(gram_matrix.gram([X], np.float64)["K"], Y, train, test)
    np.testing.assert_allclose(shifted, plain, atol=1e-8)


def test_float32_products_survive_an_offset_of_300_sigma():
    X, Y, train, test = problem()
    exact = gram_pls.predict(X @ X.T, Y, train, test)
    offset = (X + 300 * X.std()).astype(np.float32)
    ours = gram_pls.predict(gram_matrix.gram([offset])["K"], Y, train, test)
    # float32 features at that offset carry 300 * 2^-24 = 2e-5 of rounding themselves.
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(exact.T, ours.T, strict=True)]
    assert min(r) > 1 - 1e-6


def test_float32_inputs_give_the_same_predictions():
    X, Y, train, test = problem()
    K = X @ X.T
    ours = gram_pls.predict(K.astype(np.float32), Y.astype(np.float32), train, test)
    np.testing.assert_allclose(ours, gram_pls.predict(K, Y, train, test), atol=2e-3 * Y.std())


def test_inputs_are_left_alone():
    X, Y, train, test = problem()
    K, Y = np.asfortranarray(X @ X.T), np.asfortranarray(Y)
    before = K.copy(), Y.copy()
    gram_pls.predict(K, Y, train, test)
    assert np.array_equal(K, before[0])
    assert np.array_equal(Y, before[1])


def test_exhausted_responses_give_fewer_components_not_noise():
    X, _, train, test = problem(noise=0)
    Y = X[:, :2] @ np.random.default_rng(1).standard_normal((2, 3)) * 0  # constant responses
    assert np.array_equal(gram_pls.predict(X @ X.T, Y, train, test), np.zeros((len(test), 3)))


def test_a_linear_response_is_predicted_exactly_when_components_suffice():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 6))
    Y = X @ rng.standard_normal((6, 4)) + 7
    predicted = gram_pls.predict(X @ X.T, Y, np.arange(60), np.arange(60, 80), 6)
    np.testing.assert_allclose(predicted, Y[60:], atol=1e-8)


def test_gram_blocks_add_up_and_give_back_the_unshifted_gram():
    X = np.random.default_rng(5).standard_normal((30, 50)) + 3
    parts = gram_matrix.gram([X[:, :20], X[:, 20:]], np.float64)
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(parts["K"], centred @ centred.T, atol=1e-10)
    back = parts["K"] + parts["row_dot_mean"] + parts["row_dot_mean"][:, None] - parts["mean_dot_mean"]
    np.testing.assert_allclose(back, X @ X.T, atol=1e-9)
    np.testing.assert_allclose(parts["row_sum"], X.sum(axis=1), atol=1e-10)
    assert parts["n_features"] == 50
