"""Claims about the floor: what is permuted stays within blocks and groups, and what p is."""

import numpy as np
import pytest

from visalign.probes.floor import floor_of, permuted_labels


def test_labels_are_permuted_within_blocks():
    label, block = np.arange(60) % 2.0, np.repeat(np.arange(6), 10)
    found = permuted_labels(label, np.arange(60), block, 50, np.random.default_rng(0))
    assert found.shape == (60, 50) and (found != label[:, None]).any(axis=0).all()
    for name in range(6):
        assert (found[block == name].sum(axis=0) == 5).all()


def test_groups_of_one_label_keep_one_label():
    unit = np.repeat(np.arange(20), 4)
    label = (unit % 2).astype(float)
    found = permuted_labels(label, unit, np.zeros(80), 30, np.random.default_rng(0))
    assert (found.reshape(20, 4, 30) == found.reshape(20, 4, 30)[:, :1]).all()
    assert (found.sum(axis=0) == 40).all() and found.std(axis=1).min() > 0


def test_labels_that_differ_within_groups_are_permuted_one_by_one():
    unit, label = np.repeat(np.arange(20), 4), np.arange(80) % 2.0
    found = permuted_labels(label, unit, np.zeros(80), 30, np.random.default_rng(0))
    sizes = found.reshape(20, 4, 30).sum(axis=1)
    assert sizes.std() > 0.5 and (found.sum(axis=0) == 40).all()


def test_a_floor_is_mean_quantile_and_the_share_as_high():
    permuted = np.linspace(0.4, 0.6, 199)
    found = floor_of(0.6, permuted)
    assert found.mean == pytest.approx(0.5) and found.high == pytest.approx(np.quantile(permuted, 0.975))
    assert found.low == pytest.approx(np.quantile(permuted, 0.025)) and found.low < 0.41
    assert found.p == 2 / 200 and found.permutations == 199
    assert floor_of(0.7, permuted).p == 1 / 200 and floor_of(0.3, permuted).p == 1
    assert np.isnan(floor_of(0.5, np.empty(0)).p)
