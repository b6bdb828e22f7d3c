"""Claims about intervals of probes: groups and training draws are resampled, and the ROC area is SciPy's."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from visalign.probes import intervals


def test_each_draw_takes_one_training_draw_and_whole_groups():
    unit = np.repeat(np.arange(12), 3)
    drawn = intervals.resample(unit, training=4, seed=0, draws=50)
    assert drawn.groups == 12 and set(drawn.training) == {0, 1, 2, 3}
    assert (drawn.weights.sum(axis=1) == 12).all()
    times = drawn.of_trials().reshape(50, 12, 3)
    assert (times == times[:, :, :1]).all()
    values = np.random.default_rng(1).random((4, 36))
    found = intervals.means(values, drawn)
    for mean, training, weights in zip(found, drawn.training, drawn.of_trials(), strict=True):
        assert mean == pytest.approx(np.average(values[training], weights=weights))
    both = intervals.means(np.stack([values, 1 - values], axis=-1), drawn)
    np.testing.assert_allclose(both, np.column_stack([found, 1 - found]))


def test_groups_whose_trials_agree_widen_an_interval():
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(60) < 0.7, 10).astype(float)[None]
    width = {}
    for name, unit in (("trials", np.arange(600)), ("groups", np.repeat(np.arange(60), 10))):
        drawn = intervals.resample(unit, 1, seed=0)
        width[name] = np.ptp(drawn.interval(intervals.means(right, drawn)))
    assert width["groups"] == pytest.approx(np.sqrt(10) * width["trials"], rel=0.15)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, hits = np.random.default_rng(0), 0
    for seed in range(200):
        right = np.repeat(rng.random(40) < 0.7, 3).astype(float)[None]
        drawn = intervals.resample(np.repeat(np.arange(40), 3), 1, seed, draws=500)
        low, high = drawn.interval(intervals.means(right, drawn))
        hits += low <= 0.7 <= high
    assert 0.91 < hits / 200 < 0.99


def test_draws_do_not_depend_on_the_model():
    one, other = (intervals.resample(np.arange(30), 10, seed=3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_one_group_has_no_interval():
    drawn = intervals.resample(np.zeros(30), 1, seed=0)
    assert np.isnan(drawn.interval(intervals.means(np.ones((1, 30)), drawn))).all()


def test_the_roc_area_is_that_of_mann_and_whitney_within_folds():
    rng = np.random.default_rng(0)
    label, fold = rng.permutation(np.arange(60) % 2), np.arange(60) % 3
    values = np.round(rng.standard_normal(60) + label + 10 * fold, 1)  # with ties; folds on other scales
    u, pairs = 0.0, 0
    for number in range(3):
        one, zero = (values[(fold == number) & (label == side)] for side in (1, 0))
        u, pairs = u + mannwhitneyu(one, zero).statistic, pairs + len(one) * len(zero)
    times = np.vstack([np.ones(60), rng.integers(0, 3, (2, 60))]).astype(float)
    found = intervals.auc(values, label, fold, times)
    assert found[0] == pytest.approx(u / pairs)
    for weights, area in zip(times[1:].astype(int), found[1:], strict=True):
        again = np.repeat(np.arange(60), weights)
        own = intervals.auc(values[again], label[again], fold[again], np.ones((1, len(again))))[0]
        assert area == pytest.approx(own)


@pytest.mark.filterwarnings("error")
def test_the_roc_area_of_one_label_is_undefined():
    assert np.isnan(intervals.auc(np.arange(5.0), np.ones(5), np.zeros(5), np.ones((1, 5)))).all()
