"""Claims about scores on dissimilarity matrices: those of SciPy, and of responses that have the matrices."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from at_once import Now
from scipy import linalg, stats
from scipy.spatial.distance import pdist, squareform

from visalign.comparisons import chosen, names
from visalign.neural import dissimilarities
from visalign.neural.dissimilarities import Matrices, score, score_matrices
from visalign.neural.similarity_scores import score_similarities
from visalign.recordings import rdm_ceilings

N = 40


def planted(
    seed: int, n: int = N, noise: float = 2.0, subjects: int = 1
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Features (n, 30), and the dissimilarities (n, n) of subjects whose neurons read them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 30))
    responses = [
        X @ rng.standard_normal((30, 60)) / 5 + noise * rng.standard_normal((n, 60)) for _ in range(subjects)
    ]
    return X, [squareform(pdist(Y, "correlation")) for Y in responses]


def matrices_of(own: list[np.ndarray], unit: np.ndarray | None = None) -> Matrices:
    unit = np.arange(len(own[0])) if unit is None else unit
    return Matrices(values={f"s{i}": D for i, D in enumerate(own)}, unit=unit, region="IT", said=[])


def reads(**layers: np.ndarray) -> dict:
    return {name: partial(dict, X=X) for name, X in layers.items()}


def scored(layers: dict, own: list[np.ndarray], metric: str = "rsa", selection: str = "published", **options):
    unit = options.pop("unit", None)
    return score(
        Now(), reads(**layers), matrices_of(own, unit), chosen(metric, **options), selection=selection, seed=0
    )


def patterns(D: np.ndarray) -> np.ndarray:
    """Patterns (n, n + 1) of mean 0 of which 1 − Pearson r are the dissimilarities (n, n)."""
    values, vectors = linalg.eigh(1 - D)
    return vectors * np.sqrt(np.maximum(values, 0)) @ linalg.helmert(len(D) + 1)


def value(result, metric: str) -> float:
    [found] = [each for each in result.scores if each.metric == metric]
    return found.value


@pytest.mark.parametrize("subjects", [1, 3])
@pytest.mark.parametrize(
    ("comparison", "oracle"), [("spearman", stats.spearmanr), ("pearson", stats.pearsonr)]
)
def test_rsa_is_the_mean_over_subjects_of_that_of_scipy(subjects, comparison, oracle):
    X, own = planted(0, subjects=subjects)
    pairs = pdist(X, "correlation")
    expected = np.mean([oracle(pairs, squareform(D, checks=False)).statistic for D in own])
    result = scored({"x": X}, own, comparison=comparison)
    assert value(result, "rsa") == pytest.approx(expected, abs=1e-9)
    assert result.scores[0].convention == "raw" and result.scores[0].headline
    assert result.scores[0].n == N and "n stimuli" in result.scores[0].status


@pytest.mark.parametrize("unit", [1e-12, 1, 1e6])
def test_the_unit_of_dissimilarities_means_nothing_to_rsa(unit):
    """Rated, so that many are equal; of 1e-12, inner products 1 − d alone would keep four digits."""
    X, _ = planted(0)
    rated = np.random.default_rng(1).integers(1, 6, size=N * (N - 1) // 2) / 7
    result = scored({"x": X}, [unit * squareform(rated)])
    expected = stats.spearmanr(pdist(X, "correlation"), rated).statistic
    assert value(result, "rsa") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", names("similarity"))
@pytest.mark.parametrize("selection", ["nested", "published"])
def test_matrices_score_as_responses_that_have_them(metric, selection):
    """Layer choice, floor and all but the interval, which is of neuroids too; 1e-9: rounding."""
    X, (D,) = planted(0)
    rng = np.random.default_rng(1)
    layers = {"x": X, "y": X + 2 * rng.standard_normal(X.shape), "z": rng.standard_normal(X.shape)}
    options = {"selection": selection, "seed": 3, "halvings": 8, "draws": 4}
    comparison = chosen(metric)
    relations = [dissimilarities.relations_of(D, comparison)]
    found = score_matrices(Now(), reads(**layers), relations, np.arange(N), comparison, **options)
    expected = score_similarities(
        Now(), reads(**layers), patterns(D)[:, None], np.arange(N), comparison, **options
    )
    np.testing.assert_allclose(found.whole, expected.whole, atol=1e-9)
    np.testing.assert_array_equal(found.choice.shares, expected.choice.shares)
    assert found.choice[1:] == pytest.approx(expected.choice[1:], abs=1e-9)
    assert found.floor == pytest.approx(expected.floor, abs=1e-9) and abs(found.floor) < 0.2
    assert found.units == expected.units == N and np.isnan(found.ceiling) and np.isnan(expected.ceiling)


def test_the_layer_is_chosen_on_other_stimuli():
    X, own = planted(0, subjects=2)
    rng = np.random.default_rng(1)
    layers = {"noise": rng.standard_normal(X.shape), "x": X}
    result = scored(layers, own, selection="nested")
    assert result.scores[0].layer == "x"
    noise = {f"noise {i}": rng.standard_normal(X.shape) for i in range(8)}
    result = scored(noise, own, selection="nested")
    assert abs(value(result, "rsa")) < 0.1 and value(result, "rsa_optimism") > 0.02
    assert value(result, "rsa_published") > value(result, "rsa")


@pytest.mark.parametrize("metric", names("regression"))
def test_what_predicts_neuroids_has_no_value_but_a_reason(metric):
    X, own = planted(0)
    result = scored({"x": X}, own, metric)
    [row] = result.scores
    assert (row.metric, row.value, row.status) == (metric, None, dissimilarities.NO_NEUROIDS)
    assert row.headline and result.neuroids.empty and result.draws.empty


def test_cka_needs_inner_products_and_rsa_does_not():
    X, own = planted(0, subjects=2)
    wrong = [own[0], own[1] ** 2]
    assert scored({"x": X}, own, "cka").scores[0].value > 0.05
    [row] = scored({"x": X}, wrong, "cka").scores
    assert row.value is None
    assert row.status.startswith(
        "1 - dissimilarity of s1 are no inner products of responses: an eigenvalue is -0."
    )
    assert value(scored({"x": X}, wrong), "rsa") == pytest.approx(
        value(scored({"x": X}, own), "rsa"), abs=1e-9
    )


def test_bounds_of_several_subjects_are_the_ceiling_and_one_has_none():
    X, own = planted(0, subjects=4)
    result = scored({"x": X}, own)
    lower, upper = rdm_ceilings.rank_bounds(own)
    assert result.scores[0].ceiling == pytest.approx(lower, abs=1e-12)
    assert (
        f"mean over 4 subjects' dissimilarity matrices, ceiling between {lower:.3f}"
        in result.scores[0].status
    )
    assert f"and {upper:.3f} (by all)" in result.scores[0].status
    assert lower < upper
    [first, *_] = scored({"x": X}, own[:1]).scores
    assert first.ceiling is None and "of one dissimilarity matrix, no ceiling" in first.status
    assert [each.ceiling for each in result.scores[1:]] == [None] * (len(result.scores) - 1)


def test_the_interval_is_of_stimuli_and_holds_the_score_of_all():
    """What the score of 600 stimuli would be, in 60 recordings of 40: .95 has a standard error of .03."""
    held = []
    rng = np.random.default_rng(0)
    X, (D,) = planted(0, n=600)
    truth = stats.spearmanr(pdist(X, "correlation"), squareform(D, checks=False)).statistic
    for _ in range(60):
        some = rng.permutation(600)[:N]
        first = scored({"x": X[some]}, [D[np.ix_(some, some)]]).scores[0]
        held.append(first.ci_low < truth < first.ci_high)
    assert 0.88 <= np.mean(held) <= 1


def test_pictures_that_stimuli_share_are_drawn_together():
    """Every picture twice: draws of single stimuli would take copies for news."""
    rng = np.random.default_rng(0)
    picture = np.repeat(np.arange(20), 2)
    noise = rng.standard_normal((20, 30))[picture] + 0.01 * rng.standard_normal((40, 30))
    _, (D,) = planted(0, n=20)
    D = D[np.ix_(picture, picture)] + 1e-3 * squareform(rng.uniform(size=780))
    both = [scored({"x": noise}, [D], unit=unit).scores[0] for unit in (picture, None)]
    widths = [each.ci_high - each.ci_low for each in both]
    assert both[0].value == both[1].value
    assert widths[0] > 1.1 * widths[1]


def test_fewer_than_four_units_have_no_interval_and_say_so():
    X, own = planted(0, n=6)
    first = scored({"x": X}, own, unit=np.array([0, 0, 1, 1, 2, 2])).scores[0]
    assert first.value is not None and first.ci_low is None
    assert "3 units are too few to halve: no layer choice, no interval" in first.status


def test_features_that_do_not_vary_are_left_out_and_counted():
    X, own = planted(0)
    X[7] = 1.0
    result = scored({"x": X}, own)
    rest = np.arange(N) != 7
    expected = stats.spearmanr(
        pdist(X[rest], "correlation"), own[0][np.ix_(rest, rest)][~np.tri(N - 1, dtype=bool)]
    )
    assert "1 of 40 stimuli without a pattern of features left out" in result.scores[0].status
    # Ranks are those among all pairs, as for responses.
    assert value(result, "rsa") == pytest.approx(expected.statistic, abs=0.01)
