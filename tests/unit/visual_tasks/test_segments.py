"""Claims about distances of segments: those of points spread densely over them, and of known figures."""

from __future__ import annotations

import numpy as np

from visalign.visual_tasks.segments import distances, to_points


def test_distances_of_known_figures():
    cross = np.array([[[0, 0], [2, 2]], [[0, 2], [2, 0]]], float)
    assert distances(*cross) == 0
    parallel = np.array([[[0, 0], [4, 0]], [[1, 3], [2, 3]]], float)
    assert distances(*parallel) == 3
    in_line = np.array([[[0, 0], [1, 0]], [[3, 0], [4, 0]]], float)
    assert distances(*in_line) == 2
    point = np.array([[[1, 1], [1, 1]], [[4, 5], [4, 5]]], float)
    assert distances(*point) == 5
    assert to_points(parallel[0], np.array([7.0, 4.0])) == 5


def test_distances_are_those_of_dense_points_and_do_not_depend_on_order():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0, 10, (2, 200, 2, 2))
    share = np.linspace(0, 1, 400)[:, None]
    for one, other, found in zip(first, second, distances(first, second), strict=True):
        a, b = (line[0] + share * (line[1] - line[0]) for line in (one, other))
        dense = np.linalg.norm(a[:, None] - b, axis=-1).min()
        assert dense - 0.05 <= found <= dense + 1e-9
    np.testing.assert_allclose(distances(first, second), distances(second[:, ::-1], first))
