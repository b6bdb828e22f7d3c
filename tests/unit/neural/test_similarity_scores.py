"""Similarities on all stimuli: layer choice on other stimuli, ceiling, interval, floor, gaps."""

from functools import partial

import numpy as np
import pytest
from at_once import Now
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr

from visalign.comparisons import chosen
from visalign.gram import matrix
from visalign.io import dask_client
from visalign.io.scores import Score
from visalign.neural.response_halves import filled, halved, reliability
from visalign.neural.similarity_scores import _draws, score_similarities
from visalign.neural.unit_draws import derangements, draw, halve
from visalign.stats.bootstrap import expanded_quantiles

PLANTED = np.random.default_rng(0)
TUNING = PLANTED.standard_normal((20, 15)) / np.sqrt(20)
PATTERN = {"dissimilarity": "correlation", "comparison": "spearman"}


def planted(seed, c=0.5, repetitions=4, n=100):
    """Features, noise-free responses (n, m), responses (n, repetitions, m) whose means have reliability c."""
    rng = np.random.default_rng([1, seed])
    X = rng.standard_normal((n, 20))
    noise = np.sqrt(repetitions * (1 - c) / c) * rng.standard_normal((n, repetitions, 15))
    return X, X @ TUNING, (X @ TUNING)[:, None] + noise


def score(layers, responses, metric="cka", options=PATTERN, unit=None, **given):
    unit = np.arange(len(responses)) if unit is None else unit
    reads = {name: partial(dict, X=X) for name, X in layers.items()}
    return score_similarities(
        Now(),
        reads,
        responses,
        unit,
        chosen(metric, **options),
        **({"selection": "nested", "seed": 0, "halvings": 10, "draws": 4} | given),
    )


def entries(found):
    """Scores by convention."""
    return {each.convention: each for each in found.under_conventions(Score(metric="m"))}


def hsic_song(K, L):
    """Unbiased HSIC written out as in Song et al. 2012, equation 5."""
    n, one = len(K), np.ones(len(K))
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return (np.trace(K @ L) + middle - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))


def test_reliability_of_cka_is_the_hsic_of_two_halves_over_that_of_the_means():
    Y = planted(0, repetitions=2)[2]
    both = halved(Y, np.random.default_rng(0), halvings=3)
    products = [hsic_song(a @ a.T, b @ b.T) for a, b in both.halves]
    L = Y.mean(axis=1) @ Y.mean(axis=1).T
    expected = np.mean(products) / hsic_song(L, L)
    assert reliability(both, chosen("cka"))[0] == pytest.approx(expected, abs=1e-12)


def test_reliability_of_squared_distances_is_their_covariance_over_the_variance():
    options = {"dissimilarity": "squared_euclidean", "comparison": "pearson"}
    both = halved(planted(0)[2], np.random.default_rng(0), halvings=1)
    a, b, y = (pdist(values, "sqeuclidean") for values in (*both.halves[0], both.mean))
    expected = np.cov(a, b, bias=True)[0, 1] / y.var()
    assert reliability(both, chosen("rsa", **options))[0] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("comparison", "scipy"), [("spearman", spearmanr), ("pearson", pearsonr)])
@pytest.mark.parametrize("kind", ["correlation", "squared_euclidean"])
def test_raw_rsa_on_all_stimuli_equals_scipy(kind, comparison, scipy):
    X, _, Y = planted(0, n=40)
    pair = [pdist(values, {"squared_euclidean": "sqeuclidean"}.get(kind, kind)) for values in (X, Y.mean(1))]
    found = score({"x": X}, Y, "rsa", {"dissimilarity": kind, "comparison": comparison})
    assert entries(found)["raw"].value == pytest.approx(scipy(*pair)[0], abs=1e-9)


@pytest.mark.parametrize("c", [0.5, 0.2])
def test_corrected_cka_does_not_depend_on_the_noise_where_the_raw_one_does(c):
    """Mean over 8 experiments; 4 standard errors of their paired difference to the noise-free value."""
    pairs = []
    for seed in range(8):
        X, signal, Y = planted(seed, c, n=150)
        clean = score({"x": X}, signal[:, None], draws=0, halvings=0).choice.value
        found = score({"x": X}, Y, draws=0, halvings=0)
        pairs.append((found.choice.value / found.ceiling - clean, found.choice.value - clean))
    corrected, raw = np.array(pairs).T
    assert abs(corrected.mean()) < 4 * corrected.std() / np.sqrt(8)
    assert raw.mean() < -0.2


