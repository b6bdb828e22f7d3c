"""Claims about the smallest fall that studies find before there are scores."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.trend import power


def test_noise_is_shared_by_families_as_told():
    families = np.repeat(np.arange(20_000), 2)
    noise = power.noise_of(np.random.default_rng(0), families, shared=0.3)
    assert noise.var() == pytest.approx(1, rel=0.02)
    assert np.corrcoef(noise[::2], noise[1::2])[0, 1] == pytest.approx(0.3, abs=0.02)


def test_accuracies_are_uniform_and_differ_between_families():
    families = np.arange(2000) % 40
    x = power.accuracies(np.random.default_rng(0), families)
    assert (x.min(), x.max(), x.mean()) == pytest.approx((0, 1, 0.5), abs=0.02)
    means = [x[families == family].mean() for family in range(40)]
    assert np.std(means) > 3 * x.std() / np.sqrt(50)


@pytest.mark.parametrize(("n_models", "low", "high"), [(60, 1.4, 2.5), (360, 0.6, 1.0)])
def test_the_smallest_fall_is_that_of_simulated_studies(n_models, low, high):
    """docs/calibration.md: twelve studies of models of their own were told 1.6 to 2.3, and .7 to .9."""
    assert low <= power.smallest_fall([""] * n_models, n_models) <= high


def test_too_few_families_find_nothing():
    assert power.smallest_fall(["one", "two"] * 10, 20) is None


def test_the_same_seed_gives_the_same_fall():
    asked = [""] * 30
    assert power.smallest_fall(asked, 20, studies=2) == power.smallest_fall(asked, 20, studies=2)
