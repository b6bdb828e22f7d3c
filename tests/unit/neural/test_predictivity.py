"""Claims about scores of regressions: conventions, intervals over stimuli and neuroids, floors."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.comparisons import chosen
from visalign.gram import matrix, missing_responses
from visalign.io import dask_client
from visalign.io.scores import Score
from visalign.neural import predictivity
from visalign.neural.layers import Selected, median_score, score_block
from visalign.neural.predictivity import Ceiling, Responses, Scored, conventions
from visalign.recordings.ceilings import c_of, trials
from visalign.stats import resampling
from visalign.stats.cross_validation import Split, leave_out_splits, nested_splits


def test_a_site_pair_is_no_reliability():
    assert conventions(0.6, 0.2, "site_pairs") == {"r": 0.6, "r/site_pairs": pytest.approx(3.0)}
    assert conventions(0.6, None, "site_pairs") == {"r": 0.6}
    assert predictivity.best("r/site_pairs", 0.2, "site_pairs") == 1


def test_a_draw_without_reliability_has_no_corrected_value():
    found = conventions(np.array([0.5, 0.5]), np.array([0.25, -0.1]))
    np.testing.assert_array_equal(found["r2/c"], [1.0, np.nan])
    np.testing.assert_array_equal(found["r"], [0.5, 0.5])


# --- draws ---


def test_the_weighted_correlation_of_counts_is_that_of_the_drawn_sample():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 30, 4)) + 1e4
    b[5, 2] = np.nan
    drawn = rng.integers(30, size=(5, 30))
    weights = np.array([np.bincount(index, minlength=30) for index in drawn])
    expected = [missing_responses.pearson_present(a[index], b[index]) for index in drawn]
    np.testing.assert_allclose(resampling.weighted_pearson(weights, a, b), expected, atol=1e-10)


def test_a_constant_column_has_no_correlation():
    a = np.c_[np.arange(10.0), np.full(10, 0.1)]
    r = resampling.weighted_pearson(np.ones((1, 10)), a, a)
    assert r[0, 0] == pytest.approx(1) and np.isnan(r[0, 1])


def experiment(seed: int, grid: bool = False) -> tuple[Selected, Responses]:
    """Predictions and responses of 12 neuroids; of a grid, 6 images of 10 positions."""
    rng = np.random.default_rng(seed)
    n = 60
    unit = np.repeat(np.arange(6), 10) if grid else np.arange(n)
    splits = leave_out_splits(unit, 1, 0) if grid else nested_splits(n, None, 4, 0.75, 1, 0)
    Y = rng.standard_normal((n, 12))
    predicted = [Y[split.test] + rng.standard_normal((len(split.test), 12)) for split in splits]
    values = np.array(
        [missing_responses.pearson_present(p, Y[s.test]) for p, s in zip(predicted, splits, strict=True)]
    )
    return Selected("layer", values, predicted), Responses(Y, splits, unit)


@pytest.mark.parametrize("grid", [False, True])
def test_a_draw_is_the_score_of_the_stimuli_and_neuroids_that_it_repeats(grid):
    """One draw of stimuli serves all splits: a stimulus drawn twice counts twice wherever it is tested."""
    selected, responses = experiment(0, grid)
    draws = predictivity.draw(responses, None, seed=1)
    found = predictivity.resampled_scores(selected, responses, draws)
    assert len(found) == resampling.DRAWS
    for index in (0, 1, 17, 999):
        weights, chosen = draws.weights[index], draws.neuroids[index]
        medians, counts = [], []
        for predicted, split in zip(selected.predicted, responses.splits, strict=True):
            own = weights[draws.unit[split.test]]
            repeated = np.repeat(np.arange(len(split.test)), 1 if grid else own)
            r = missing_responses.pearson_present(predicted[repeated], responses.Y[split.test][repeated])
            medians.append(np.nanmedian(r[chosen]))
            counts.append(own[0] if grid else 1)
        assert found[index] == pytest.approx(np.average(medians, weights=counts), abs=1e-10)


def test_draws_do_not_depend_on_the_model():
    one, other = (predictivity.draw(experiment(seed)[1], None, seed=3) for seed in (0, 1))
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.neuroids, other.neuroids)


def test_draws_do_not_depend_on_what_units_are_called():
    names = np.array(["b", "a", "a", "c", "b"])
    np.testing.assert_array_equal(resampling.numbered(names), [0, 1, 1, 2, 0])
    one, other = (resampling.draw(unit, 3, seed=0) for unit in (names, np.array([9, 5, 5, 7, 9])))
    np.testing.assert_array_equal(one.of_stimuli(), other.of_stimuli())


def test_copies_of_a_picture_are_drawn_together():
    draws = resampling.draw(np.repeat(np.arange(5), 2), 3, seed=0)
    weights = draws.of_stimuli()
    np.testing.assert_array_equal(weights[:, ::2], weights[:, 1::2])
    assert (draws.weights.sum(axis=1) == 5).all() and draws.units == 3


def replicate(seed: int, grid: bool) -> tuple[Selected, Responses, np.ndarray]:
    """New stimuli and new neuroids with unlike tuning; predictions of a noise-free model of part of it."""
    rng = np.random.default_rng(seed)
    n, m, repetitions = (160, 24, 4) if not grid else (12 * 16, 24, 4)
    unit = np.repeat(np.arange(12), 16) if grid else np.arange(n)
    gain = np.exp(0.4 * rng.standard_normal(unit.max() + 1))[unit][:, None] if grid else 1.0
    share = rng.uniform(0.2, 0.9, m)
    known, unknown = gain * rng.standard_normal((2, n, m))
    signal = np.sqrt(share) * known + np.sqrt(1 - share) * unknown
    responses = signal[:, None] + 2 * rng.standard_normal((n, repetitions, m))
    splits = leave_out_splits(unit, 1, 0) if grid else nested_splits(n, None, 5, 0.8, 1, 0)
    Y = responses.mean(axis=1)
    predicted = [known[split.test] for split in splits]
    values = np.array(
        [missing_responses.pearson_present(p, Y[s.test]) for p, s in zip(predicted, splits, strict=True)]
    )
    return Selected("layer", values, predicted), Responses(Y, splits, unit), responses


@pytest.mark.parametrize("grid", [False, True])
def test_intervals_cover_new_stimuli_and_new_neuroids(grid):
    """95 % intervals of 50 replications hold their mean in at least 42: three binomial sd less than 47.5.

    The mean of the replications stands for the truth.
    """
    values, covered = {"r2/c": [], "r": []}, {"r2/c": [], "r": []}
    for seed in range(50):
        selected, responses, repeated = replicate(seed, grid)
        own = trials(repeated, 4, 1, responses.unit if grid else None)
        ceiling = Ceiling(value=c_of(own.per_split()), resampled=own.resampled)
        draws = predictivity.draw(responses, None, 0)
        few = resampling.Draws(draws.unit, draws.weights[:300], draws.neuroids[:300])
        entries = predictivity.summarise(
            Score(metric="m"), selected, responses, ceiling, 0.0, few
        ).by_convention
        for name in values:
            values[name].append(entries[name].value)
            covered[name].append((entries[name].ci_low, entries[name].ci_high))
    for name, found in values.items():
        low, high = np.array(covered[name]).T
        assert np.mean((low <= np.mean(found)) & (np.mean(found) <= high)) >= 0.84, name


def test_the_interval_is_of_95_percent():
    """Half its width is 1.96 standard deviations of the draws, of 200 units: 90 % would be 1.64."""
    rng = np.random.default_rng(0)
    n = m = 200
    Y = rng.standard_normal((n, m))
    splits = [Split(np.arange(0), np.arange(n))]
    predicted = [0.5 * Y + rng.standard_normal((n, m))]
    selected = Selected("x", np.array([missing_responses.pearson_present(predicted[0], Y)]), predicted)
    responses = Responses(Y, splits, np.arange(n))
    summary = predictivity.summarise(
        Score(metric="m"), selected, responses, Ceiling(), 0.0, predictivity.draw(responses, None, 0)
    )
    entry = summary.by_convention["r"]
    half = (entry.ci_high - entry.ci_low) / 2
    assert half / summary.draws["r"].std() == pytest.approx(1.99, abs=0.12)


def test_models_on_the_same_stimuli_differ_by_less_than_their_intervals_suggest():
    """Draws are shared: the difference of two alike models is known to a fraction of either's interval."""
    selected, responses = experiment(0)
    rng = np.random.default_rng(1)
    near = [p + 0.1 * rng.standard_normal(p.shape) for p in selected.predicted]
    other = Selected("layer", selected.values, near)
    draws = predictivity.draw(responses, None, 0)
    one, two = (predictivity.resampled_scores(s, responses, draws) for s in (selected, other))
    assert (one - two).std() < 0.4 * one.std()


