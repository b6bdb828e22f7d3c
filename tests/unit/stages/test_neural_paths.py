"""Claims about the path from features to scores: one for arrays and the stages, whatever sites are called."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from visalign import cli
from visalign.comparisons import names
from visalign.io import stores
from visalign.neural import arrays
from visalign.recordings import assembly

N, M = 80, 6


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def population(p: int, repetitions: int = 4, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Features (N, p), and responses (N, M, repetitions) that read five dimensions of them."""
    rng = np.random.default_rng(p)
    latent = rng.standard_normal((N, 5))
    X = (latent @ rng.standard_normal((5, p)) + 0.5 * rng.standard_normal((N, p))).astype(dtype)
    signal = latent @ rng.standard_normal((5, M))
    return X, signal[..., None] + 2 * rng.standard_normal((N, M, repetitions))


def ids(n: int) -> list[str]:
    return [f"im{i:03d}" for i in range(n)]


def features(X: np.ndarray, names: list[str]) -> None:
    """A feature store as the stage features makes it."""
    group = stores.open_partial("features.zarr", {"x": 1})
    stores.write_strings(group, "stimulus_id", names, "stimulus")
    shape = ("stimulus", "x_feature") if X.ndim == 2 else ("stimulus", "x_channel", "x_y", "x_x")
    stores.create_array(group, "x", X.shape, X.dtype, shape, rows=16)[:] = X
    group.attrs["layers"] = ["x"]
    stores.publish("features.zarr", "features.json", stores.provenance())


def table(names: list[str], sha256: list[str] | None = None) -> None:
    sha256 = sha256 or [f"{i:064x}" for i in range(len(names))]
    pd.DataFrame({"stimulus_id": names, "path": names, "sha256": sha256}).to_csv("stimuli.csv", index=False)


def card(Y: np.ndarray, **changes) -> None:
    np.save("responses.npy", Y)
    fields = {"responses": "responses.npy", "stimulus_ids": ids(len(Y)), "time_bins": [[70, 170]]} | changes
    with open("card.yaml", "w") as file:
        yaml.safe_dump(fields, file)


def score(*more: str, protocol: str = "whole_image", path: str = "card.yaml", reader: str = "arrays"):
    """Rows of the stages recordings, gram and neural."""
    cli.main(
        f"recordings --name r --path {path} --reader {reader} "
        "--output r.nc --ceilings r.csv --recording-card r.json".split()
    )
    cli.main(
        "gram --features features.zarr --features-manifest features.json --output gram.zarr "
        f"--manifest gram.json --protocol {protocol}".split()
    )
    cli.main(
        "neural --model m --dataset r --gram gram.zarr --gram-manifest gram.json --recording r.nc "
        "--recording-card r.json --ceilings r.csv --table stimuli.csv --output scores.csv".split()
        + list(more)
    )
    return pd.read_csv("scores.csv")


def same(rows: pd.DataFrame, result: dict) -> None:
    """Every entry of the arrays is that of the stages.

    The last digits may differ: products are shared with the inner splits, which arrays do not need.
    """
    assert result
    for metric, entries in result.items():
        for convention, entry in entries.items():
            own = f"{metric}_attainable" if convention == "attainable" else metric
            row = rows[(rows["metric"] == own) & (rows["convention"] == entry["convention"])].iloc[0]
            for name, value in entry.items():
                if name == "convention":
                    continue
                found = None if pd.isna(row[name]) else row[name]
                assert found == (value if value is None else pytest.approx(value, rel=1e-10, abs=1e-12)), (
                    metric,
                    convention,
                    name,
                )


@pytest.mark.parametrize("p", [12, 30, 200], ids=["primal", "few", "many"])
@pytest.mark.parametrize("repetitions", [1, 4])
def test_arrays_and_stages_give_the_same_numbers(p, repetitions, capsys):
    X, Y = population(p, repetitions)
    Y = Y if repetitions == 4 else Y.astype(np.float32)
    categories = [f"object{i % 4}" for i in range(N)]
    features(X, ids(N))
    table(ids(N))
    card(Y, object_name=categories)
    metrics = (
        names() if p == 30 else names("regression")
    )  # similarities know of features their Gram matrix only
    rows = score("--metrics", *metrics)
    for name, array in (("X", X), ("Y", Y), ("G", np.array(categories))):
        np.save(f"{name}.npy", array)
    capsys.readouterr()
    cli.main(
        [*"neural --features X.npy --responses Y.npy --stratify G.npy --json --metrics".split(), *metrics]
    )
    result = json.loads(capsys.readouterr().out)
    assert set(result) == set(metrics)
    corrected = {"r2/c", "r", "(r/c)2", "r/c", "attainable"}
    assert set(result["pls"]) == (corrected if repetitions > 1 else {"r"})
    same(rows, result)


