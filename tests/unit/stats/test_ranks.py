"""Claims about ranks: SciPy's, and sums over pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from visalign.stats import ranks


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40), st.booleans())
def test_average_ranks_equal_scipy(values, tied):
    """Of any finite float32, negative, subnormal and both zeros among them, with ties."""
    row = np.array([values * (2 if tied else 1)], np.float32)
    np.testing.assert_array_equal(ranks.average_ranks(row), scipy_stats.rankdata(row, axis=-1))


def test_the_mean_with_others_leaves_out_the_own_map_and_undefined_ones():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((2, 5, 6, 7), dtype=np.float32)
    theirs[3] = 1
    total = ranks.RankSum()
    total.add(ranks.standard_ranks(theirs))
    own = ranks.standard_ranks(ours)
    rho = own @ ranks.standard_ranks(theirs).T
    expected = [np.mean([rho[i, j] for j in (0, 1, 2, 4) if j != i]) for i in range(5)]
    np.testing.assert_allclose(total.mean_with_others(own, np.diag(rho)), expected, atol=1e-12)
