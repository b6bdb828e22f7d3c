"""Claims about accuracy of logits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visalign.labels import accuracy

LOGITS = np.array([[3, 2, 1], [1, 2, 3], [2, 3, 1]], np.float32)


def test_hits_of_known_logits():
    labels = np.array([0, 1, 2])
    assert accuracy.hits(LOGITS, labels, 1).tolist() == [True, False, False]
    assert accuracy.hits(LOGITS, labels, 2).tolist() == [True, True, False]
    assert accuracy.hits(LOGITS, labels, 3).tolist() == [True, True, True]


def test_ties_count_against_the_model():
    constant = np.zeros((4, 10), np.float32)
    labels = np.array([0, 3, 5, 9])
    assert not accuracy.hits(constant, labels, 1).any() and not accuracy.hits(constant, labels, 5).any()
    pair = np.array([[2, 2, 1]], np.float32)
    assert not accuracy.hits(pair, np.array([0]), 1).any()
    assert accuracy.hits(pair, np.array([0]), 2).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_without_ties_a_hit_is_among_the_k_largest(seed, k):
    rng = np.random.default_rng(seed)
    logits, labels = rng.permuted(np.tile(np.arange(7.0), (5, 1)), axis=1), rng.integers(7, size=5)
    largest = np.argsort(-logits, axis=1)[:, :k]
    expected = (largest == labels[:, None]).any(axis=1)
    np.testing.assert_array_equal(accuracy.hits(logits, labels, k), expected)


def test_intervals_of_unbalanced_classes_hold_the_truth():
    """Twelve classes of 2 to 24 images and accuracies of .5 to .95: 94 to 100 of 100 intervals."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(12), np.arange(2, 25, 2))
    right = np.linspace(0.5, 0.95, 12)
    intervals = [
        accuracy.mean_of_classes(rng.random(len(labels)) < right[labels], labels) for _ in range(2000)
    ]
    assert np.mean([low <= right.mean() <= high for _, low, high in intervals]) >= 0.94
    assert np.mean([value for value, _, _ in intervals]) == pytest.approx(right.mean(), abs=0.005)


def test_a_constant_network_hits_none_of_several_labels():
    assert not accuracy.multi_hits(np.zeros((1, 4), np.float32), [[0, 1, 2]]).any()
    assert accuracy.multi_hits(np.array([[2, 2, 1]], np.float32), [[0, 1]]).all()
