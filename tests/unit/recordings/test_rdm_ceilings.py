"""Claims about bounds of the ceiling of several subjects: those of SciPy, around what the true model has."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from visalign.comparisons import chosen
from visalign.recordings import rdm
from visalign.recordings.rdm_ceilings import bounds, rank_bounds

N = 20


def noisy(subjects: int, noise: float, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Dissimilarities of true patterns (n, n), and those that subjects have in noise."""
    rng = np.random.default_rng(seed)
    true = rng.standard_normal((N, 8)) @ rng.standard_normal((8, 50))
    responses = [true + noise * rng.standard_normal(true.shape) for _ in range(subjects)]
    return squareform(pdist(true, "correlation")), [squareform(pdist(Y, "correlation")) for Y in responses]


def condensed(matrices: list[np.ndarray]) -> np.ndarray:
    return np.array([squareform(each, checks=False) for each in matrices])


@pytest.mark.parametrize("subjects", [2, 3, 6])
def test_bounds_of_spearman_are_those_of_mean_ranks_in_scipy(subjects):
    _, matrices = noisy(subjects, 3)
    pairs = condensed(matrices)
    ranks = stats.rankdata(pairs, axis=1)
    others = [np.delete(ranks, s, axis=0).mean(axis=0) for s in range(subjects)]
    lower = [stats.spearmanr(own, other).statistic for own, other in zip(pairs, others, strict=True)]
    upper = [stats.spearmanr(own, ranks.mean(axis=0)).statistic for own in pairs]
    assert rank_bounds(matrices) == pytest.approx((np.mean(lower), np.mean(upper)), abs=1e-12)


def test_bounds_of_pearson_are_those_of_standardised_means():
    _, matrices = noisy(4, 3)
    pairs = condensed(matrices)
    z = stats.zscore(pairs, axis=1)
    lower = [stats.pearsonr(pairs[s], np.delete(z, s, axis=0).mean(axis=0)).statistic for s in range(4)]
    upper = [stats.pearsonr(own, z.mean(axis=0)).statistic for own in pairs]
    comparison = chosen("rsa", comparison="pearson")
    relations = [comparison.relations(rdm.layer(D)) for D in matrices]
    found = bounds(relations, comparison.agreement, ranked=False)
    assert found == pytest.approx((np.mean(lower), np.mean(upper)), abs=1e-12)


@pytest.mark.parametrize("comparison", [chosen("rsa"), chosen("rsa", comparison="pearson"), chosen("cka")])
def test_the_true_model_lies_between_the_bounds(comparison):
    """On average: over 20 recordings of six subjects the standard error of each is below .01."""
    below, inside, above = [], [], []
    ranked = comparison.settings.get("comparison") == "spearman"
    for seed in range(20):
        true, matrices = noisy(6, 3, seed)
        relations = [comparison.relations(rdm.layer(D)) for D in matrices]
        model = comparison.relations(rdm.layer(true))
        lower, upper = bounds(relations, comparison.agreement, ranked=ranked)
        below.append(lower)
        above.append(upper)
        inside.append(np.mean([comparison.agreement(model, each) for each in relations]))
    assert np.mean(below) + 0.02 < np.mean(inside) < np.mean(above) - 0.02


def test_no_dissimilarities_agree_better_with_subjects_than_the_upper_bound():
    """Whatever the model: of Pearson, the mean of standardised ones is best (Nili et al. 2014)."""
    true, matrices = noisy(5, 3)
    comparison = chosen("rsa", comparison="pearson")
    relations = [comparison.relations(rdm.layer(D)) for D in matrices]
    upper = bounds(relations, comparison.agreement, ranked=False).upper
    rng = np.random.default_rng(0)
    mean = np.mean([squareform(z) for z in stats.zscore(condensed(matrices), axis=1)], axis=0)
    for scale in (0, 0.01, 0.1, 1):
        change = squareform(rng.standard_normal(N * (N - 1) // 2))
        for model in (true + scale * change, mean + scale * change):
            found = np.mean(
                [comparison.agreement(comparison.relations(rdm.layer(model)), r) for r in relations]
            )
            assert found <= upper + 1e-12


def test_subjects_weigh_alike_whatever_their_scale():
    _, matrices = noisy(3, 3)
    comparison = chosen("rsa", comparison="pearson")

    def of(scales: list[float]) -> tuple[float, float]:
        relations = [comparison.relations(rdm.layer(s * D)) for s, D in zip(scales, matrices, strict=True)]
        return bounds(relations, comparison.agreement, ranked=False)

    assert of([1, 1, 1]) == pytest.approx(of([1, 10, 0.1]), abs=1e-10)


def test_one_subject_has_no_bounds():
    assert np.isnan(rank_bounds(noisy(1, 1)[1])).all()


def test_subjects_that_agree_have_bounds_of_one():
    D = noisy(1, 1)[1][0]
    assert rank_bounds([D, D, D]) == pytest.approx((1, 1))
