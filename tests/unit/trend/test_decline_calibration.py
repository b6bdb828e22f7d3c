"""The tests of decline over many simulated studies: they rarely cry wolf, and they see a wolf.

Models come in families of unequal size that differ in accuracy and stray together, and their noise grows with
accuracy in half of the studies and shrinks in the others. The families are few for n = 20.
"""

import numpy as np
import pytest

from visalign.trend import mean_decline, segmented
from visalign.trend.envelope_decline import envelope_decline

RUNS = 200
DRAWS = 999
#: Share of the noise variance that a family has in common.
SHARED = 0.3
CURVES = {
    "linear rise": lambda x: 2 * x,
    "rise then plateau": lambda x: 3 * np.minimum(x, 0.5),
    "no relation": lambda x: 0 * x,
    "sudden rise": lambda x: 3.0 * (x > 0.5),
    "decline": lambda x: 3 * np.minimum(x, 2 / 3) - 6 * np.maximum(x - 2 / 3, 0),
}


def noise_of(rng, families):
    """Return noise of variance 1 that families share in part."""
    shared = np.sqrt(SHARED) * rng.standard_normal(families.max() + 1)[families]
    return shared + np.sqrt(1 - SHARED) * rng.standard_normal(len(families))


def study(rng, curve, n, n_families, *, growing):
    """Return x in 0 … 1, y with residuals of SD 1, and families of one simulated study.

    A third of the models has an x above 2/3.
    """
    families = np.concatenate(
        [np.arange(n_families), rng.choice(n_families, n - n_families, p=rng.dirichlet(np.ones(n_families)))]
    )
    place = rng.uniform(size=n_families)[families] + 0.25 * rng.standard_normal(n)
    x = np.interp(place, np.quantile(place, [0, 1 / 3, 2 / 3, 1]), [0, 1 / 3, 2 / 3, 1])
    noise = noise_of(rng, families)
    scale = 0.5 + x if growing else 1.5 - x
    return x, CURVES[curve](x) + noise * scale / np.sqrt(np.mean(scale**2)), families


def findings(curve, n, n_families):
    """Return, over ``RUNS`` studies, in how many the test rejects, and in how many the slope agrees.

    Where one family has most of the models nothing is tested, so nothing rejects.
    """
    rejected = located = 0
    for run in range(RUNS):
        rng = np.random.default_rng([run, n])
        x, y, families = study(rng, curve, n, n_families, growing=run % 2 == 0)
        signs = segmented.wild_signs(families, rng, DRAWS)
        p = mean_decline.decline(x, y, families, signs)["p"]
        if p is not None and p <= 0.05:
            rejected += 1
            located += segmented.fit(x, y, families, signs)["slope_beyond_high"] < 0
    return rejected, located


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_families"), [(20, 12), (360, 40), (360, 12)])
@pytest.mark.parametrize("curve", ["linear rise", "rise then plateau", "no relation", "sudden rise"])
def test_without_a_decline_at_most_one_study_in_ten_finds_one(curve, n, n_families):
    rejected, _ = findings(curve, n, n_families)
    assert rejected <= RUNS / 10  # nominal RUNS / 20; more than RUNS / 10 happens once in a thousand


@pytest.mark.slow
def test_a_decline_of_two_residual_sds_over_the_upper_third_is_found_and_located():
    rejected, located = findings("decline", 360, 40)
    assert min(rejected, located) >= 0.8 * RUNS


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_families"), [(60, 12), (360, 40)])
def test_without_a_relation_one_family_of_half_of_the_models_seldom_makes_a_decline(n, n_families):
    rejected = 0
    for run in range(RUNS):
        rng = np.random.default_rng([run, n, 1])
        families = np.where(np.arange(n) < n // 2, 0, 1 + np.arange(n) % (n_families - 1))
        place, shared = rng.uniform(size=n_families)[families], rng.standard_normal(n_families)[families]
        x = np.argsort(np.argsort(place + 0.05 * rng.standard_normal(n))) / n
        y = np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.standard_normal(n)
        p = mean_decline.decline(x, y, families, segmented.wild_signs(families, rng, 299))["p"]
        rejected += p is not None and p <= 0.05
    assert rejected <= RUNS / 10  # an error of the slope from residuals alone rejects in a fifth of (360, 40)


@pytest.mark.slow
@pytest.mark.parametrize("curve", ["linear rise", "rise then plateau", "no relation", "sudden rise"])
def test_a_rising_envelope_seldom_declines(curve):
    rejected = 0
    for run in range(RUNS):
        rng = np.random.default_rng([run, 5])
        families = rng.integers(40, size=240)
        x = rng.uniform(size=240)
        y = CURVES[curve](x) + noise_of(rng, families)
        found = envelope_decline(x, y, families, segmented.wild_signs(families, rng, 299))
        rejected += found["p"] <= 0.05
    assert rejected <= RUNS / 10


@pytest.mark.slow
def test_an_envelope_that_falls_under_a_flat_mean_is_found():
    rejected = mean_rejected = 0
    for run in range(50):
        rng = np.random.default_rng([run, 6])
        families, x = np.arange(360), rng.uniform(size=360)
        fall = 0.8 * np.maximum(x - 0.6, 0)
        y = 1 - fall - 2 * np.maximum(0.45 - fall, 0.05) * rng.uniform(size=360)
        signs = segmented.wild_signs(families, rng, 199)
        rejected += envelope_decline(x, y, families, signs)["p"] <= 0.05
        mean_rejected += mean_decline.decline(x, y, families, signs)["p"] <= 0.05
    assert rejected >= 45 and mean_rejected <= 10
