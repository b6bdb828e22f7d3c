"""Claims about the probe of a task."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from visalign.errors import InputError
from visalign.probes import folds as divisions
from visalign.probes import probe as probes
from visalign.probes import trials as tables
from visalign.probes.probe import Setting
from visalign.probes.trials import Trials

FAST = Setting(draws=4, permutations=40, bootstrap=400, curve=False)


def trials_of(
    labels: np.ndarray, groups: np.ndarray | None = None, split: np.ndarray | None = None
) -> Trials:
    n = len(labels)
    return Trials(
        task="t",
        row=np.arange(n),
        stimulus_id=np.array([f"s{i:05d}" for i in range(n)]),
        label=np.asarray(labels, float),
        split=np.full(n, "") if split is None else split,
        group=np.arange(n) if groups is None else groups,
        difficulty=np.full(n, ""),
    )


def test_null_data_are_at_chance_and_not_below():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(30):
        labels = rng.permutation(np.repeat([0, 1], 24))
        found.append(probes.accuracy(probes.probe({"x": rng.normal(size=(48, 60))}, trials_of(labels), FAST)))
    assert np.mean(found) == pytest.approx(0.5, abs=3 * np.std(found) / np.sqrt(30)) and np.mean(found) > 0.47


def test_order_of_the_table_changes_nothing(tmp_path: Path):
    rng = np.random.default_rng(1)
    ids = [f"i{n:03d}" for n in range(40)]
    X, labels = rng.normal(size=(40, 20)), rng.permutation(np.repeat([0, 1], 20))
    X[:, 0] += labels
    table = pd.DataFrame({"stimulus_id": ids, "task": "t", "label": labels, "group": np.repeat(range(20), 2)})
    table["group"] = table["group"].astype(str)
    found = []
    for order in (np.arange(40), rng.permutation(40)):
        table.iloc[order].to_csv(tmp_path / "trials.csv", index=False)
        (trials,) = tables.read(tmp_path / "trials.csv", [ids[i] for i in order])
        found.append(probes.probe({"x": X[order]}, trials, FAST))
    assert np.array_equal(found[0].hits, found[1].hits) and np.array_equal(found[0].null, found[1].null)
    assert list(found[0].trials.stimulus_id) == ids


def copied(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forty groups of six alike images; labels are the groups', whatever they look like."""
    groups = np.repeat(np.arange(40), 6)
    labels = rng.permutation(np.repeat([0, 1], 20))[groups]
    X = rng.normal(size=(40, 30))[groups] + 0.05 * rng.normal(size=(240, 30))
    return X, labels, groups


def test_labels_copied_within_groups_are_only_known_when_groups_are_split():
    rng = np.random.default_rng(2)
    whole, split = [], []
    for _ in range(8):
        X, labels, groups = copied(rng)
        whole.append(probes.accuracy(probes.probe({"x": X}, trials_of(labels, groups), FAST)))
        split.append(probes.accuracy(probes.probe({"x": X}, trials_of(labels), FAST)))
    assert abs(np.mean(whole) - 0.5) < 0.06
    assert np.mean(split) > 0.8


def test_intervals_are_over_groups_and_not_over_images():
    X, labels, groups = copied(np.random.default_rng(3))
    found = probes.probe({"x": X}, trials_of(labels, groups), FAST)
    rng = np.random.default_rng(0)
    wide = probes.interval(found, *probes.group_counts(found.trials.group, 2000, rng), rng)
    narrow = probes.interval(found, *probes.group_counts(np.arange(240), 2000, rng), rng)
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_interval_holds_the_accuracy_of_the_population():
    rng, held = np.random.default_rng(4), 0
    for _ in range(60):
        labels = np.tile([0, 1], 60)
        X = rng.normal(size=(120, 2)) + np.outer(labels, [1.5, 0])
        split = np.repeat(["train", "test"], 60)
        found = probes.probe({"x": X}, trials_of(labels, split=split), FAST)
        low, high = probes.interval(found, *probes.group_counts(found.trials.group, 500, rng), rng)
        # accuracy of this very probe on new trials, by its decision boundary
        new_labels = np.tile([0, 1], 2000)
        new = rng.normal(size=(4000, 2)) + np.outer(new_labels, [1.5, 0])
        both = np.vstack([X[:60], new])
        again = trials_of(
            np.concatenate([labels[:60], new_labels]), split=np.repeat(["train", "test"], [60, 4000])
        )
        truth = probes.accuracy(probes.probe({"x": both}, again, FAST))
        held += low <= truth <= high
    assert held >= 52  # 95 % of 60 is 57; 52 is beyond 3 standard errors below


def test_floor_of_permuted_labels_is_chance_and_p_counts_what_reaches():
    rng = np.random.default_rng(5)
    labels = np.tile([0, 1], 50)
    X = rng.normal(size=(100, 10)) + 2 * labels[:, None]
    floor, high, p = probes.chance(probes.probe({"x": X}, trials_of(labels), FAST))
    assert floor == pytest.approx(0.5, abs=0.03) and floor < high < 0.7 and p == 1 / 41


