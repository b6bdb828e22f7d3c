import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group

from visalign.gram import matrix, similarity

KINDS = {"squared_euclidean": "sqeuclidean", "correlation": "correlation"}
SEEDS = st.integers(0, 2**32 - 1)


def features(n=40, p=60, seed=0):
    """Features of unequal scales that share three dimensions with the responses."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3))
    X = shared @ rng.standard_normal((3, p)) + rng.standard_normal((n, p)) * rng.uniform(0.1, 2, p)
    return X, shared @ rng.standard_normal((3, 7)) + rng.standard_normal((n, 7)) + 4


def centred(X):
    return X - X.mean(axis=0)


def hsic_song(K, L):
    """Unbiased HSIC written out as in Song et al. 2012, equation 5."""
    n, one = len(K), np.ones(len(K))
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return (np.trace(K @ L) + middle - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))


def test_cka_equals_kornblith_on_centred_features():
    X, Y = features()
    A, B = centred(X), centred(Y)
    expected = np.linalg.norm(B.T @ A) ** 2 / np.linalg.norm(A.T @ A) / np.linalg.norm(B.T @ B)  # Frobenius
    assert similarity.cka(X @ X.T, Y @ Y.T) == pytest.approx(expected, abs=1e-12)


def test_unbiased_cka_equals_the_formula_of_song():
    X, Y = features()
    K, L = X @ X.T, Y @ Y.T
    expected = hsic_song(K, L) / np.sqrt(hsic_song(K, K) * hsic_song(L, L))
    assert similarity.cka_unbiased(K, L) == pytest.approx(expected, abs=1e-12)


def test_unbiased_cka_of_independent_wide_features_is_zero_on_average_and_the_biased_one_is_not():
    rng = np.random.default_rng(3)
    pairs = [(X @ X.T, Y @ Y.T) for X, Y in rng.standard_normal((200, 2, 20, 100))]
    unbiased = np.array([similarity.cka_unbiased(K, L) for K, L in pairs])
    assert abs(unbiased.mean()) < 4 * unbiased.std() / np.sqrt(len(pairs))
    assert min(similarity.cka(K, L) for K, L in pairs) > 0.5


@pytest.mark.parametrize("measure", [similarity.cka, similarity.cka_unbiased])
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, scale=st.floats(1e-3, 1e3), offset=st.floats(-300, 300))
def test_cka_ignores_rotation_scale_and_offset_and_is_symmetric(measure, seed, scale, offset):
    X, Y = features(p=9, seed=seed)
    K, L = X @ X.T, Y @ Y.T
    moved = scale * (X @ ortho_group.rvs(9, random_state=seed) + offset)
    value = measure(K, L)
    assert measure(moved @ moved.T, L) == pytest.approx(value, abs=1e-8)
    assert measure(L, K) == pytest.approx(value, abs=1e-12)
    assert measure(K, K) == pytest.approx(1, abs=1e-12)
    assert abs(value) <= 1


@pytest.mark.parametrize("measure", [similarity.cka, similarity.cka_unbiased])
def test_cka_of_features_that_do_not_depend_on_the_stimulus_is_nan(measure):
    X, _ = features()
    dead = matrix.gram([np.full((40, 8), 0.1, np.float32)])["K"]
    assert np.isnan(measure(X @ X.T, dead))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [0, 300])
def test_rdm_equals_scipy(kind, offset):
    X, Y = features()
    X = X + offset * X.std()
    gram = matrix.gram([X[:, :20], X[:, 20:]], np.float64)
    expected = pdist(X, KINDS[kind])
    np.testing.assert_allclose(similarity.rdm(gram, kind), expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(similarity.rdm_of(Y, kind), pdist(Y, KINDS[kind]), rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("offset", "tolerance"), [(0, 2e-6), (300, 1e-4)])
def test_float32_products_leave_the_rdm_nearly_unchanged(kind, offset, tolerance):
    X, _ = features()
    X = (X + offset * X.std()).astype(np.float32)
    expected = pdist(X.astype(np.float64), KINDS[kind])
    ours = similarity.rdm(matrix.gram([X]), kind)
    np.testing.assert_allclose(ours, expected, atol=tolerance * expected.mean())


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_squared_distances_ignore_a_shift_of_each_feature_and_correlations_one_of_each_stimulus(seed):
    X, _ = features(seed=seed)
    rng = np.random.default_rng(seed)

    def rdm(values, kind):
        return similarity.rdm(matrix.gram([values], np.float64), kind)

    by_feature, by_stimulus = rng.uniform(-50, 50, (1, 60)), rng.uniform(-50, 50, (40, 1))
    for kind, shift in (("squared_euclidean", by_feature), ("correlation", by_stimulus)):
        np.testing.assert_allclose(rdm(X + shift, kind), rdm(X, kind), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stimulus_of_equal_features_has_no_correlation(dtype):
    X, _ = features()
    X[5] = 0
    X = X.astype(np.float32)
    ours = similarity.rdm(matrix.gram([X], dtype), "correlation")
    assert np.array_equal(np.isnan(ours), np.isnan(pdist(X, "correlation")))
    assert np.isnan(ours).sum() == 39


def test_compare_equals_scipy():
    X, Y = features()
    a, b = similarity.rdm_of(X, "correlation"), similarity.rdm_of(Y, "correlation")
    assert similarity.compare(a, b, "pearson") == pytest.approx(scipy_stats.pearsonr(a, b)[0], abs=1e-12)
    assert similarity.compare(a, b, "spearman") == pytest.approx(scipy_stats.spearmanr(a, b)[0], abs=1e-12)
