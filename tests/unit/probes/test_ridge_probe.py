"""Claims about the ridge probe: it is scikit-learn's, from either side, and leaves groups out exactly."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifierCV, RidgeCV

from visalign.probes import ridge_probe
from visalign.probes.spectra import STD_OFFSET, Features, Gram, Spectrum

TRAIN, TEST = np.arange(4, 84), np.r_[0:4, 84:110]


def problem(p, seed=0, columns=4):
    """Features of several scales and labels that they know to several degrees, balanced in training."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((110, p)) * rng.uniform(0.2, 5, p) + rng.standard_normal(p)
    signal = X @ rng.standard_normal((p, columns)) / np.sqrt(p)
    values = signal + np.geomspace(0.1, 100, columns) * rng.standard_normal((110, columns))
    values[TRAIN] -= np.median(values[TRAIN], axis=0)
    return X, (values > 0).astype(int)


def z_scored(X):
    return (X - X[TRAIN].mean(axis=0)) / (X[TRAIN].std(axis=0) + STD_OFFSET)


@pytest.mark.parametrize("p", [12, 79, 300])  # primal, and dual
def test_decisions_penalties_and_errors_equal_scikit_learn(p):
    X, labels = problem(p)
    spectrum, Z = Features(X).spectrum(TRAIN, TEST), z_scored(X)
    grid = ridge_probe.penalty_grid(spectrum)
    np.testing.assert_allclose(grid, p * np.geomspace(1e-4, 1e4, 15), rtol=1e-4)
    reference = RidgeCV(grid, alpha_per_target=True, gcv_mode="eigen").fit(Z[TRAIN], 2 * labels[TRAIN] - 1)
    errors = ridge_probe.left_out_errors(spectrum, 2.0 * labels[TRAIN] - 1, grid)
    np.testing.assert_allclose(errors.min(axis=0), -reference.best_score_, rtol=1e-8)
    fit = ridge_probe.classify(spectrum, labels[TRAIN], grid)
    assert np.array_equal(fit.penalties, reference.alpha_) and len(set(fit.penalties)) > 1
    np.testing.assert_allclose(fit.values, reference.predict(Z[TEST]), rtol=1e-8, atol=1e-10)
    for column in range(labels.shape[1]):
        classifier = RidgeClassifierCV(grid).fit(Z[TRAIN], labels[TRAIN, column])
        assert np.array_equal(classifier.predict(Z[TEST]), fit.values[:, column] > 0)