@pytest.mark.parametrize("repetitions", [2, 3, 12])
@pytest.mark.parametrize("c", [0.5])
def test_the_ceiling_of_rsa_is_the_similarity_of_noise_free_responses(c, repetitions):
    """Within .04: the sd of the mean of 4 experiments is .015, the rest is what ranks and norms leave."""
    found, truth = [], []
    for seed in range(4):
        _, signal, Y = planted(seed, c, repetitions)
        scores = score({"x": signal}, Y, "rsa", draws=0, halvings=0)
        found.append(scores.ceiling)
        truth.append(scores.choice.value)  # of the noise-free responses themselves
    assert np.mean(found) == pytest.approx(np.mean(truth), abs=0.04)


def test_one_repetition_and_pure_noise_have_no_ceiling():
    X, signal, _ = planted(0)
    single = score({"x": X}, signal[:, None])
    assert list(entries(single)) == ["raw"] and entries(single)["raw"].ceiling is None
    assert single.said == []
    rng = np.random.default_rng(0)
    without = [
        score({"x": X}, rng.standard_normal((60, 4, 5)), draws=0, halvings=0)
        for X in rng.standard_normal((20, 60, 9))
    ]
    # Above all of 20 derangements: by chance in one of 21; 5 of 20 has a probability below 1e-3 then.
    assert sum(np.isnan(found.ceiling) for found in without) >= 16
    assert all("no ceiling" in found.said[0] for found in without if np.isnan(found.ceiling))


def test_layers_of_noise_score_zero_unless_they_are_chosen_on_what_is_reported():
    rng = np.random.default_rng(5)
    nested, published, optimism = [], [], []
    for seed in range(12):
        Y = planted(seed, n=40)[2]
        layers = {f"l{i}": rng.standard_normal((40, 30)) for i in range(8)}
        choice = score(layers, Y, draws=0, halvings=5).choice
        nested.append(choice.nested)
        published.append(choice.published)
        optimism.append(choice.optimism)
    error = np.std(nested) / np.sqrt(12)
    assert abs(np.mean(nested)) < 4 * error
    assert np.mean(published) > 6 * error
    assert np.mean(optimism) > np.mean(published)


def test_the_layer_that_determines_responses_is_selected():
    X, _, Y = planted(0)
    found = score({"noise": np.random.default_rng([9, 9]).standard_normal(X.shape), "teacher": X}, Y)
    assert found.layer == found.best == "teacher"
    assert found.choice.shares.tolist() == [0, 1]


def test_a_stimulus_whose_features_are_all_equal_is_left_out_and_counted():
    X, _, Y = planted(0)
    silent = X.copy()
    silent[7] = 3
    found = score({"x": silent}, Y, "rsa")
    others = np.delete(np.arange(100), 7)
    expected = score({"x": X[others]}, Y[others], "rsa").choice.value
    # Ranks of responses are those among all pairs: equal but for the pairs of the stimulus left out.
    assert found.choice.value == pytest.approx(expected, abs=2e-3)
    assert "1 of 100 stimuli without responses or a pattern left out" in found.said
    assert not np.isnan(found.draws["raw/ceiling"]).any()


@pytest.mark.parametrize("metric", ["cka", "rsa"])
def test_a_twentieth_of_the_responses_missing_changes_little_and_is_counted(metric):
    X, _, Y = planted(0, c=0.9)
    gaps = np.random.default_rng(2).random(Y[:, 0].shape) < 0.05
    assert gaps.any(axis=0).all()  # no neuroid is complete
    found = score({"x": X}, np.where(gaps[:, None], np.nan, Y), metric)
    # A gap in one of 15 neuroids takes 5 % of the pattern: measured -.02 to -.04 of .6 to .9.
    assert found.choice.value == pytest.approx(score({"x": X}, Y, metric).choice.value, abs=0.06)
    assert f"{gaps.sum()} of {gaps.size} missing responses at their neuroid's mean" in found.said