@pytest.mark.parametrize("repetitions", [1, 4])
def test_arrays_and_stages_give_the_same_numbers_of_grids(repetitions, capsys):
    rng = np.random.default_rng(0)
    shown = rng.standard_normal((6, 20, 3, 3)).astype(np.float32)
    X = shown.transpose(0, 2, 3, 1).reshape(54, 20)
    signal = X @ rng.standard_normal((20, M))
    Y = signal[..., None] + rng.standard_normal((54, M, repetitions))
    Y[:, 1] = Y[:, 0] + 0.1  # sites that are alike
    features(shown, ids(6))
    table(ids(6))
    image = np.repeat(ids(6), 9)
    y, x = np.tile(np.repeat(range(3), 3), 6), np.tile(range(3), 18)
    pd.DataFrame({"image_id": image, "grid_y": y, "grid_x": x}).to_csv("ids.csv", index=False)
    card(Y, stimulus_ids="ids.csv")
    rows = score("--metrics", "pls", "ridge", "--inner-splits", "2", protocol="grid-3")
    for name, array in (("X", X), ("Y", Y), ("G", image)):
        np.save(f"{name}.npy", array)
    capsys.readouterr()
    cli.main("neural --features X.npy --responses Y.npy --leave-out G.npy --json --metrics pls ridge".split())
    result = json.loads(capsys.readouterr().out)
    assert next(iter(result["pls"])) == ("r2/c" if repetitions > 1 else "r")
    assert ("r/site_pairs" in result["pls"]) == (repetitions == 1)
    same(rows, result)


# --- names of sites ---


@pytest.mark.parametrize(
    "names", [None, ["1", "2", "3", "4", "5", "6"], ["007", "NA", "None", "1e3", "", "x,y"]]
)
def test_sites_without_names_or_called_by_numbers_are_scored(names):
    X, Y = population(30)
    features(X, ids(N))
    table(ids(N))
    if names is None:
        card(Y)
    else:
        names[4] = names[4] or "5.0"
        pd.DataFrame({"neuroid_id": names}).to_csv("n.csv", index=False)
        card(Y, neuroids="n.csv")
    rows = score()
    headline = rows[(rows["metric"] == "pls") & (rows["convention"] == "r2/c")].iloc[0]
    assert headline["status"] == "ok" and headline["n"] == M and headline["value"] > 0.3


def test_an_assembly_with_numbered_sites_and_no_time_bins_is_scored():
    X, Y = population(30)
    features(X, ids(N))
    table(ids(N))
    assembly.write_assembly(
        "a.nc",
        Y.transpose(0, 2, 1)[..., None],
        ids(N),
        ["x"] * N,
        list(range(1, M + 1)),
        ["V4"] * M,
        [""] * M,
        [(0, 1)],
    )
    import xarray as xr

    with xr.open_dataset("a.nc", engine="h5netcdf") as dataset:
        bare = dataset.isel(time_bin=0).drop_vars(["time_bin_start", "time_bin_end"]).load()
    bare.to_netcdf("b.nc", engine="h5netcdf")
    rows = score(path="b.nc", reader="assembly")
    assert set(rows["benchmark"]) == {"neural/r/V4/unstated/whole_image"}
    assert rows["value"].iloc[0] > 0.3 and rows["status"].iloc[0] == "ok"
    said = json.loads(Path("r.json").read_text())["time_bins"][0]
    assert said["start"] is None and said["window"] == ""


# --- copies ---


