"""Claims about what stage neural says of a window: responses, ceilings and draws are its own."""

from __future__ import annotations

import json
from pathlib import Path

import golden
import numpy as np
import pandas as pd
import pytest
import yaml
from at_once import Now

from visalign import cli, comparisons
from visalign.comparisons import chosen
from visalign.io import stores
from visalign.io.scores import Score
from visalign.neural import rows as neural_rows
from visalign.recordings import ceilings
from visalign.stats.cross_validation import nested_splits

N, M = 100, 12


def population(repetitions: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Features, and responses (N, repetitions, M) of which the last third of the neuroids is noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 5))
    signal = X @ rng.standard_normal((5, M)) / np.sqrt(5)
    signal[:, -M // 3 :] = 0
    return X, signal[:, None] + 1.5 * rng.standard_normal((N, repetitions, M))


def window(repeated: np.ndarray, reliable: np.ndarray | None = None) -> neural_rows.TimeBin:
    return neural_rows.time_bin(
        repeated,
        nested_splits(N, None, 4, 0.8, 1, 1),
        None,
        np.arange(N),
        n_splits=4,
        ceiling_seed=1,
        neuroids=np.array([f"n{i}" for i in range(repeated.shape[2])]),
        reliable=np.ones(repeated.shape[2], bool) if reliable is None else reliable,
        seed=0,
    )


def scored(X: np.ndarray, data: neural_rows.TimeBin, layer: str = "x", metric: str = "ridge"):
    setting = neural_rows.Setting(client=Now(), reads={layer: lambda: {"X": X}}, data=data)
    way = chosen(metric, components=5, penalties=8)
    return neural_rows.score(setting, way, np.random.default_rng(0))


def only(result: neural_rows.Result, metric: str, convention: str = "r2/c") -> Score:
    [found] = [each for each in result.scores if (each.metric, each.convention) == (metric, convention)]
    return found


def test_what_is_scored_is_the_mean_over_the_repetitions_that_were_recorded():
    _, repeated = population()
    repeated[::3, 4:] = np.nan
    np.testing.assert_allclose(window(repeated).responses.Y, np.nanmean(repeated, axis=1), atol=1e-12)


def test_reliable_neuroids_are_divided_by_their_own_ceiling():
    """A third of noise halves the median ceiling at most, but shows in the value of the reliable ones."""
    X, repeated = population()
    reliable = np.arange(M) < M - M // 3
    data = window(repeated, reliable)
    result = scored(X, data)
    own = result.neuroids[result.neuroids["neuroid_id"].isin(data.neuroids[reliable])]
    r = own.groupby("split")["r"].median().mean()
    c = ceilings.split_half_ceiling(repeated[:, :, reliable], 4, 1).value
    assert c > data.ceiling.value + 0.02
    found = only(result, "ridge_reliable")
    assert found.value == pytest.approx(r * abs(r) / c, abs=1e-12)
    assert found.n == reliable.sum() and found.ci_low < found.value < found.ci_high


def test_the_attainable_score_is_on_the_scale_of_the_headline():
    """A layer that is the signal scores what it attains, r2/c of both: .1 is two sd of one draw of noise."""
    X, repeated = population()
    repeated = repeated[:, :4, : -M // 3]
    result = scored(X, window(repeated))
    found = only(result, "ridge_attainable")
    assert window(repeated).ceiling.value < 0.8
    assert found.convention == "r2/c"
    assert found.value == pytest.approx(only(result, "ridge").value, abs=0.1)
    assert 0.8 < found.value <= 1.05


def test_draws_are_the_same_for_every_model():
    X, repeated = population()
    one, other = (scored(X, window(repeated), name).draws["value"] for name in ("layer4.1", "blocks.11"))
    np.testing.assert_array_equal(one, other)


def test_every_window_is_scored_on_its_own_responses_and_ceiling(tmp_path, monkeypatch):
    """Stages recordings, gram and neural on two windows, one of which has a tenth of the signal."""
    monkeypatch.chdir(tmp_path)
    X, strong = population()
    strong = strong[:, :, : -M // 3]
    weak = 0.3 * strong + 1.5 * np.random.default_rng(1).standard_normal(strong.shape)
    ids = [f"im{i:03d}" for i in range(N)]
    group = stores.open_partial("features.zarr", {"x": 1})
    stores.write_strings(group, "stimulus_id", ids, "stimulus")
    stores.create_array(group, "x", X.shape, X.dtype, ("stimulus", "x_feature"), rows=N)[:] = X
    group.attrs["layers"] = ["x"]
    stores.publish("features.zarr", "features.json", stores.provenance())
    np.save("responses.npy", np.stack([weak, strong], axis=-1).transpose(0, 2, 1, 3))
    fields = {"responses": "responses.npy", "stimulus_ids": ids, "time_bins": [[50, 90], [90, 130]]}
    Path("card.yaml").write_text(yaml.safe_dump(fields))
    cli.main(
        "recordings --name r --path card.yaml --reader arrays --output r.nc --ceilings r.csv "
        "--recording-card r.json".split()
    )
    cli.main(
        "gram --features features.zarr --features-manifest features.json --output gram.zarr "
        "--manifest gram.json --protocol whole_image".split()
    )
    cli.main(
        "neural --model m --dataset r --gram gram.zarr --gram-manifest gram.json --recording r.nc "
        "--recording-card r.json --ceilings r.csv --splits 4 --inner-splits 1 --components 5 "
        "--output s.csv".split()
    )
    rows, card = pd.read_csv("s.csv"), json.loads(Path("r.json").read_text())
    own = [described["ceiling"]["value"] for described in card["time_bins"]]
    assert own[0] < 0.6 < 0.7 < own[1] and own[0] + 0.1 < card["ceiling"]["value"]
    for name, repeated, c in zip(("50-90", "90-130"), (weak, strong), own, strict=True):
        headline = rows[(rows["metric"] == "pls") & rows["benchmark"].str.contains(f"/{name}/")]
        value = headline.set_index("convention")["value"]
        assert c == pytest.approx(ceilings.split_half_ceiling(repeated, 10, 1).value, abs=1e-6)
        assert value["r2/c"] == pytest.approx(value["r"] ** 2 / c, abs=1e-6)
        assert value["r2/c"] == pytest.approx(1, abs=0.2) and value["r"] == pytest.approx(np.sqrt(c), abs=0.1)


def test_results_of_neural_are_those_of_its_version(tmp_path, capsys):
    X, repeated = population()
    for name, values in {"X": X, "Y": repeated.transpose(0, 2, 1), "G": np.arange(N) // 25}.items():
        np.save(tmp_path / f"{name}.npy", values)
    found = {}
    for way in (["--splits", "3"], ["--leave-out", f"{tmp_path}/G.npy"]):
        metrics = comparisons.names() if "--splits" in way else comparisons.names("regression")
        arguments = ["--features", f"{tmp_path}/X.npy", "--responses", f"{tmp_path}/Y.npy", "--json"]
        cli.main(["neural", *arguments, *way, "--train-size", "0.8", "--metrics", *metrics])
        found[way[0]] = json.loads(capsys.readouterr().out)
    golden.check("neural", "neural", found)
