"""Claims about neural predictivity: right splits, right layer, honest intervals, the same anywhere."""

import json
import os
import signal as signal_module
import threading
import time
from functools import partial

import numpy as np
import pytest

from visalign import cli, dask_client, gram_matrix, missing, neural, neural_arrays, predictivity
from visalign.cross_validation import Split, leave_out_splits, nested_splits
from visalign.errors import InputError
from visalign.layer_scores import METRICS, REGRESSIONS, Options, median_score, score_block, score_layers
from visalign.predictivity import Responses, conventions, shuffled


def reader(X):
    return lambda: gram_matrix.gram([X], np.float64)


@pytest.fixture(scope="module")
def score():
    """Score layers, features by name, on a local client."""
    with dask_client.connect() as client:

        def run(layers, Y, splits, metric="pls", components=10):
            reads = {name: reader(X) for name, X in layers.items()}
            return score_layers(client, reads, Y, splits, metric, Options(components))

        yield run


@pytest.fixture(scope="module")
def population():
    """Stimuli in 8 categories; neuroids read 10 feature dimensions; reliability of the mean is .8."""
    rng = np.random.default_rng(0)
    n, m = 400, 40
    X = rng.standard_normal((n, 10)) @ rng.standard_normal((10, 80))
    signal = X @ rng.standard_normal((80, m))
    signal /= signal.std(axis=0)
    return X, signal, np.arange(n) % 8


@pytest.mark.parametrize("metric", ["pls", "ridge"])
def test_noise_free_predictions_score_one_after_the_ceiling(population, score, metric):
    # The features hold the signal exactly, responses have reliability c: r -> √c, so r²/c -> 1.
    X, signal, groups = population
    rng = np.random.default_rng(1)
    c = 0.8
    Y = signal + np.sqrt((1 - c) / c) * rng.standard_normal(signal.shape)
    splits = nested_splits(len(X), groups, 10, 0.9, 1, 0)
    scores = score({"teacher": X}, Y, splits, metric)
    r = median_score(scores.select("nested").values)
    assert conventions(r, c)["r2/c"] == pytest.approx(1, abs=0.03)
    # Without response noise the limit itself is reached.
    exact = score({"teacher": X}, signal, splits, metric)
    r = median_score(exact.select("nested").values)
    assert conventions(r, 1.0)["r2/c"] == pytest.approx(1, abs=0.02)


def test_the_score_approaches_one_as_stimuli_grow(score):
    """r -> √c: what is missing from r²/c falls about as 1/n, for 40 dimensions to estimate.

    Beside it the median of 40 correlations over n/10 test stimuli, ten times, has a standard error of
    about .01 at n = 400 and .005 at 1600.
    """
    rng = np.random.default_rng(7)
    c, missing_share = 0.5, []
    mixing, reading = rng.standard_normal((40, 80)), rng.standard_normal((80, 40))
    for n in (100, 400, 1600):
        X = rng.standard_normal((n, 40)) @ mixing
        signal = X @ reading
        signal /= signal.std(axis=0)
        Y = signal + np.sqrt((1 - c) / c) * rng.standard_normal(signal.shape)
        scores = score({"X": X}, Y, nested_splits(n, None, 10, 0.9, 1, 0), components=40)
        missing_share.append(1 - conventions(median_score(scores.values[0]), c)["r2/c"])
    assert missing_share[0] > missing_share[1] + 0.1 > missing_share[2] + 0.15
    assert abs(missing_share[2]) < 0.05


@pytest.mark.parametrize("metric", METRICS)
def test_inner_splits_choose_the_layer_that_the_neuroids_read(population, score, metric):
    X, signal, groups = population
    other = np.random.default_rng(2).standard_normal(X.shape) + 0.3 * X
    splits = nested_splits(len(X), groups, 3, 0.9, 1, 2)
    scores = score({"other": other, "teacher": X}, signal, splits, metric)
    selected = scores.select("nested")
    assert selected.layer == "teacher"
    assert np.array_equal(selected.values, scores.values[1])


