import numpy as np
import pytest
from at_once import Now

from visalign.comparisons import chosen, names
from visalign.gram import matrix, missing_responses
from visalign.gram import ridge as gram_ridge
from visalign.io import dask_client
from visalign.neural.layers import (
    component_curve,
    median_score,
    score_block,
    score_layers,
)
from visalign.stats.cross_validation import leave_out_splits, nested_splits


def problem(n=80, p=20, m=8, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * np.arange(1, p + 1) ** -0.5
    return X, X @ rng.standard_normal((p, m)) + rng.standard_normal((n, m))


def layers(X):
    """The same layer as a Gram matrix and as features."""
    return {"K": matrix.gram([X], np.float64), "X": {"X": X}}


def gappy(Y, seed=1):
    Y = Y.copy()
    Y[np.random.default_rng(seed).random(Y.shape) < 0.1] = np.nan
    return Y


@pytest.mark.parametrize("metric", names("regression"))
@pytest.mark.parametrize("fill", [lambda Y: Y, gappy])
def test_features_and_their_gram_score_the_same_with_and_without_gaps(metric, fill):
    X, Y = problem()
    Y, splits = fill(Y), nested_splits(80, None, 2, 0.8, 1, 1)
    one, other = (
        score_block(lambda c=c: c, Y, splits, chosen(metric, components=6)) for c in layers(X).values()
    )
    np.testing.assert_allclose(one.values, other.values, atol=1e-8)
    np.testing.assert_allclose(one.inner, other.inner, atol=1e-8)
    gaps = max(int(np.isnan(Y[split.train]).sum()) for split in splits)
    assert one.filled == other.filled == (gaps if metric == "pls" else 0)
    assert one.used == other.used == (6 if metric == "pls" else 0)


@pytest.mark.parametrize("metric", names("regression"))
@pytest.mark.parametrize("kind", ["K", "X"])
def test_held_out_responses_change_neither_the_inner_score_nor_a_prediction(metric, kind):
    X, Y = problem()
    Y, [split] = gappy(Y), nested_splits(80, None, 1, 0.8, 1, 2)
    layer = layers(X)[kind]
    before = score_block(lambda: layer, Y, [split], chosen(metric, components=6))
    Y[split.test] = 1e3 * np.random.default_rng(2).standard_normal((len(split.test), Y.shape[1]))
    after = score_block(lambda: layer, Y, [split], chosen(metric, components=6))
    np.testing.assert_allclose(after.inner, before.inner, atol=1e-8)
    np.testing.assert_allclose(after.predicted[0], before.predicted[0], atol=1e-7)


@pytest.mark.parametrize("kind", ["K", "X"])
def test_the_component_curve_is_the_score_with_each_count(kind):
    X, Y = problem()
    layer, splits = layers(X)[kind], nested_splits(80, None, 3, 0.8, 1, 0)
    curve = component_curve(lambda: layer, Y, splits, 5)
    expected = [
        median_score(score_block(lambda: layer, Y, splits, chosen("pls", components=c)).values)
        for c in range(1, 6)
    ]
    np.testing.assert_allclose(curve, expected, atol=1e-10)


def test_the_component_curve_stays_flat_beyond_the_rank_of_features():
    X, Y = problem(p=4)
    curve = component_curve(lambda: layers(X)["K"], Y, nested_splits(80, None, 2, 0.8, 1, 0), 9)
    assert np.array_equal(curve[4:], np.full(6 - 1, curve[3]))


def test_ridge_chooses_penalties_by_leaving_out_whole_images():
    X, Y = problem()
    image = np.repeat(np.arange(8), 10)
    splits, layer = leave_out_splits(image, 1, 0), layers(X)["K"]
    block = score_block(lambda: layer, Y, splits, chosen("ridge"), image)
    for split, ours, r in zip(splits, block.predicted, block.values, strict=True):
        penalties = gram_ridge.penalty_grid(layer["K"], split.train, count=15)
        expected = gram_ridge.predict(layer["K"], Y, split.train, split.test, penalties, image)
        assert np.array_equal(ours, expected)
        assert np.array_equal(r, missing_responses.pearson_present(expected, Y[split.test]))


def test_layers_that_are_exhausted_are_named_and_filled_responses_counted():
    X, Y = problem()
    low = {"a": lambda: layers(X)["K"], "b": lambda: layers(X[:, :3])["X"]}
    with dask_client.connect() as client:
        splits = nested_splits(80, None, 2, 0.8, 1, 0)
        whole, lacking = (
            score_layers(client, low, y, splits, chosen("pls", components=6)) for y in (Y, gappy(Y))
        )
        ridge = score_layers(client, low, gappy(Y), splits, chosen("ridge"), np.arange(80))
    assert whole.exhausted == {"b": 3} and whole.said == []
    assert lacking.said == [f"{lacking.filled} missing training responses filled by a joint fit"]
    assert ridge.exhausted == {} and ridge.said == []


# --- choice of the layer ---


def noise_layers(seed, count=8, n=60):
    """Layers and responses that know nothing of each other."""
    rng = np.random.default_rng([7, seed])
    layers = {f"l{i}": {"X": rng.standard_normal((n, 12))} for i in range(count)}
    return {name: lambda layer=layer: layer for name, layer in layers.items()}, rng.standard_normal((n, 6))


@pytest.mark.parametrize("metric", names("regression"))
def test_layers_of_noise_score_zero_unless_they_are_chosen_on_what_is_reported(metric):
    """Means of 16 experiments against 4 of their standard errors."""
    nested, published = [], []
    for seed in range(16):
        reads, Y = noise_layers(seed)
        splits = nested_splits(60, None, 4, 0.8, seed, 2)
        scores = score_layers(Now(), reads, Y, splits, chosen(metric, components=3, penalties=5))
        nested.append(median_score(scores.select("nested").values))
        published.append(median_score(scores.select("published").values))
    assert abs(np.mean(nested)) < 4 * np.std(nested) / 4
    assert np.mean(published) > 4 * np.std(published) / 4


@pytest.mark.parametrize("metric", names("regression"))
def test_the_layer_is_chosen_without_the_stimuli_that_it_is_reported_on(metric):
    """Whatever the held-out responses are, the choice is the same; the best reported layer is not."""
    reads, Y = noise_layers(0)
    [split] = nested_splits(60, None, 1, 0.8, 1, 2)
    nested, best = set(), set()
    for seed in range(8):
        Y[split.test] = np.random.default_rng(seed).standard_normal((len(split.test), Y.shape[1]))
        scores = score_layers(Now(), reads, Y, [split], chosen(metric, components=3, penalties=5))
        nested.add(scores.select("nested").layer)
        best.add(scores.select("published").layer)
    assert len(nested) == 1 and len(best) > 2
