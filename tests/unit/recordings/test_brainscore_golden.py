"""Claims about Brain-Score's own numbers, recorded by tests/fixtures/brainscore/make.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from visalign.comparisons import chosen
from visalign.gram import matrix
from visalign.neural.layers import median_score, score_block
from visalign.neural.predictivity import conventions
from visalign.recordings import ceilings
from visalign.stats.cross_validation import nested_splits

FIXTURES = Path(__file__).parents[2] / "fixtures" / "brainscore"


@pytest.fixture(scope="module", params=["balanced", "unequal", "wide"])
def case(request):
    """A recording (one has missing repetitions, one more features than stimuli) and Brain-Score's answer."""
    with np.load(FIXTURES / f"{request.param}.npz") as recording:
        return dict(recording), json.loads((FIXTURES / f"{request.param}.json").read_text())


@pytest.fixture(scope="module")
def splits(case):
    recording, _ = case
    return nested_splits(len(recording["features"]), recording["object_name"], 10, 0.9, 1, 0)


@pytest.fixture(scope="module")
def r(case, splits):
    """Our r of every split and neuroid, computed as the stage does."""
    recording, _ = case
    Y = ceilings.trials(recording["responses"], n_splits=10, seed=1).mean
    return score_block(
        lambda: matrix.gram([recording["features"]]), Y, splits, chosen("pls", components=25)
    ).values


def test_the_splits_are_those_of_brain_score(case, splits):
    _, expected = case
    np.testing.assert_array_equal([split.test for split in splits], expected["test_stimuli"])


def test_the_raw_score_is_that_of_brain_score(case, r):
    _, expected = case
    assert median_score(r) == pytest.approx(expected["raw"], abs=1e-4)
    assert np.median(r, axis=1).std() / np.sqrt(10) == pytest.approx(expected["error"], abs=1e-4)


def test_every_neuroid_has_the_r_of_brain_score(case, r):
    # scikit-learn's iteration stops early (tol=1e-6), which moves a neuroid's r in the third digit;
    # Brain-Score's metric with the iteration run to its end agrees to the rounding of a float32 Gram matrix.
    _, expected = case
    np.testing.assert_allclose(r, expected["r"], rtol=0, atol=5e-3)
    np.testing.assert_allclose(r, expected["r_converged"], rtol=0, atol=1e-4)


def test_the_ceiling_is_that_of_brain_score(case):
    # Brain-Score computes in the recording's float32.
    recording, expected = case
    ceiling = ceilings.split_half_ceiling(recording["responses"], n_splits=10, seed=1)
    assert ceiling.slots == pytest.approx(expected["ceiling"], abs=1e-6)
    if ceiling.equal:
        np.testing.assert_allclose(ceiling.per_split, expected["ceilings"], rtol=0, atol=1e-6)
        assert ceiling.value == ceiling.slots
    else:  # of the stimuli and repetitions that are scored: Brain-Score's has those of both halves
        assert ceiling.value == pytest.approx(expected["ceiling"], abs=0.05)


def test_the_headline_is_brain_scores_explained_variance(case):
    _, expected = case
    headline = conventions(expected["raw"], expected["ceiling"])["r2/c"]
    assert headline == pytest.approx(expected["explained_variance"], abs=1e-12)