@pytest.mark.parametrize("metric", ["cka", "rsa"])
def test_a_stimulus_without_responses_is_left_out_and_counted(metric):
    X, _, Y = planted(0, n=50)
    others = np.delete(np.arange(50), 7)
    expected = score({"x": X[others]}, Y[others], metric)
    Y[7] = np.nan
    found = score({"x": X}, Y, metric)
    assert found.said == ["1 of 50 stimuli without responses or a pattern left out"]
    assert found.choice.value == pytest.approx(expected.choice.value, abs=2e-3)  # ranks, as above
    assert found.ceiling == pytest.approx(expected.ceiling, abs=0.03)  # halves are drawn anew


def test_a_gap_is_filled_with_the_mean_of_its_neuroid():
    assert filled(np.array([[1.0, 5], [np.nan, 7], [3, 6]])).tolist() == [[1, 5], [2, 7], [3, 6]]


def test_a_neuroid_without_responses_is_excluded():
    X, _, Y = planted(0)
    Y[:, :, 3] = np.nan
    entry = entries(score({"x": X}, Y))["raw"]
    assert (entry.n, entry.n_excluded) == (14, 1)
    assert entry.value == entries(score({"x": X}, np.delete(Y, 3, axis=2)))["raw"].value


def test_each_stimulus_halves_its_own_repetitions():
    Y = np.random.default_rng(0).standard_normal((30, 9, 4))
    counts = np.resize([1, 2, 3, 9], 30)
    Y[np.arange(9) >= counts[:, None]] = np.nan
    both = halved(Y, np.random.default_rng(1))
    assert (both.repeated == (counts > 1)).all()
    np.testing.assert_allclose(both.mean, np.nanmean(Y, axis=1))
    a, b = both.halves[:, :, counts > 1].transpose(1, 0, 2, 3)
    first, second = (counts[counts > 1] + 1) // 2, counts[counts > 1] // 2  # of an odd number one more
    weighted = (first[:, None] * a + second[:, None] * b) / (first + second)[:, None]
    np.testing.assert_allclose(weighted, np.tile(both.mean[counts > 1], (len(a), 1, 1)), atol=1e-12)


def test_corrected_cka_holds_where_half_of_the_stimuli_have_one_repetition():
    """Mean of 8 experiments, 4 standard errors of their difference to the noise-free value."""
    off = []
    for seed in range(8):
        X, signal, Y = planted(seed, c=0.9, repetitions=12, n=150)
        Y[::2, 1:] = np.nan
        found = score({"x": X}, Y, draws=0, halvings=0)
        assert "75 of 150 stimuli with one repetition not in the ceiling" in found.said
        clean = score({"x": X}, signal[:, None], draws=0, halvings=0).choice.value
        off.append(found.choice.value / found.ceiling - clean)
    assert abs(np.mean(off)) < 4 * np.std(off) / np.sqrt(8)


@pytest.mark.parametrize("sizes", [[1] * 9, [4] * 5, [3, 1, 2, 1, 5, 1, 1]])
def test_derangements_keep_no_stimulus_in_its_unit(sizes):
    unit = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    orders = derangements(unit, 50, np.random.default_rng(1))
    assert len(orders) == 50
    for order in orders:
        assert sorted(order) == list(range(len(unit)))
        assert (unit[order] != unit).all()


def test_derangements_of_images_keep_positions():
    unit, position = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)
    for order in derangements(unit, 20, np.random.default_rng(1)):
        assert (position[order] == position).all()
        assert (unit[order].reshape(6, 4) == unit[order][::4, None]).all()


def test_a_picture_under_two_names_is_in_one_half():
    unit = np.random.default_rng(0).integers(12, size=40)
    unit = np.unique(unit, return_inverse=True)[1]
    for one, other in halve(unit, 20, np.random.default_rng(1)):
        assert not set(unit[one]) & set(unit[other])
        assert sorted([*one, *other]) == list(range(40))


def test_draws_hold_half_of_the_stimuli_once():
    drawn = draw(np.arange(40), 7, 20, np.random.default_rng(1))
    assert [len(set(each.stimuli)) for each in drawn] == [20] * 20
    assert [len(each.neuroids) for each in drawn] == [7] * 20


def test_the_floor_of_images_whose_grids_resemble_each_other_is_theirs():
    """Features and responses of position alone: another image's grid is as good as its own."""
    unit, position = np.repeat(np.arange(8), 9), np.tile(np.eye(9), (8, 1))
    Y = np.repeat((position @ np.random.default_rng(0).standard_normal((9, 5)))[:, None], 2, axis=1)
    found = score({"x": position}, Y, unit=unit)
    assert found.floor == pytest.approx(found.choice.value, abs=1e-12)
    assert abs(score({"x": position}, Y).floor) < 0.1  # stimuli alone, positions are not kept