def test_pictures_under_two_ids_stay_on_one_side_and_are_counted():
    """Random features and responses, each picture shown under two ids: nothing is predicted."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((N // 2, 100)).astype(np.float32), rng.standard_normal((N // 2, M))
    X, Y = np.repeat(X, 2, axis=0), np.repeat(Y, 2, axis=0)
    features(X, ids(N))
    card(Y)
    table(ids(N), [f"{i // 2:064x}" for i in range(N)])
    rows = score()
    assert rows["status"].iloc[0] == "ok, 40 of 80 stimuli are copies of others, on one side of every split"
    assert rows["value"].iloc[0] < 0.4
    table(ids(N))  # as if no picture were like another
    leaky = score()
    assert leaky["value"].iloc[0] > 0.8 and leaky["status"].iloc[0] == "ok"


def test_rows_that_are_the_same_are_copies_for_arrays_too(capsys):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((N // 2, 100)), rng.standard_normal((N // 2, M))
    np.save("X.npy", np.repeat(X, 2, axis=0))
    np.save("Y.npy", np.repeat(Y, 2, axis=0))
    cli.main("neural --features X.npy --responses Y.npy --json".split())
    printed = capsys.readouterr()
    assert json.loads(printed.out)["pls"]["r"]["value"] < 0.4
    assert "X.npy: 40 of 80 stimuli are copies of others" in printed.err


def test_codes_of_categories_are_no_copies(capsys):
    rng = np.random.default_rng(0)
    category = np.arange(N) % 4
    np.save("X.npy", np.eye(4)[category])
    np.save("Y.npy", rng.standard_normal((4, M))[category] + rng.standard_normal((N, M)))
    cli.main("neural --features X.npy --responses Y.npy --json".split())
    printed = capsys.readouterr()
    assert json.loads(printed.out)["pls"]["r"]["value"] > 0.4 and "copies" not in printed.err


def test_every_stimulus_in_a_category_of_its_own_is_said():
    X, Y = population(30)
    features(X, ids(N))
    table(ids(N))
    card(Y, object_name=[f"object{i}" for i in range(N)])
    rows = score()
    assert rows["status"].iloc[0] == "ok, splits are not stratified, since every category has one stimulus"


# --- ids, terminal ---


def test_an_id_that_differs_in_its_suffix_is_shown_as_the_other_side_has_it(capsys):
    X, Y = population(30)
    features(X, [f"{name}.jpg" for name in ids(N)])
    table([f"{name}.jpg" for name in ids(N)])
    card(Y)
    with pytest.raises(SystemExit):
        score()
    expected = "r.nc: stimulus_id: 80 of 80 not in the stimulus set, first 'im000': there is 'im000.jpg'"
    assert expected in capsys.readouterr().err


def test_the_terminal_of_neural_holds_scores_only(capfd, recwarn):
    X, Y = population(30)
    np.save("X.npy", X)
    np.save("Y.npy", Y)
    cli.main(["neural", "--features", "X.npy", "--responses", "Y.npy"])
    printed = capfd.readouterr()
    assert printed.out.startswith("pls ") and not recwarn.list
    assert [line for line in printed.err.splitlines() if not line.startswith("visalign")] == []


def test_neither_many_features_nor_few_stimuli_put_warnings_on_the_terminal(capfd, recwarn):
    rng = np.random.default_rng(0)
    for n, p, metrics in ((50, 100_000, ["pls"]), (50, 50, names())):
        np.save("X.npy", rng.standard_normal((n, p)).astype(np.float32))
        np.save("Y.npy", rng.standard_normal((n, 4)))
        cli.main(["neural", "--features", "X.npy", "--responses", "Y.npy", "--metrics", *metrics])
        error = capfd.readouterr().err
        assert [str(warning.message) for warning in recwarn.list] == []
        lines = [line for line in error.splitlines() if not line.startswith("visalign")]
        assert all(re.fullmatch(r"features: \d+ components instead of 25: no more in it", x) for x in lines)


def test_categories_of_one_stimulus_each_are_said_for_arrays_too(capsys):
    X, Y = population(30)
    for name, array in (("X", X), ("Y", Y), ("G", np.arange(N))):
        np.save(f"{name}.npy", array)
    cli.main("neural --features X.npy --responses Y.npy --stratify G.npy".split())
    assert "G.npy: splits are not stratified: every category has one stimulus" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("Y", np.zeros((N, M)).astype(object), "not a plain .npy array: an array of Python objects"),
        ("Y", np.full((N, M), np.inf), "480 values are not finite, the first at (0, 0)"),
        ("X", np.zeros((N, 3), dtype=complex), "type complex128"),
        ("X", np.zeros((N, 0)), "shape (80, 0)"),
        ("G", np.full(N, np.nan), "nan of stimulus 0"),
        ("G", np.array(["a"] * N, dtype=object), "an array of Python objects"),
        ("G", np.array(["a"] * (N - 1) + [""]), "stimulus 79 has no category"),
        ("G", np.zeros((N, 2)), "expected one value for each of 80"),
        ("G", np.zeros(N - 1), "expected one value for each of 80"),
        ("G", np.zeros(N, dtype=complex), "type complex128"),
    ],
)
def test_arrays_that_cannot_be_scored_are_named(name, array, reason, capsys):
    X, Y = population(30)
    for file, values in {"X": X, "Y": Y, "G": np.arange(N) % 4, name: array}.items():
        np.save(f"{file}.npy", values)
    with pytest.raises(SystemExit):
        cli.main("neural --features X.npy --responses Y.npy --stratify G.npy".split())
    error = capsys.readouterr().err
    assert f"error: {name}.npy: " in error and reason in error and error.count("\n") == 1


def test_groups_of_bytes_are_words():
    np.save("G.npy", np.array([b"a", b"b"]))
    assert arrays.read_groups("G.npy", 2).tolist() == [b"a", b"b"]


def test_a_file_of_arrays_that_is_not_there_is_named(capsys):
    with pytest.raises(SystemExit):
        cli.main("neural --features absent.npy --responses absent.npy".split())
    assert "absent.npy: no such file" in capsys.readouterr().err
