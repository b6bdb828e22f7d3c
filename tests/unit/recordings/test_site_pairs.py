"""Claims about the likeness of site pairs, which stands in for a ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.recordings import site_pairs


def test_twin_sites_reach_the_reliability_of_one_site():
    """Pairs of sites with the same tuning and noise of reliability c correlate by c."""
    rng = np.random.default_rng(0)
    n_images, n_positions, n_pairs, c = 20, 81, 10, 0.6
    tuning = rng.standard_normal((n_images, n_positions, n_pairs)).repeat(2, axis=2)
    noise = rng.standard_normal(tuning.shape) * np.sqrt((1 - c) / c)
    found = site_pairs.site_pair_ceiling(tuning + noise, seed=1)
    assert found.value == pytest.approx(c, abs=0.03)
    assert found.ci_low < found.value < found.ci_high
    assert found.best >= found.value


def test_the_partner_is_not_chosen_on_the_image_it_is_judged_on():
    """Sites of pure noise have no partner: the published choice finds one all the same."""
    activity = np.random.default_rng(0).standard_normal((12, 49, 30))
    found = site_pairs.site_pair_ceiling(activity, seed=1)
    assert abs(found.value) < 0.05
    assert found.best > 0.25


@pytest.mark.parametrize("shape", [(1, 49, 5), (5, 49, 1)])
def test_one_site_or_image_has_no_pairs(shape):
    assert np.isnan(site_pairs.site_pair_ceiling(np.zeros(shape), seed=1).value)