def test_the_published_selection_takes_the_best_layer_of_the_reported_stimuli(population, score):
    X, signal, groups = population
    rng = np.random.default_rng(5)
    layers = {f"noisy {i}": X + 3 * rng.standard_normal(X.shape) for i in range(4)}
    Y = signal + 2 * rng.standard_normal(signal.shape)
    scores = score(layers, Y, nested_splits(len(X), groups, 4, 0.9, 1, 1))
    nested, published = (scores.select(how) for how in ("nested", "published"))
    assert median_score(published.values) == max(median_score(values) for values in scores.values)
    assert predictivity.optimism(scores, None) == pytest.approx(
        median_score(published.values) - median_score(nested.values)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_permuted_responses_score_at_zero(population, score, metric):
    X, signal, groups = population
    splits = nested_splits(len(X), groups, 10, 0.9, 1, 0)
    control = shuffled(Responses(signal, splits, np.arange(len(X))), np.random.default_rng(3))
    floor = median_score(score({"X": X}, control.Y, control.splits, metric).values[0])
    # 10 correlated dimensions on 40 test stimuli: standard error of the median about 1/√(40·10).
    assert abs(floor) < 0.15


def test_shuffled_maps_keep_their_positions():
    image, Y = np.repeat([2, 0, 1], 4), np.arange(12.0)[:, None]
    control = shuffled(Responses(Y, [], image), np.random.default_rng(0))
    moved = control.Y.ravel()
    assert sorted(moved) == list(range(12))
    for name in range(3):
        assert np.array_equal(moved[image == name] % 4, np.arange(4))  # position in its map
        assert len(set(moved[image == name] // 4)) == 1


def test_outer_test_stimuli_take_no_part_in_the_choice_of_the_layer():
    for split in nested_splits(160, np.arange(160) % 8, 5, 0.9, 1, 3):
        assert not set(split.train) & set(split.test)
        assert len(split.inner) == 3
        for train, test in split.inner:
            assert set(train) | set(test) <= set(split.train)
            assert not set(train) & set(test)


def test_splits_are_those_of_brain_score():
    from sklearn.model_selection import StratifiedShuffleSplit

    groups = np.arange(160) % 8
    reference = StratifiedShuffleSplit(10, train_size=0.9, random_state=1).split(np.zeros(160), groups)
    for ours, (train, test) in zip(nested_splits(160, groups, 10, 0.9, 1, 1), reference, strict=True):
        assert np.array_equal(ours.train, train)
        assert np.array_equal(ours.test, test)


def test_conventions():
    got = conventions(0.6, 0.64)
    assert got == pytest.approx({"r2/c": 0.36 / 0.64, "r": 0.6, "(r/c)2": 0.36 / 0.64**2, "r/c": 0.6 / 0.64})
    assert conventions(-0.1, 0.5)["r2/c"] == pytest.approx(-0.02)
    assert conventions(0.6, None) == {"r": 0.6}
    # A noise-free model has r = √c: only r²/c is 1 then.
    assert conventions(np.sqrt(0.67), 0.67)["r2/c"] == pytest.approx(1)
    assert conventions(np.sqrt(0.67), 0.67)["r/c"] == pytest.approx(1.22, abs=0.01)


def test_leaving_one_image_out_leaves_out_all_its_positions():
    image = np.repeat(["b", "a", "c", "d"], 3)
    splits = leave_out_splits(image, 1, 2)
    assert [set(image[split.test]) for split in splits] == [{"a"}, {"b"}, {"c"}, {"d"}]
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(12))
        held = [set(image[test]) for _, test in split.inner]
        assert len(held) == 2 and all(len(names) == 1 for names in held) and held[0] != held[1]
        for train, test in split.inner:
            assert not set(image[train]) & set(image[test]) and set(train) | set(test) == set(split.train)


def test_results_do_not_depend_on_the_number_of_workers(population):
    X, signal, groups = population
    splits = nested_splits(len(X), groups, 7, 0.9, 1, 1)
    results = []
    for threads in (1, 2):
        with dask_client.connect(threads=threads) as client:
            results.append(score_layers(client, {"X": reader(X)}, signal, splits, "pls", Options(5)))
    np.testing.assert_allclose(results[0].values, results[1].values, rtol=0, atol=1e-10)


def slow_gram(X):
    time.sleep(0.5)
    return gram_matrix.gram([X], np.float64)


def test_a_scheduler_elsewhere_gives_the_same_and_a_killed_worker_costs_only_its_tasks(population):
    from distributed import LocalCluster

    X, signal, groups = population
    splits = nested_splits(len(X), groups, 5, 0.9, 1, 1)
    reads = {f"layer {i}": partial(slow_gram, X + i) for i in range(6)}
    with dask_client.connect() as client:
        expected = score_layers(client, reads, signal, splits, "pls", Options(5))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        worker = next(iter(cluster.workers.values()))
        killer = threading.Timer(1.0, lambda: os.kill(worker.pid, signal_module.SIGKILL))
        killer.start()
        with dask_client.connect(cluster.scheduler_address) as client:
            found = score_layers(client, reads, signal, splits, "pls", Options(5))
        killer.join()
    np.testing.assert_allclose(found.values, expected.values, rtol=0, atol=1e-10)


def test_a_scheduler_that_does_not_answer_is_named():
    with (
        pytest.raises(InputError, match=r"dask: 'tcp://127\.0\.0\.1:1': no scheduler answers"),
        dask_client.connect("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize("metric", METRICS)
def test_features_and_their_gram_matrix_score_the_same(population, metric):
    X, signal, groups = population
    splits = nested_splits(len(X), groups, 3, 0.9, 1, 1)
    one, other = (
        score_block(lambda layer=layer: layer, signal, splits, metric, Options(5))
        for layer in ({"X": X}, gram_matrix.gram([X], np.float64))
    )
    np.testing.assert_allclose(one.values, other.values, atol=1e-8)
    np.testing.assert_allclose(one.inner, other.inner, atol=1e-8)


def test_missing_responses_are_left_out_of_the_fit_and_of_the_score(population, score):
    X, signal, groups = population
    Y = signal.copy()
    Y[::5, :10] = np.nan
    splits = nested_splits(len(X), groups, 4, 0.9, 1, 0)
    scores = score({"X": X}, Y, splits)
    assert scores.groups == 2
    assert np.isfinite(scores.values).all() and median_score(scores.values[0]) > 0.99


# --- intervals ---


def test_the_weighted_correlation_of_counts_is_that_of_the_drawn_sample():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 30, 4)) + 100
    b += a
    a[3, 1] = np.nan
    drawn = rng.integers(30, size=(5, 30))
    weights = np.array([np.bincount(index, minlength=30) for index in drawn])
    expected = [missing.pearson_present(a[index], b[index]) for index in drawn]
    np.testing.assert_allclose(predictivity.weighted_pearson(weights, a, b), expected, atol=1e-10)


def test_a_constant_column_has_no_correlation():
    a = np.c_[np.arange(10.0), np.full(10, 0.1)]
    r = predictivity.weighted_pearson(np.ones((1, 10)), a, a)
    assert r[0, 0] == pytest.approx(1) and np.isnan(r[0, 1])


@pytest.mark.parametrize("maps", [False, True])
def test_the_interval_over_stimuli_holds_the_truth_as_often_as_it_says(maps):
    """Predictions of known correlation .6 with responses: 95 % intervals over fresh stimuli cover it."""
    covered, runs = 0, 60
    for run in range(runs):
        rng = np.random.default_rng(run)
        unit = np.repeat(np.arange(20), 12) if maps else np.arange(240)
        prediction = rng.standard_normal((240, 1))
        Y = 0.6 * prediction + 0.8 * rng.standard_normal((240, 1))
        splits = leave_out_splits(unit, 1, 0) if maps else [Split(unit[:0], unit[i::4]) for i in range(4)]
        responses = Responses(Y, splits, unit)
        predicted = [prediction[split.test] for split in splits]
        low, high = predictivity.bootstrap_stimuli(predicted, responses, rng, 200)
        truth = 0.6 if not maps else 0.588  # Pearson over 12 positions is biased low by about (1 − ρ²)/(2n)
        covered += low <= truth <= high
    assert covered >= 51  # 95 % of 60 is 57; three binomial standard deviations are 5


def test_the_wider_interval_is_reported():
    assert predictivity.wider((0.1, 0.2), (np.nan, np.nan), (0.0, 0.15)) == (0.0, 0.15)
    assert np.isnan(predictivity.wider((np.nan, np.nan))).all()


# --- arrays ---


def saved(tmp_path, **arrays):
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    return [str(tmp_path / f"{name}.npy") for name in arrays]


ENTRY = {"value", "ci_low", "ci_high", "n", "n_excluded", "floor", "ceiling", "convention"}


def test_arrays_are_scored_from_the_command_line(population, tmp_path, capsys):
    X, signal, groups = population
    rng = np.random.default_rng(4)
    Y = signal[..., None] + 1.5 * rng.standard_normal((*signal.shape, 8))
    x, y, g = saved(tmp_path, X=X, Y=Y, G=groups)
    cli.main(["neural", "--features", x, "--responses", y, "--stratify", g, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"pls"} and set(result["pls"]) == {"r2/c", "r", "(r/c)2", "r/c"}
    entry = result["pls"]["r2/c"]
    assert set(entry) == ENTRY
    assert entry["value"] == pytest.approx(1, abs=0.1)
    assert entry["ci_low"] < entry["value"] < entry["ci_high"]


def test_arrays_without_repetitions_have_no_ceiling_and_every_metric_runs(population, tmp_path, capsys):
    X, signal, _ = population
    x, y = saved(tmp_path, X=X, Y=signal)
    cli.main(["neural", "--features", x, "--responses", y, "--metric", *METRICS, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert set(result) == set(METRICS)
    for metric, entries in result.items():
        assert set(entries) == {"r"} and entries["r"]["ceiling"] is None
        assert entries["r"]["convention"] == ("r" if metric in REGRESSIONS else "raw")
        assert entries["r"]["value"] > 0.5


def test_groups_that_are_left_out_score_maps(population, tmp_path, capsys):
    X, signal, _ = population
    x, y, g = saved(tmp_path, X=X, Y=signal, G=np.arange(400) // 40)
    cli.main(["neural", "--features", x, "--responses", y, "--leave-out", g, "--json"])
    entry = json.loads(capsys.readouterr().out)["pls"]["r"]
    assert entry["value"] > 0.95 and entry["ceiling"] is not None  # of site pairs


def test_missing_responses_of_arrays_are_allowed_and_infinite_ones_named(population, tmp_path, capsys):
    X, signal, _ = population
    Y = signal.copy()
    Y[3, 5] = np.nan
    x, y = saved(tmp_path, X=X, Y=Y)
    cli.main(["neural", "--features", x, "--responses", y, "--json"])
    assert json.loads(capsys.readouterr().out)["pls"]["r"]["value"] > 0.95
    Y[3, 5] = np.inf
    saved(tmp_path, Y=Y)
    with pytest.raises(InputError, match=r"Y\.npy: 1 values are not finite"):
        neural_arrays.read_array(y, (2,), missing=True)


def test_non_finite_features_are_named(tmp_path):
    bad = np.ones((10, 3))
    bad[2, 1] = np.nan
    (x,) = saved(tmp_path, X=bad)
    with pytest.raises(InputError, match=r"X\.npy: 1 values are not finite"):
        neural_arrays.read_array(x, (2,))


def test_a_stimulus_that_was_not_shown_to_the_model_is_named():
    with pytest.raises(InputError, match="'c'"):
        neural.stimulus_order(["a", "b"], ["b", "c"], "recording.nc")
