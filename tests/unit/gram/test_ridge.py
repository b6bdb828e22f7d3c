import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV

from visalign.gram import matrix, ridge

TRAIN, TEST = np.arange(5, 85), np.r_[0:5, 85:100]


def problem(p, offset=0.0, seed=0):
    """Neuroids from noiseless to pure noise, so that the chosen penalties differ."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((100, p)) * np.arange(1, p + 1) ** -0.5 + offset
    noise = np.array([0, 0.3, 1, 3, 10, 100])
    Y = (X - offset) @ rng.standard_normal((p, len(noise))) + noise * rng.standard_normal((100, len(noise)))
    return X, Y + 5


@pytest.mark.parametrize("p", [12, 79, 300])  # rank-deficient, square and wide
def test_predictions_and_penalties_equal_scikit_learn(p):
    X, Y = problem(p)
    K = X @ X.T
    penalties = ridge.penalty_grid(K, TRAIN, count=15)
    reference = RidgeCV(penalties, alpha_per_target=True, gcv_mode="eigen").fit(X[TRAIN], Y[TRAIN])
    _, chosen, errors = ridge.fit(K, Y, TRAIN, penalties)
    assert np.array_equal(chosen, reference.alpha_)
    assert len(set(chosen)) > 2
    np.testing.assert_allclose(errors.min(axis=0), -reference.best_score_, rtol=1e-8)
    predicted = ridge.predict(K, Y, TRAIN, TEST, penalties)
    np.testing.assert_allclose(predicted, reference.predict(X[TEST]), rtol=1e-8)


@pytest.mark.parametrize("p", [12, 300])
def test_errors_equal_those_of_leaving_each_stimulus_out(p):
    X, Y = problem(p)
    penalties = ridge.penalty_grid(X @ X.T, TRAIN, 4)
    errors = ridge.fit(X @ X.T, Y, TRAIN, penalties)[2]
    for penalty, ours in zip(penalties, errors, strict=True):
        explicit = np.zeros(Y.shape[1])
        for left_out in TRAIN:
            others = np.setdiff1d(TRAIN, left_out)
            prediction = Ridge(penalty).fit(X[others], Y[others]).predict(X[[left_out]])[0]
            explicit += (Y[left_out] - prediction) ** 2 / len(TRAIN)
        np.testing.assert_allclose(ours, explicit, rtol=1e-8)


def test_shift_and_offset_do_not_change_predictions():
    X, Y = problem(300)
    penalties = ridge.penalty_grid(X @ X.T, TRAIN, count=15)
    plain = ridge.predict(X @ X.T, Y, TRAIN, TEST, penalties)
    shifted = matrix.gram([X + 300 * X.std()], np.float64)["K"]
    np.testing.assert_allclose(ridge.penalty_grid(shifted, TRAIN, count=15), penalties, rtol=1e-8)
    np.testing.assert_allclose(ridge.predict(shifted, Y, TRAIN, TEST, penalties), plain, rtol=1e-8)


@pytest.mark.parametrize("p", [12, 300])
@pytest.mark.parametrize("offset", [0, 300])
def test_float32_products_change_predictions_by_less_than_1e_4_standard_deviations(p, offset):
    X, Y = problem(p, offset)
    X = X.astype(np.float32)
    exact, single = (matrix.gram([X], dtype)["K"] for dtype in (np.float64, np.float32))
    penalties = ridge.penalty_grid(exact, TRAIN, count=15)
    expected = ridge.predict(exact, Y, TRAIN, TEST, penalties)
    ours = ridge.predict(single, Y, TRAIN, TEST, penalties)
    assert (abs(ours - expected).max(axis=0) < 1e-4 * expected.std(axis=0)).all()


def test_eigenvalues_rounded_below_zero_count_as_zero():
    X, Y = problem(12)
    K = X @ X.T
    penalties = 1e-2 * ridge.penalty_grid(K, TRAIN, 1)
    below = K - penalties * np.eye(len(K))  # unless clipped, λ + α = 0
    clean = ridge.predict(K, Y, TRAIN, TEST, penalties)
    np.testing.assert_allclose(ridge.predict(below, Y, TRAIN, TEST, penalties), clean, rtol=1e-3)


def test_a_constant_neuroid_is_predicted_as_its_constant():
    X, Y = problem(12)
    Y[:, 2] = 7
    K = X @ X.T
    predicted = ridge.predict(K, Y, TRAIN, TEST, ridge.penalty_grid(K, TRAIN, count=15))
    np.testing.assert_allclose(predicted[:, 2], 7, atol=1e-12)


def test_the_grid_spans_the_mean_eigenvalue_by_four_decades_each_way():
    X, _ = problem(30)
    mean_eigenvalue = X[TRAIN].var(axis=0).sum()  # of the Gram: trace / n = total variance
    grid = ridge.penalty_grid(X @ X.T, TRAIN, count=15)
    assert len(grid) == 15
    np.testing.assert_allclose(grid[[0, 7, 14]], mean_eigenvalue * np.array([1e-4, 1, 1e4]), rtol=1e-10)


def test_inputs_are_left_alone():
    X, Y = problem(30)
    for order in ("C", "F"):
        K = np.array(X @ X.T, order=order)
        before = K.copy(), Y.copy()
        ridge.predict(K, Y, np.arange(100), TEST, ridge.penalty_grid(K, TRAIN, count=15))
        assert np.array_equal(K, before[0])
        assert np.array_equal(Y, before[1])


@pytest.mark.parametrize("p", [12, 300])
def test_errors_equal_those_of_leaving_each_group_out(p):
    X, Y = problem(p)
    groups = np.r_[np.repeat(np.arange(12), 7), np.arange(100, 116)]  # images of 7 positions, then of one
    penalties = ridge.penalty_grid(X @ X.T, TRAIN, 4)
    errors = ridge.fit(X @ X.T, Y, TRAIN, penalties, groups)[2]
    for penalty, ours in zip(penalties, errors, strict=True):
        explicit = np.zeros(Y.shape[1])
        for name in np.unique(groups[TRAIN]):
            out, others = TRAIN[groups[TRAIN] == name], TRAIN[groups[TRAIN] != name]
            prediction = Ridge(penalty).fit(X[others], Y[others]).predict(X[out])
            explicit += ((Y[out] - prediction) ** 2).sum(axis=0) / len(TRAIN)
        np.testing.assert_allclose(ours, explicit, rtol=1e-8)


def test_groups_of_one_stimulus_or_of_all_change_nothing():
    X, Y = problem(30)
    penalties = ridge.penalty_grid(X @ X.T, TRAIN, count=15)
    plain = ridge.fit(X @ X.T, Y, TRAIN, penalties)
    for groups in (np.arange(100), np.zeros(100)):
        for ours, expected in zip(ridge.fit(X @ X.T, Y, TRAIN, penalties, groups), plain, strict=True):
            assert np.array_equal(ours, expected)


def test_positions_of_an_image_that_share_their_noise_ask_for_a_higher_penalty():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 10)
    common = rng.standard_normal((10, 1, 60)) + 0.3 * rng.standard_normal((10, 10, 60))
    X = common.reshape(100, 60)
    Y = X @ rng.standard_normal((60, 8)) / 8 + rng.standard_normal((10, 8))[groups]
    penalties = ridge.penalty_grid(X @ X.T, TRAIN, count=15)
    alone, together = (ridge.fit(X @ X.T, Y, TRAIN, penalties, g)[1] for g in (None, groups))
    assert np.median(together) > 10 * np.median(alone)


def test_held_out_responses_choose_no_penalty():
    X, Y = problem(30)
    K = X @ X.T
    penalties = ridge.penalty_grid(K, TRAIN, count=15)
    expected = ridge.predict(K, Y, TRAIN, TEST, penalties)
    for seed in range(3):
        Y[TEST] = 1e3 * np.random.default_rng(seed).standard_normal((len(TEST), Y.shape[1]))
        assert np.array_equal(ridge.predict(K, Y, TRAIN, TEST, penalties), expected)


@pytest.mark.filterwarnings("error")
def test_features_that_do_not_depend_on_the_stimulus_predict_the_mean():
    Y = np.random.default_rng(0).standard_normal((30, 3))
    train, test = np.arange(24), np.arange(24, 30)
    K = matrix.gram([np.ones((30, 5))], np.float64)["K"]
    predicted = ridge.predict(K, Y, train, test, ridge.penalty_grid(K, train, count=15))
    np.testing.assert_allclose(predicted, np.tile(Y[train].mean(axis=0), (6, 1)), atol=1e-12)
