import json

import numpy as np
import pytest

from visalign import cli, gram_matrix, neural
from visalign.errors import InputError


def gram_of(X):
    return gram_matrix.gram([X], np.float64)["K"]


@pytest.fixture(scope="module")
def population():
    """Stimuli in 8 categories; neuroids read 10 feature dimensions; reliability of the mean is .8."""
    rng = np.random.default_rng(0)
    n, m = 400, 40
    X = rng.standard_normal((n, 10)) @ rng.standard_normal((10, 80))
    signal = X @ rng.standard_normal((80, m))
    signal /= signal.std(axis=0)
    return X, signal, np.arange(n) % 8


def test_noise_free_predictions_score_one_after_the_ceiling(population):
    # The features hold the signal exactly, responses have reliability c: r -> √c, so r²/c -> 1.
    X, signal, groups = population
    rng = np.random.default_rng(1)
    c = 0.8
    Y = signal + np.sqrt((1 - c) / c) * rng.standard_normal(signal.shape)
    splits = neural.nested_splits(len(X), groups, 10, 0.9, 1, 0)
    scores = neural.score_layers({"teacher": gram_of(X)}, Y, splits, 10)
    r = float(neural.median_score(scores.selected_r))
    assert neural.conventions(r, c)["r2/c"] == pytest.approx(1, abs=0.03)
    # Without response noise the limit itself is reached.
    exact = neural.score_layers({"teacher": gram_of(X)}, signal, splits, 10)
    r = float(neural.median_score(exact.selected_r))
    assert neural.conventions(r, 1.0)["r2/c"] == pytest.approx(1, abs=0.02)


def test_inner_splits_choose_the_layer_that_the_neuroids_read(population):
    X, signal, groups = population
    other = np.random.default_rng(2).standard_normal(X.shape) + 0.3 * X
    splits = neural.nested_splits(len(X), groups, 3, 0.9, 1, 2)
    scores = neural.score_layers({"other": gram_of(other), "teacher": gram_of(X)}, signal, splits, 10)
    assert scores.layer == "teacher"
    assert np.array_equal(scores.selected_r, scores.r[1])


def test_permuted_responses_score_at_zero(population):
    X, signal, groups = population
    splits = neural.nested_splits(len(X), groups, 10, 0.9, 1, 0)
    floor = neural.permutation_floor(gram_of(X), signal, splits, 10, np.random.default_rng(3))
    # 10 correlated dimensions on 40 test stimuli: standard error of the median about 1/√(40·10).
    assert abs(floor) < 0.15


def test_outer_test_stimuli_take_no_part_in_the_choice_of_the_layer():
    for split in neural.nested_splits(160, np.arange(160) % 8, 5, 0.9, 1, 3):
        assert not set(split.train) & set(split.test)
        assert len(split.inner) == 3
        for train, test in split.inner:
            assert set(train) | set(test) <= set(split.train)
            assert not set(train) & set(test)


def test_splits_are_those_of_brain_score():
    from sklearn.model_selection import StratifiedShuffleSplit

    groups = np.arange(160) % 8
    reference = StratifiedShuffleSplit(10, train_size=0.9, random_state=1).split(np.zeros(160), groups)
    for ours, (train, test) in zip(neural.nested_splits(160, groups, 10, 0.9, 1, 1), reference, strict=True):
        assert np.array_equal(ours.train, train)
        assert np.array_equal(ours.test, test)


def test_conventions():
    got = neural.conventions(0.6, 0.64)
    assert got == pytest.approx({"r2/c": 0.36 / 0.64, "r": 0.6, "(r/c)2": 0.36 / 0.64**2, "r/c": 0.6 / 0.64})
    assert neural.conventions(-0.1, 0.5)["r2/c"] == pytest.approx(-0.02)
    assert neural.conventions(0.6, None) == {"r": 0.6}
    # A noise-free model has r = √c: only r²/c is 1 then.
    assert neural.conventions(np.sqrt(0.67), 0.67)["r2/c"] == pytest.approx(1)
    assert neural.conventions(np.sqrt(0.67), 0.67)["r/c"] == pytest.approx(1.22, abs=0.01)


def test_results_do_not_depend_on_the_number_of_workers(population):
    X, signal, groups = population
    splits = neural.nested_splits(len(X), groups, 3, 0.9, 1, 1)
    one, two = (neural.score_layers({"X": gram_of(X)}, signal, splits, 5, threads) for threads in (1, 2))
    np.testing.assert_allclose(one.r, two.r, atol=1e-10)


def test_arrays_are_scored_from_the_command_line(population, tmp_path, capsys):
    X, signal, groups = population
    rng = np.random.default_rng(4)
    Y = signal[..., None] + 1.5 * rng.standard_normal((*signal.shape, 8))
    for name, array in (("X", X), ("Y", Y), ("G", groups)):
        np.save(tmp_path / f"{name}.npy", array)
    paths = {name: str(tmp_path / f"{name}.npy") for name in "XYG"}
    arguments = ["--features", paths["X"], "--responses", paths["Y"], "--stratify", paths["G"], "--json"]
    cli.main(["neural", *arguments])
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"r2/c", "r", "(r/c)2", "r/c"}
    assert result["r2/c"]["value"] == pytest.approx(1, abs=0.1)
    assert result["r2/c"]["ci_low"] < result["r2/c"]["value"] < result["r2/c"]["ci_high"]


def test_non_finite_arrays_are_named(tmp_path):
    bad = np.ones((10, 3))
    bad[2, 1] = np.inf
    np.save(tmp_path / "X.npy", bad)
    with pytest.raises(InputError, match=r"X\.npy: 1 values are not finite"):
        neural.read_array(str(tmp_path / "X.npy"), (2,))


def test_a_stimulus_that_was_not_shown_to_the_model_is_named():
    with pytest.raises(InputError, match="'c'"):
        neural.stimulus_order(["a", "b"], ["b", "c"], "recording.nc")
