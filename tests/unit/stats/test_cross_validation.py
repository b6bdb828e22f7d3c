"""Claims about splits: those of scikit-learn, and a picture is on one side of each whatever it is called."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from visalign.comparisons import chosen
from visalign.errors import InputError
from visalign.gram.matrix import gram
from visalign.neural.layers import score_block
from visalign.recordings import ceilings
from visalign.stats.cross_validation import copies, leave_out_splits, nested_splits, strata

GROUPS = np.arange(160) % 8
#: Each of 20 pictures has a second id, 80 stimuli further on, and so the same category.
PICTURES = np.where((np.arange(160) >= 80) & (np.arange(160) < 100), np.arange(160) - 80, np.arange(160))


@pytest.mark.parametrize("groups", [None, GROUPS])
@pytest.mark.parametrize("pictures", [None, np.arange(160), np.array([f"{i:x}" for i in range(160)])])
def test_without_copies_the_splits_are_scikit_learns(groups, pictures):
    kind = ShuffleSplit if groups is None else StratifiedShuffleSplit
    reference = kind(10, train_size=0.9, random_state=1).split(np.zeros(160), groups)
    for ours, (train, test) in zip(
        nested_splits(160, groups, 10, 0.9, 1, 2, pictures), reference, strict=True
    ):
        assert np.array_equal(ours.train, train) and np.array_equal(ours.test, test)


def test_inner_splits_do_not_depend_on_whether_copies_were_looked_for():
    for one, other in zip(
        nested_splits(160, GROUPS, 3, 0.9, 1, 2), nested_splits(160, GROUPS, 3, 0.9, 1, 2, np.arange(160)),
        strict=True,
    ):  # fmt: skip
        for (a, b), (c, d) in zip(one.inner, other.inner, strict=True):
            assert np.array_equal(a, c) and np.array_equal(b, d)


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_a_picture_is_on_one_side_of_every_split_inner_ones_too(groups):
    apart = 0
    for split in nested_splits(160, groups, 10, 0.9, 1, 3, PICTURES):
        assert sorted([*split.train, *split.test]) == list(range(160))
        assert len(np.unique(PICTURES[split.test])) == 14  # a tenth of 140 pictures
        for train, test in split.pairs:
            assert not set(PICTURES[train]) & set(PICTURES[test])
            assert not set(train) & set(test)
        apart += len(split.test) > 14
    assert apart  # copies are in test sets, with their pictures


def test_an_image_is_never_tested_on_after_training_on_its_copy():
    image = np.repeat(["a", "b", "c", "d", "e"], 4)
    pictures = np.repeat(["x", "y", "x", "z", "w"], 4)  # a and c are one picture
    splits = leave_out_splits(image, 1, 2, pictures)
    assert [set(image[split.test]) for split in splits] == [{"a"}, {"b"}, {"c"}, {"d"}, {"e"}]
    for split in splits:
        for train, test in split.pairs:
            assert not set(pictures[train]) & set(pictures[test])
    assert [len(split.train) for split in splits] == [12, 16, 12, 16, 16]


def test_leaving_out_is_as_before_without_copies():
    image = np.repeat(["b", "a", "c", "d"], 3)
    for one, other in zip(leave_out_splits(image, 1, 2), leave_out_splits(image, 1, 2, image), strict=True):
        for (a, b), (c, d) in zip(one.pairs, other.pairs, strict=True):
            assert np.array_equal(a, c) and np.array_equal(b, d)


def test_copies_do_not_let_unrelated_features_predict():
    """Every picture twice, random features, random responses of each picture: nothing can be predicted."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((100, 300)), rng.standard_normal((100, 8))
    X, Y, pictures = np.repeat(X, 2, axis=0), np.repeat(Y, 2, axis=0), np.repeat(np.arange(100), 2)
    layer = gram([X], np.float64)
    scores = [
        np.median(score_block(lambda: layer, Y, splits, chosen("pls")).values)
        for splits in (
            nested_splits(200, None, 10, 0.9, 1, 0),
            nested_splits(200, None, 10, 0.9, 1, 0, pictures),
        )
    ]
    assert scores[0] > 0.9 and abs(scores[1]) < 0.2


def test_copies_are_counted():
    assert copies(PICTURES) == "20 of 160 stimuli are copies of others, on one side of every split"
    assert copies(np.arange(5)) == ""


def test_stimuli_that_are_categories_of_their_own_are_not_stratified():
    assert strata(np.arange(30)) is None and strata(np.zeros(30)) is None and strata(None) is None
    assert strata(GROUPS) is GROUPS
    assert len(nested_splits(30, strata(np.arange(30)), 10, 0.9, 1, 2)) == 10


def test_a_category_of_one_picture_is_named():
    groups = np.array(["car"] * 20 + ["face"] * 20 + ["cup"])
    with pytest.raises(InputError, match=r"splits: category 'cup' .of 1 such. has one picture"):
        nested_splits(41, groups, 10, 0.9, 1, 2)
    twice = np.array(["car"] * 20 + ["face"] * 20 + ["cup"] * 2)
    pictures = np.array([*range(40), 40, 40])
    with pytest.raises(InputError, match="category 'cup'"):
        nested_splits(42, twice, 10, 0.9, 1, 2, pictures)


@pytest.mark.parametrize(("n", "groups"), [(1, None), (20, np.arange(20) % 10)])
def test_too_few_stimuli_are_named(n, groups):
    with pytest.raises(InputError, match=f"splits: {n} pictures cannot be split"):
        nested_splits(n, groups, 10, 0.9, 1, 0)


def test_responses_are_averaged_over_what_was_recorded():
    values = np.array([[[1.0, np.nan, 3], [np.nan] * 3]], dtype=np.float32)
    np.testing.assert_array_equal(ceilings.mean_over_repetitions(values), [[2, np.nan]])


@pytest.mark.parametrize("pictures", [None, PICTURES])
def test_inner_splits_are_of_their_own_training_set(pictures):
    for split in nested_splits(160, GROUPS, 5, 0.9, 1, 3, pictures):
        assert len(split.inner) == 3
        for train, test in split.inner:
            assert sorted([*train, *test]) == sorted(split.train)