def test_p_values_of_null_data_are_uniform():
    """A permutation for each fold would average over them, and find 12 of 40 null data sets below .05."""
    rng, found = np.random.default_rng(13), []
    for seed in range(40):
        labels = rng.permutation(np.repeat([0, 1], 20))
        own = Setting(draws=3, permutations=39, seed=seed)
        found.append(probes.chance(probes.probe({"x": rng.normal(size=(40, 15))}, trials_of(labels), own))[2])
    assert np.mean(np.array(found) <= 0.05) < 0.16 and 0.35 < np.mean(found) < 0.65


def test_a_layer_is_chosen_by_training_trials_of_each_fold():
    rng = np.random.default_rng(6)
    labels = np.tile([0, 1], 40)
    layers = {"noise": rng.normal(size=(80, 5)), "signal": rng.normal(size=(80, 5)) + 2 * labels[:, None]}
    found = probes.probe(layers, trials_of(labels), FAST)
    assert found.layer == "signal" and set(found.layers) == {"signal"} and len(found.layers) == 20


def test_choosing_among_layers_of_noise_stays_at_chance():
    rng, found = np.random.default_rng(7), []
    for _ in range(12):
        labels = rng.permutation(np.repeat([0, 1], 20))
        layers = {str(i): rng.normal(size=(40, 30)) for i in range(6)}
        found.append(
            probes.accuracy(probes.probe(layers, trials_of(labels), Setting(draws=2, permutations=0)))
        )
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_transfer_is_tested_by_the_probe_of_the_other_trials():
    rng = np.random.default_rng(8)
    labels = np.tile([0, 1], 60)
    X = rng.normal(size=(120, 6)) + np.outer(labels - 0.5, [3, 0, 0, 0, 0, 0])
    X[100:] = rng.normal(size=(20, 6)) - np.outer(
        labels[100:] - 0.5, [4, 0, 0, 0, 0, 0]
    )  # the rule is turned round
    split = np.repeat(["train", "test", "transfer"], [60, 40, 20])
    own = trials_of(labels, split=split)
    assert probes.accuracy(probes.probe({"x": X}, own, FAST)) > 0.85
    moved = probes.transferred({"x": X}, own, FAST)
    assert moved is not None and probes.accuracy(moved) < 0.2 and len(moved.trials.label) == 20


def test_area_under_the_curve_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(9)
    labels, decisions = rng.integers(0, 2, 50), rng.normal(size=(3, 50)).round(1)
    expected = np.mean([roc_auc_score(labels, row) for row in decisions])
    assert probes.area_under_roc(decisions, labels) == pytest.approx(expected)


def test_features_that_are_not_finite_are_an_error_that_names_them():
    X = np.zeros((10, 3))
    X[4, 2] = np.nan
    with pytest.raises(InputError, match=r"blocks\.1: image 4, feature 2: nan is not finite"):
        probes.probe({"blocks.1": X}, trials_of(np.tile([0, 1], 5)), FAST)


def test_folds_keep_groups_whole_and_labels_equal():
    rng = np.random.default_rng(10)
    for _ in range(20):
        groups = rng.integers(30, size=120)
        labels = rng.integers(0, 2, 30)[groups]
        fold = divisions.stratified(labels, groups, 5, rng)
        assert all(len(set(fold[groups == group])) == 1 for group in np.unique(groups))
    labels = rng.permutation(np.repeat([0, 1], 24))
    fold = divisions.stratified(labels, np.arange(48), 5, rng)
    ones, zeros = (np.bincount(fold[labels == label], minlength=5) for label in (1, 0))
    assert np.ptp(ones) <= 1 and np.ptp(zeros) <= 1


def test_training_subsets_are_nested_balanced_and_of_whole_groups():
    rng = np.random.default_rng(11)
    groups = np.repeat(np.arange(100), 4)
    labels = np.repeat(rng.permutation(np.repeat([0, 1], 50)), 4)
    subsets = divisions.nested(labels, groups, (50, 100, 200), rng)
    assert [len(subset) for subset in subsets] == [52, 100, 200, 400]
    for small, large in itertools.pairwise(subsets):
        assert set(small) < set(large)
        assert labels[small].mean() == pytest.approx(0.5, abs=0.05)
        assert len(small) == 4 * len(np.unique(groups[small]))


def test_permutations_are_of_groups_where_each_has_one_label():
    rng = np.random.default_rng(12)
    groups = np.repeat(np.arange(10), 3)
    labels = np.repeat([-1.0, 1.0], 15)
    of_groups = divisions.permuted(labels, groups, 50, rng)
    assert all((np.ptp(of_groups[groups == group], axis=0) == 0).all() for group in range(10))
    mixed = divisions.permuted(np.tile([-1.0, 1.0], 15), groups, 50, rng)
    assert (mixed.sum(axis=0) == 0).all() and np.ptp(mixed[:3], axis=0).any()
