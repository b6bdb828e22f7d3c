"""Claims about folds, blocks and nested subsets: labels balanced, groups whole, one inside the next."""

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.probes import folds
from visalign.probes.ridge_probe import classify, correct, penalty_grid
from visalign.probes.spectra import Features


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("counts", [(24, 24), (101, 101), (60, 140), (5, 5)])
def test_folds_of_single_trials_have_every_label_as_often_as_any(counts):
    strata = np.repeat([0.0, 1.0], counts)
    fold = folds.stratified_folds(strata, np.arange(len(strata)), rng())
    for label in (0, 1):
        size = np.bincount(fold[strata == label], minlength=5)
        assert np.ptp(size) <= 1
    if counts[0] == counts[1]:  # what is over goes to the same folds
        assert np.array_equal(*(np.bincount(fold[strata == label]) for label in (0, 1)))


def test_units_are_whole_in_folds_and_blocks_and_folds_stay_balanced():
    unit = np.repeat(np.arange(60), rng(1).integers(1, 9, 60))
    strata = (rng(2).random(60) < 0.5)[unit].astype(float)
    for dealt in (folds.stratified_folds(strata, unit, rng()), folds.blocks(strata, unit, rng())):
        assert all(len(np.unique(dealt[unit == name])) == 1 for name in range(60))
    fold = folds.stratified_folds(strata, unit, rng())
    share = np.array([strata[fold == number].mean() for number in range(5)])
    assert np.ptp(share) < 0.1 and np.ptp(np.bincount(fold)) < 0.1 * len(unit)


def test_pairs_of_both_labels_stay_together():
    unit = np.repeat(np.arange(30), 2)
    fold = folds.stratified_folds(np.tile([0.0, 1.0], 30), unit, rng())
    assert (fold[::2] == fold[1::2]).all() and (np.bincount(fold) == 12).all()


@pytest.mark.parametrize(("n", "count"), [(48, 24), (160, 40), (200, 33), (2000, 40)])
def test_blocks_have_the_labels_of_all_and_make_balanced_folds(n, count):
    strata = np.arange(n) % 2.0
    block = folds.blocks(strata, np.arange(n), rng())
    assert len(np.unique(block)) == count
    difference = np.bincount(block, 2 * strata - 1)
    assert np.abs(difference).max() <= 1
    fold = folds.stratified_folds(strata, block, rng(1))
    assert np.abs(np.bincount(fold, 2 * strata - 1)).max() <= 1
    assert np.ptp(np.bincount(fold)) <= 2 * n / count


def test_too_few_groups_of_a_label_are_refused():
    strata = np.r_[np.ones(4), np.zeros(40)]
    with pytest.raises(InputError, match=r"t.csv: label 1 is in 4 groups, too few for 5 folds: bring more"):
        folds.blocks(strata, np.arange(44), rng(), where="t.csv")
    with pytest.raises(InputError, match=r"t.csv: label 1 is in 4 of 5 folds"):
        folds.stratified_folds(strata, np.arange(44), rng(), where="t.csv")


def test_draws_differ_and_a_seed_gives_the_same_ones():
    strata = np.arange(100) % 2.0
    dealt = [folds.stratified_folds(strata, np.arange(100), rng(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(dealt[0], dealt[1]) and not np.array_equal(dealt[0], dealt[2])


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_every_beginning_of_a_nested_order_has_the_labels_of_all(share):
    strata = (np.arange(400) < 400 * share).astype(float)
    order = folds.nested_order(strata, np.arange(400), rng())
    assert sorted(order) == list(range(400))
    for size in (50, 100, 200):
        assert strata[order[:size]].sum() == pytest.approx(size * share, abs=1)


def test_nested_subsets_are_whole_groups_within_their_size():
    unit = np.repeat(np.arange(50), 7)
    strata = (unit % 2).astype(float)
    order = folds.nested_order(strata, unit, rng())
    ends = folds.subset_ends(unit[order], (5, 50, 100, 200, 400))
    assert ends == {50: 49, 100: 98, 200: 196}  # none fits into 5; 400 are more than all
    for end in ends.values():
        assert not set(unit[order[:end]]) & set(unit[order[end:]])
        assert abs(strata[order[:end]].mean() - 0.5) < 0.1


def test_stratified_folds_do_not_go_below_chance_where_features_know_nothing():
    found = []
    for seed in range(80):
        draw = rng(seed)
        features, label = Features(draw.standard_normal((60, 200))), draw.permutation(np.arange(60) % 2.0)
        fold, own = folds.stratified_folds(label, np.arange(60), draw), []
        for number in range(5):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            spectrum = features.spectrum(train, test)
            values = classify(spectrum, label[train, None], penalty_grid(spectrum)).values
            own.append(correct(values[:, 0], label[test]).mean())
        found.append(np.mean(own))
    assert abs(np.mean(found) - 0.5) < 3 * np.std(found) / np.sqrt(80)
