"""Claims about the local optimality that the benchmark of attacks reports, and what it counts as taken."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visalign.attacks.minimum_norm import minimum_norm, minimum_norms

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture(scope="module")
def optimality():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        return importlib.import_module("_optimality")


def area(norms, end):
    """Area under the curve of accuracy over the norm, by sums over a fine grid."""
    grid = (np.arange(200_000) + 0.5) * end / 200_000
    return (norms[:, None] > grid).mean(axis=0).mean() * end


def test_it_is_the_ratio_of_areas_of_the_paper(optimality):
    rng = np.random.default_rng(0)
    best = np.exp(rng.normal(size=12))
    norms = np.where(np.arange(12) == 3, np.inf, best * (1 + rng.exponential(0.2, size=12)))
    end = best.max()
    expected = (end - area(norms, end)) / (end - area(best, end))
    assert optimality.local_optimality(norms, best) == pytest.approx(expected, abs=1e-4)


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=20, unique=True), st.floats(1, 5))
def test_it_is_1_of_the_best_norms_0_where_nothing_is_fooled_and_falls_with_the_norms(norms, factor):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        local_optimality = importlib.import_module("_optimality").local_optimality
    best = np.array(norms)
    assert local_optimality(best, best) == pytest.approx(1)
    assert local_optimality(np.full(len(best), np.inf), best) == pytest.approx(0, abs=1e-9)
    larger, largest = (local_optimality(best * scale, best) for scale in (factor, 2 * factor))
    assert -1e-9 <= largest <= larger + 1e-9 <= 1 + 2e-9


def test_propagations_are_the_passes_forward_and_backward_that_the_network_sees(case, optimality):
    model, images, labels = case
    seen = {"forward": 0, "backward": 0}

    def watched(x):
        seen["forward"] += 1
        logits = model(x)
        if logits.requires_grad:
            logits.register_hook(lambda _: seen.__setitem__("backward", seen["backward"] + 1))
        return logits

    found = minimum_norm(watched, images[:1], labels[:1], budget=60, batch_size=1)
    # image and perturbed image are run again in one call, of two rows
    assert optimality.propagations(found)[0] == seen["forward"] + 1 + seen["backward"]


def test_norms_within_a_number_of_propagations_are_of_the_largest_budget_that_it_allows(case, optimality):
    budgets = (12, 14, 20, 40, 60)
    searches = minimum_norms(*case, budgets=budgets, batch_size=14)
    norms = optimality.norms_within(searches, 60)
    taken = np.array([optimality.propagations(found) for found in searches])
    for image in np.flatnonzero(searches[0].clean_correct):
        allowed = np.flatnonzero(taken[:, image] <= 60)
        assert norms[image] == searches[allowed[-1]].norm[image]
    assert np.isinf(optimality.norms_within(searches, 5)).all()