# --- floor ---


def scored(client, X, Y, splits, unit) -> Scored:
    layer = matrix.gram([X], np.float64)
    return Scored(client, {"X": lambda: layer}, Responses(Y, splits, unit), chosen("pls", components=5))


def test_the_floor_of_a_grid_keeps_no_image_in_place():
    """Three images, features that tell them: one of three kept in place would lift the mean by a third."""
    rng = np.random.default_rng(0)
    unit = np.repeat(np.arange(4), 25)
    X = rng.standard_normal((100, 6))
    Y = X @ rng.standard_normal((6, 8))
    with dask_client.connect() as client:
        own = scored(client, X, Y, leave_out_splits(unit, 1, 0), unit)
        assert median_score(own.scores.values[0]) > 0.9
        # Of 20 unrelated grids of 25 positions the mean r scatters by .2/√(4 · 3 distinct pairs) = .06.
        assert abs(own.floor("X", rng)) < 0.2


def test_the_floor_of_groups_of_unequal_size_leaves_no_stimulus_with_its_group():
    rng = np.random.default_rng(0)
    unit = np.repeat(np.arange(6), [19, 20, 20, 20, 20, 21])
    X = rng.standard_normal((120, 6))
    Y = X @ rng.standard_normal((6, 8))
    with dask_client.connect() as client:
        own = scored(client, X, Y, leave_out_splits(unit, 1, 0), unit)
        assert np.isfinite(own.floor("X", rng)) and abs(own.floor("X", rng)) < 0.2


