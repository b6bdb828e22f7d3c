"""Claims about where perturbations fall."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from visalign.attacks import alignment


def test_each_reduction_is_scipy_s_spearman_of_its_closed_form():
    rng = np.random.default_rng(0)
    delta, human = rng.standard_normal((5, 3, 8, 9)).astype(np.float32), rng.random((5, 8, 9))
    found = alignment.align(delta, human.astype(np.float32).__getitem__)
    expected = {
        "adversarial_alignment": np.sqrt((delta**2).sum(axis=1)),
        "adversarial_alignment_mean": np.abs(delta.mean(axis=1)),
        "adversarial_alignment_max": np.abs(delta.max(axis=1)),
    }
    assert found.keys() == expected.keys()
    for metric, maps in expected.items():
        rho = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(maps, human, strict=True)]
        np.testing.assert_allclose(found[metric].rho, rho, rtol=1e-6, atol=1e-8)
