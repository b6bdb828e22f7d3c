"""Claims about neural predictivity: right splits, right layer, honest intervals, the same anywhere."""

import json
import os
import signal as signal_module
import threading
import time
from functools import partial

import numpy as np
import pandas as pd
import pytest

from visalign import cli
from visalign.comparisons import chosen, names
from visalign.errors import InputError
from visalign.gram import matrix
from visalign.io import dask_client
from visalign.neural import arrays as neural_arrays
from visalign.neural import predictivity
from visalign.neural.layers import median_score, score_block, score_layers
from visalign.neural.predictivity import Ceiling, conventions
from visalign.stats import bootstrap
from visalign.stats.cross_validation import leave_out_splits, nested_splits


def reader(X):
    return lambda: matrix.gram([X], np.float64)


@pytest.fixture(scope="module")
def score():
    """Score layers, features by name, on a local client."""
    with dask_client.connect() as client:

        def run(layers, Y, splits, metric="pls", components=10):
            reads = {name: reader(X) for name, X in layers.items()}
            return score_layers(client, reads, Y, splits, chosen(metric, components=components))

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


@pytest.mark.parametrize("metric", names("regression"))
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
    assert predictivity.optimism(scores, Ceiling()) == pytest.approx(
        median_score(published.values) - median_score(nested.values)
    )


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
            results.append(
                score_layers(client, {"X": reader(X)}, signal, splits, chosen("pls", components=5))
            )
    np.testing.assert_allclose(results[0].values, results[1].values, rtol=0, atol=1e-10)


