"""The test of decline over many simulated studies: it rarely cries wolf, and it sees a wolf.

Models come in families of unequal size that differ in accuracy and stray together, and their noise grows with
accuracy in half of the studies and shrinks in the others. The families are few for n = 20.
"""

import numpy as np
import pytest

from visalign import segmented

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


def study(rng, curve, n, n_families, *, growing):
    """Return x in 0 … 1, y with residuals of SD 1, and families of one simulated study.

    A third of the models has an x above 2/3.
    """
    families = np.concatenate(
        [np.arange(n_families), rng.choice(n_families, n - n_families, p=rng.dirichlet(np.ones(n_families)))]
    )
    place = rng.uniform(size=n_families)[families] + 0.25 * rng.standard_normal(n)
    x = np.interp(place, np.quantile(place, [0, 1 / 3, 2 / 3, 1]), [0, 1 / 3, 2 / 3, 1])
    noise = np.sqrt(SHARED) * rng.standard_normal(n_families)[families]
    noise += np.sqrt(1 - SHARED) * rng.standard_normal(n)
    scale = 0.5 + x if growing else 1.5 - x
    return x, CURVES[curve](x) + noise * scale / np.sqrt(np.mean(scale**2)), families


def findings(curve, n, n_families):
    """Return, over ``RUNS`` studies, in how many the test rejects, and in how many the slope agrees."""
    rejected = located = 0
    for run in range(RUNS):
        rng = np.random.default_rng([run, n])
        x, y, families = study(rng, curve, n, n_families, growing=run % 2 == 0)
        signs = segmented.wild_signs(families, rng, DRAWS)
        if segmented.decline(x, y, families, signs)["p"] <= 0.05:
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
    assert min(rejected, located) >= 0.9 * RUNS