def test_the_floor_is_a_mean_that_hardly_depends_on_the_draw():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 6))
    Y = X @ rng.standard_normal((6, 20)) + rng.standard_normal((80, 20))
    splits = nested_splits(80, None, 4, 0.8, 1, 0)
    with dask_client.connect() as client:
        own = scored(client, X, Y, splits, np.arange(80))
        floors = [own.floor("X", np.random.default_rng(seed)) for seed in range(6)]
    order = np.roll(np.arange(80), 7)
    alone = [
        median_score(
            score_block(own.reads["X"], Y[np.roll(order, k)], splits, chosen("pls", components=5)).values
        )
        for k in range(20)
    ]
    assert np.std(floors) < 0.5 * np.std(alone)


# --- conventions ---


def test_a_negative_correlation_keeps_its_sign_in_squares():
    found = conventions(-0.1, 0.5)
    assert found == pytest.approx({"r2/c": -0.02, "r": -0.1, "(r/c)2": -0.04, "r/c": -0.2})


def test_the_best_attainable_correlation_is_the_root_of_the_reliability():
    best = {name: predictivity.best(name, 0.64, "reliability") for name in ("r2/c", "r", "(r/c)2", "r/c")}
    assert best == pytest.approx({"r2/c": 1, "r": 0.8, "(r/c)2": 1 / 0.64, "r/c": 1.25})


def test_the_ceiling_is_drawn_with_the_score_it_divides():
    """Draws that raise r and c alike leave r2/c alone: each value is its own r over its own c."""
    selected, responses = experiment(0)
    draws = predictivity.draw(responses, None, 0)
    c = np.linspace(0.3, 0.9, len(draws.weights))
    ceiling = Ceiling(value=0.5, resampled=lambda _: c)
    found = predictivity.summarise(Score(metric="m"), selected, responses, ceiling, 0.0, draws).draws
    np.testing.assert_allclose(found["r2/c"], found["r"] * np.abs(found["r"]) / c, atol=1e-12)
