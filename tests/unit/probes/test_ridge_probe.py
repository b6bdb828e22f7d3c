"""Claims about linear probes in closed form; scikit-learn and refitting are the oracles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import Ridge, RidgeCV

from visalign.probes.ridge_probe import correct, decompose, fit, left_out_errors, scaled


def drawn(n: int, p: int, seed: int = 0, shift: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat([-1.0, 1.0], n // 2))
    X = rng.normal(size=(n, p)) * rng.uniform(0.1, 5, p) + rng.normal(size=p)
    X[:, 0] += shift * labels
    return X, labels


@pytest.mark.parametrize(("n", "p"), [(60, 20), (60, 200)])
def test_errors_of_left_out_trials_are_those_of_scikit_learn(n: int, p: int):
    X, y = drawn(n, p)
    Z, _ = scaled(X, X)
    factors = decompose(Z, Z)
    penalties = factors.penalties
    oracle = RidgeCV(alphas=penalties, store_cv_results=True).fit(Z, y)
    found = left_out_errors(factors, y[:, None], penalties)[:, 0]
    np.testing.assert_allclose(found, oracle.cv_results_.mean(axis=0), rtol=1e-8)
    assert fit(factors, y[:, None]).penalties[0] == pytest.approx(oracle.alpha_)


@pytest.mark.parametrize(("n", "p"), [(60, 20), (60, 200)])
def test_decisions_of_balanced_labels_are_those_of_ridge(n: int, p: int):
    X, _ = drawn(n, p)
    Z, Z_test = scaled(X[: n // 2], X[n // 2 :])
    y_train = np.tile([-1.0, 1.0], n // 4)
    found = fit(decompose(Z, Z_test), y_train[:, None])
    oracle = Ridge(alpha=found.penalties[0]).fit(Z, y_train).predict(Z_test)
    np.testing.assert_allclose(found.decisions[:, 0], oracle, atol=1e-8)


def test_either_decomposition_gives_the_same_probe():
    X, y = drawn(50, 50)
    Z, Z_test = scaled(X[:40], X[40:])
    primal = fit(decompose(Z[:, :39], Z_test[:, :39]), y[:40, None])
    padded = np.pad(Z[:, :39], ((0, 0), (0, 20))), np.pad(Z_test[:, :39], ((0, 0), (0, 20)))
    dual = fit(decompose(*padded), y[:40, None])  # features of zero change nothing but which side is smaller
    np.testing.assert_allclose(primal.decisions, dual.decisions, atol=1e-9)
    np.testing.assert_allclose(primal.errors, dual.errors, rtol=1e-9)


def test_groups_that_are_left_out_err_as_when_the_probe_is_fitted_without_them():
    X, y = drawn(46, 12, shift=1)
    groups = np.random.default_rng(1).integers(9, size=46)
    Z, _ = scaled(X, X)
    penalty = 7.0
    expected = np.empty(46)
    for group in np.unique(groups):
        out = groups == group
        expected[out] = y[out] - Ridge(alpha=penalty).fit(Z[~out], y[~out]).predict(Z[out])
    found = left_out_errors(decompose(Z, Z), y[:, None], np.array([penalty]), groups)
    assert found[0, 0] == pytest.approx((expected**2).mean(), rel=1e-9)


def test_columns_of_labels_do_not_know_of_each_other():
    X, y = drawn(40, 15)
    Z, Z_test = scaled(X[:30], X[30:])
    factors = decompose(Z, Z_test)
    columns = np.column_stack([y[:30], np.random.default_rng(2).permutation(y[:30])])
    both, second = fit(factors, columns), fit(factors, columns[:, 1:])
    np.testing.assert_allclose(both.decisions[:, 1], second.decisions[:, 0], rtol=1e-12)


def test_unequal_classes_do_not_draw_the_decision_to_the_commoner_one():
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(60):
        X, y = rng.normal(size=(48, 100)), np.repeat([-1.0, 1.0], [30, 18])
        Z, Z_test = scaled(X, rng.normal(size=(40, 100)))
        hits.append((fit(decompose(Z, Z_test), y[:, None]).decisions > 0).mean())
    assert np.mean(hits) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("d", [0.8, 2.0])
def test_planted_signal_is_scored_as_theory_has_it(d: float):
    rng = np.random.default_rng(4)
    n, m = 4000, 4000
    y, y_test = np.tile([-1.0, 1.0], n // 2), np.tile([-1.0, 1.0], m // 2)
    X = y[:, None] * d / 2 * np.eye(5)[0] + rng.normal(size=(n, 5))
    X_test = y_test[:, None] * d / 2 * np.eye(5)[0] + rng.normal(size=(m, 5))
    found = correct(fit(decompose(*scaled(X, X_test)), y[:, None]).decisions, y_test).mean()
    expected = norm.cdf(d / 2)
    assert abs(found - expected) < 3 * np.sqrt(expected * (1 - expected) / m)


def test_features_that_do_not_vary_decide_nothing():
    Z, Z_test = scaled(np.ones((10, 3)), np.ones((4, 3)))
    decisions = fit(decompose(Z, Z_test), np.tile([-1.0, 1.0], 5)[:, None]).decisions
    assert (correct(decisions, np.ones(4)) == 0.5).all()