def test_too_few_units_to_halve_leave_the_value_without_interval():
    X, _, Y = planted(0, n=30)
    found = score({"x": X}, Y, unit=np.repeat(np.arange(3), 10))
    assert np.isfinite(found.choice.value) and entries(found)["raw"].ci_low is None
    assert any("too few to halve" in text for text in found.said)


def test_models_share_draws_so_that_their_difference_has_a_narrower_interval():
    X, _, Y = planted(0)
    rng = np.random.default_rng(3)
    near, far = (X + 0.1 * rng.standard_normal(X.shape), X + rng.standard_normal(X.shape))
    one, two, other = (score({"x": features}, Y, draws=30).draws["raw"] for features in (X, near, far))
    assert np.std(one - two) < 0.5 * np.std(one)
    assert np.array_equal(one, score({"renamed": X}, Y, draws=30).draws["raw"])
    assert np.mean(one) == pytest.approx(score({"x": X}, Y).choice.value, abs=1e-12)
    assert np.std(other) > 0


def test_the_interval_holds_the_mean_of_replicated_experiments():
    """New stimuli, neuroids and noise in each of 40: 95 % less 3 standard errors are 34."""
    A = np.random.default_rng(5).standard_normal((8, 30))
    ends = []
    for seed in range(40):
        rng = np.random.default_rng([2, seed])
        latent, own = rng.standard_normal((40, 8)), rng.standard_normal((40, 2))
        signal = latent @ rng.standard_normal((8, 20)) / 3 + own @ rng.standard_normal((2, 20)) / 2
        Y = signal[:, None] + rng.standard_normal((40, 2, 20))
        entry = entries(score({"x": latent @ A}, Y, draws=30, halvings=0, seed=seed))["raw/ceiling"]
        ends.append((entry.value, entry.ci_low, entry.ci_high))
    value, low, high = np.array(ends).T
    assert ((low < value.mean()) & (value.mean() < high)).sum() >= 34
    assert np.median(high - low) / 2 < 2 * 1.96 * value.std()  # and is not merely wide


def test_workers_give_the_same_as_no_workers():
    X, _, Y = planted(0, n=30)
    layers = {"gram": partial(matrix.gram, [X], np.float64), "x": partial(dict, X=X[:, :5])}
    more = {"selection": "nested", "seed": 0, "halvings": 5, "draws": 5}
    with dask_client.connect() as client:
        found = score_similarities(client, layers, Y, np.arange(30), chosen("rsa"), **more)
    expected = score_similarities(Now(), layers, Y, np.arange(30), chosen("rsa"), **more)
    assert entries(found) == entries(expected)


def test_the_interval_is_of_95_percent_of_the_draws():
    """Expanded for the fewer of units and neuroids, as every interval is."""
    X, _, Y = planted(0)
    found = score({"x": X}, Y, draws=60)
    for name, entry in entries(found).items():
        expected = np.quantile(found.draws[name], expanded_quantiles(15))
        assert (entry.ci_low, entry.ci_high) == pytest.approx(tuple(expected), abs=1e-12)


def test_draws_repeat_some_neuroids_and_lack_others():
    drawn = draw(np.arange(40), 20, 20, np.random.default_rng(1))
    assert all(len(set(each.neuroids)) < 20 for each in drawn)
    assert len({tuple(each.neuroids) for each in drawn}) == 20


@pytest.mark.parametrize("metric", ["cka", "rsa"])
def test_a_draw_is_the_agreement_of_its_stimuli_and_neuroids(metric):
    X, _, responses = planted(3)
    comparison, mean = chosen(metric, **PATTERN), responses.mean(axis=1)
    halves = halved(responses, np.random.default_rng(0))
    drawn = draw(np.arange(len(X)), mean.shape[1], 3, np.random.default_rng(1))
    found = _draws(halves, comparison, [partial(dict, X=X)], drawn)[0]
    whole = comparison.relations(matrix.gram([X], np.float64))
    for value, (stimuli, neuroids, _) in zip(found, drawn, strict=True):
        own = comparison.relations(matrix.gram([mean[stimuli][:, neuroids]], np.float64))
        assert value == pytest.approx(comparison.agreement(whole[np.ix_(stimuli, stimuli)], own), abs=1e-12)