def test_a_scheduler_elsewhere_gives_the_same_and_a_killed_worker_costs_only_its_tasks(population):
    from distributed import LocalCluster

    def slow_gram(X):  # travels by value: the workers have the library, and not the tests
        time.sleep(0.5)
        return matrix.gram([X], np.float64)

    X, signal, groups = population
    splits = nested_splits(len(X), groups, 5, 0.9, 1, 1)
    reads = {f"layer {i}": partial(slow_gram, X + i) for i in range(6)}
    with dask_client.connect() as client:
        expected = score_layers(client, reads, signal, splits, chosen("pls", components=5))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        worker = next(iter(cluster.workers.values()))
        killer = threading.Timer(1.0, lambda: os.kill(worker.pid, signal_module.SIGKILL))
        killer.start()
        with dask_client.connect(cluster.scheduler_address) as client:
            found = score_layers(client, reads, signal, splits, chosen("pls", components=5))
        killer.join()
    np.testing.assert_allclose(found.values, expected.values, rtol=0, atol=1e-10)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(dask_client, "TIMEOUT", 1)
    with (
        pytest.raises(InputError, match=r"dask: 'tcp://127\.0\.0\.1:1': no scheduler answers"),
        dask_client.connect("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize("metric", names("regression"))
def test_features_and_their_gram_matrix_score_the_same(population, metric):
    X, signal, groups = population
    splits = nested_splits(len(X), groups, 3, 0.9, 1, 1)
    one, other = (
        score_block(lambda layer=layer: layer, signal, splits, chosen(metric, components=5))
        for layer in ({"X": X}, matrix.gram([X], np.float64))
    )
    np.testing.assert_allclose(one.values, other.values, atol=1e-8)
    np.testing.assert_allclose(one.inner, other.inner, atol=1e-8)


def test_missing_responses_are_left_out_of_the_fit_and_of_the_score(population, score):
    X, signal, groups = population
    Y = signal.copy()
    Y[::5, :10] = np.nan
    splits = nested_splits(len(X), groups, 4, 0.9, 1, 0)
    scores = score({"X": X}, Y, splits)
    gaps = max(int(np.isnan(Y[split.train]).sum()) for split in splits)
    assert scores.said == [f"{gaps} missing training responses filled by a joint fit"]
    assert np.isfinite(scores.values).all() and median_score(scores.values[0]) > 0.99


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
    assert set(result) == {"pls"}
    assert set(result["pls"]) == {"r2/c", "r", "(r/c)2", "r/c", "attainable"}
    # The features hold the signal: what is scored is what a perfect model attains.
    assert result["pls"]["attainable"]["value"] == pytest.approx(result["pls"]["r2/c"]["value"], abs=0.05)
    entry = result["pls"]["r2/c"]
    assert set(entry) == ENTRY
    assert entry["value"] == pytest.approx(1, abs=0.1)
    assert entry["ci_low"] < entry["value"] < entry["ci_high"]


def test_arrays_without_repetitions_have_no_ceiling_and_every_metric_runs(population, tmp_path, capsys):
    X, signal, _ = population
    x, y = saved(tmp_path, X=X[:100], Y=signal[:100])
    cli.main(["neural", "--features", x, "--responses", y, "--metrics", *names(), "--json"])
    result = json.loads(capsys.readouterr().out)
    assert set(result) == set(names())
    for metric, entries in result.items():
        ((convention, entry),) = entries.items()
        assert convention == entry["convention"] == ("r" if metric in names("regression") else "raw")
        assert entry["ceiling"] is None and entry["value"] > 0.5


def test_groups_that_are_left_out_score_grids(population, tmp_path, capsys):
    X, signal, _ = population
    x, y, g = saved(tmp_path, X=X, Y=signal, G=np.arange(400) // 40)
    cli.main(["neural", "--features", x, "--responses", y, "--leave-out", g, "--json"])
    captured = capsys.readouterr()
    entries = json.loads(captured.out)["pls"]
    assert list(entries) == ["r", "r/site_pairs"] and entries["r"]["value"] > 0.95
    assert "the ceiling is the likeness of site pairs, no reliability" in captured.err


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


def test_neuroids_are_refused_where_no_comparison_predicts_them(refused, tmp_path):
    x, y = saved(tmp_path, X=np.eye(10), Y=np.eye(10))
    arguments = ["neural", "--features", x, "--responses", y, "--neuroids", tmp_path / "n.parquet"]
    [line] = refused(*arguments, "--metrics", "cka", "rsa")
    assert "--neuroids: no neuroid is predicted by --metrics cka rsa" in line and "pls, ridge" in line
    assert not (tmp_path / "n.parquet").exists()


def test_scores_by_number_of_components_end_in_the_score(population, tmp_path, capsys):
    X, signal, _ = population
    Y = signal[:100] + np.random.default_rng(4).standard_normal((100, 40))
    x, y = saved(tmp_path, X=X[:100], Y=Y)
    arrays = ["neural", "--features", x, "--responses", y, "--components", "6", "--json"]
    cli.main([*arrays, "--counts"])
    curve = json.loads(capsys.readouterr().out)["pls"]["components"]
    cli.main(arrays)
    score = json.loads(capsys.readouterr().out)["pls"]["r"]["value"]
    assert len(curve) == 6 and curve[-1] == pytest.approx(score, abs=1e-9) and curve[0] < curve[-1]


# --- what is kept ---


def test_kept_correlations_and_draws_make_the_scores_again(population, tmp_path, capsys):
    X, signal, _ = population
    Y = signal[:100, :12, None] + 1.5 * np.random.default_rng(4).standard_normal((100, 12, 4))
    x, y = saved(tmp_path, X=X[:100], Y=Y)
    kept = ["--neuroids", str(tmp_path / "n.parquet"), "--draws", str(tmp_path / "d.parquet")]
    cli.main(["neural", "--features", x, "--responses", y, "--splits", "4", *kept, "--json"])
    entries = json.loads(capsys.readouterr().out)["pls"]
    neuroids = pd.read_parquet(tmp_path / "n.parquet")
    assert neuroids.columns.tolist() == ["metric", "split", "neuroid_id", "r", "ceiling"]
    assert len(neuroids) == 4 * 12
    again = neuroids.groupby("split")["r"].median().mean()
    assert again == pytest.approx(entries["r"]["value"], abs=1e-12)
    draws = pd.read_parquet(tmp_path / "d.parquet")
    own = draws[draws["convention"] == "r2/c"].set_index("draw")["value"]
    assert own[0] == entries["r2/c"]["value"] and len(own) == 1001
    low, high = np.quantile(own[1:], bootstrap.expanded_quantiles(12))
    assert (low, high) == pytest.approx((entries["r2/c"]["ci_low"], entries["r2/c"]["ci_high"]))


def test_tests_of_two_stimuli_are_refused(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x, y = saved(tmp_path, X=rng.standard_normal((20, 30)), Y=rng.standard_normal((20, 8)))
    with pytest.raises(SystemExit):
        cli.main(["neural", "--features", x, "--responses", y])
    assert "X.npy: 2 stimuli in a test set: " in capsys.readouterr().err
    cli.main(["neural", "--features", x, "--responses", y, "--train-size", "0.75"])