@pytest.mark.parametrize("p", [12, 300])
def test_primal_and_dual_are_equal(p):
    X, labels = problem(p)
    spectrum, Z = Features(X).spectrum(TRAIN, TEST), z_scored(X)
    moved = Z + np.random.default_rng(1).standard_normal(p)  # a Gram matrix centres what it is given
    dual = Gram(moved @ moved.T).spectrum(TRAIN, TEST)
    grid = ridge_probe.penalty_grid(spectrum)
    for ours, other in zip(
        ridge_probe.classify(spectrum, labels[TRAIN], grid),
        ridge_probe.classify(dual, labels[TRAIN], grid),
        strict=True,
    ):
        np.testing.assert_allclose(ours, other, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("p", [12, 300])
def test_errors_equal_those_of_leaving_each_group_out(p):
    X, labels = problem(p)
    Z, Y = z_scored(X), 2.0 * labels - 1
    groups = np.r_[np.repeat(np.arange(12), 7), np.arange(100, 126)]
    spectrum = Features(X).spectrum(TRAIN, TEST)
    grid = ridge_probe.penalty_grid(spectrum, 4)
    errors = ridge_probe.left_out_errors(spectrum, Y[TRAIN], grid, groups[TRAIN])
    for penalty, ours in zip(grid, errors, strict=True):
        explicit = np.zeros(Y.shape[1])
        for name in np.unique(groups[TRAIN]):
            out, others = TRAIN[groups[TRAIN] == name], TRAIN[groups[TRAIN] != name]
            predicted = Ridge(penalty).fit(Z[others], Y[others]).predict(Z[out])
            explicit += ((Y[out] - predicted) ** 2).sum(axis=0) / len(TRAIN)
        np.testing.assert_allclose(ours, explicit, rtol=1e-8)
    chosen = ridge_probe.classify(spectrum, labels[TRAIN], grid, groups[TRAIN]).penalties
    assert np.array_equal(chosen, grid[errors.argmin(axis=0)])


@pytest.mark.parametrize("p", [12, 70, 300])
def test_columns_and_penalties_that_are_not_computed_change_no_choice(p):
    X, labels = problem(p, columns=60)
    rng = np.random.default_rng(3)
    labels = np.hstack([labels, np.array([rng.permutation(labels[:, 0]) for _ in range(60)]).T])
    spectrum = Features(X).spectrum(TRAIN, TEST)
    grid = ridge_probe.penalty_grid(spectrum)
    errors = ridge_probe.left_out_errors(spectrum, 2.0 * labels[TRAIN] - 1, grid)
    fit = ridge_probe.classify(spectrum, labels[TRAIN], grid)
    assert np.array_equal(fit.penalties, grid[errors.argmin(axis=0)])
    alone = ridge_probe.classify(spectrum, labels[TRAIN, :1], grid).values
    np.testing.assert_allclose(fit.values[:, :1], alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("p", [12, 300])
def test_features_are_centred_between_the_classes_whatever_their_sizes(p):
    X, _ = problem(p)
    labels = (np.arange(110) % 4 == 0).astype(int)  # a quarter
    Z, Y = z_scored(X), 2 * labels - 1
    spectrum = Features(X).spectrum(TRAIN, TEST)
    fit = ridge_probe.classify(spectrum, labels[TRAIN, None], np.array([float(p)]))
    w = Ridge(float(p)).fit(Z[TRAIN], Y[TRAIN]).coef_
    middle = (Z[TRAIN][Y[TRAIN] > 0].mean(axis=0) + Z[TRAIN][Y[TRAIN] < 0].mean(axis=0)) / 2
    np.testing.assert_allclose(fit.values[:, 0], (Z[TEST] - middle) @ w, rtol=1e-8, atol=1e-10)


def test_a_regression_takes_the_penalty_that_is_best_for_all_columns_together():
    X, _ = problem(30)
    angle = np.random.default_rng(1).uniform(0, 180, 110)
    Y = np.column_stack([np.cos(np.radians(2 * angle)), np.sin(np.radians(2 * angle))]) + X[:, :2]
    spectrum, Z = Features(X).spectrum(TRAIN, TEST), z_scored(X)
    grid = ridge_probe.penalty_grid(spectrum)
    reference = RidgeCV(grid, gcv_mode="eigen").fit(Z[TRAIN], Y[TRAIN])
    fit = ridge_probe.regress(spectrum, Y[TRAIN], grid)
    assert (fit.penalties == reference.alpha_).all()
    np.testing.assert_allclose(fit.values, reference.predict(Z[TEST]), rtol=1e-8)


def test_splits_share_products_and_give_what_each_gives_alone():
    X, labels = problem(12)
    shared = Features(X)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(110)
        train, test = order[:80], order[80:]
        ours, alone = (
            shared.spectrum(train, test),
            Features(X[order]).spectrum(np.arange(80), np.arange(80, 110)),
        )
        grid = ridge_probe.penalty_grid(alone)
        np.testing.assert_allclose(
            ridge_probe.classify(ours, labels[train], grid).values,
            ridge_probe.classify(alone, labels[train], grid).values,
            rtol=1e-8,
        )


@pytest.mark.parametrize("p", [12, 300])
def test_a_feature_that_is_constant_in_training_adds_nothing(p):
    X, labels = problem(p)
    constant = np.where(np.isin(np.arange(110), TRAIN), 0.1, 7.0)[:, None]
    ours, without = (Features(x).spectrum(TRAIN, TEST) for x in (np.hstack([X, constant]), X))
    grid = ridge_probe.penalty_grid(without)
    values = ridge_probe.classify(ours, labels[TRAIN], grid).values
    np.testing.assert_allclose(values, ridge_probe.classify(without, labels[TRAIN], grid).values, rtol=1e-8)


@pytest.mark.filterwarnings("error")
def test_features_that_do_not_depend_on_the_stimulus_decide_nothing():
    spectrum = Features(np.ones((110, 5))).spectrum(TRAIN, TEST)
    labels = np.arange(110)[:, None] % 2
    fit = ridge_probe.classify(spectrum, labels[TRAIN], ridge_probe.penalty_grid(spectrum))
    assert (ridge_probe.correct(fit.values, labels[TEST]) == 0.5).all()


def test_an_offset_of_features_changes_no_decision():
    X, labels = problem(12)
    plain, moved = (Features(x).spectrum(TRAIN, TEST) for x in (X, X + 1e4))
    grid = ridge_probe.penalty_grid(plain)
    values = [ridge_probe.classify(s, labels[TRAIN], grid).values for s in (plain, moved)]
    np.testing.assert_allclose(values[1], values[0], rtol=1e-6, atol=1e-8)


def test_values_within_1e_12_of_zero_count_half():
    values = np.array([1e-13, -1e-13, 2e-12, -2e-12, 1, -1])
    assert ridge_probe.correct(values, np.ones(6)).tolist() == [0.5, 0.5, 1, 0, 1, 0]


def test_a_spectrum_holds_an_orthonormal_basis_of_sum_zero():
    for p in (12, 300):
        found = Features(problem(p)[0]).spectrum(TRAIN, TEST)
        assert isinstance(found, Spectrum)
        np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(min(p, 79)), atol=1e-10)
        np.testing.assert_allclose(found.basis.sum(axis=0), 0, atol=1e-10)
