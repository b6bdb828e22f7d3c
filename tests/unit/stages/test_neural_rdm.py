"""Claims about dissimilarity matrices from file to score, by the stages; and about the 92 images and IT."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from visalign import cli
from visalign.comparisons import names
from visalign.errors import InputError
from visalign.io import stores
from visalign.io.scores import read_scores
from visalign.measures import METRICS
from visalign.recordings import lists, rdm_card
from visalign.stimuli.source import Listed
from visalign.study import files

N = 24
METHODS = "--metrics pls ridge cka rsa"
FILE = (
    Path(__file__).resolve().parents[4]
    / "shared/real/kriegeskorte92/Kriegeskorte_Neuron2008_supplementalData.mat"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ids() -> list[str]:
    """Of the stimulus set, not in the order of their names."""
    return [f"im{i:02d}" for i in np.random.default_rng(1).permutation(N)]


def features(X: np.ndarray, stimuli: list[str]) -> None:
    """A feature store of one layer, and its Gram matrix."""
    group = stores.open_partial("features.zarr", {"x": 1})
    stores.write_strings(group, "stimulus_id", stimuli, "stimulus")
    stores.create_array(group, "x", X.shape, X.dtype, ("stimulus", "x_feature"), rows=16)[:] = X
    group.attrs["layers"] = ["x"]
    stores.publish("features.zarr", "features.json", stores.provenance())
    cli.main(
        "gram --features features.zarr --features-manifest features.json --output gram.zarr "
        "--manifest gram.json --protocol whole_image".split()
    )


def population(subjects: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, and dissimilarities (subjects, pairs) in the order of the stimulus set; both are there."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 40))
    responses = [X + 2 * rng.standard_normal(X.shape) for _ in range(subjects)]
    pairs = np.array([pdist(Y, "correlation") for Y in responses])
    sha256 = [f"{i:064x}" for i in range(N)]
    pd.DataFrame({"stimulus_id": ids(), "path": ids(), "sha256": sha256}).to_csv("stimuli.csv", index=False)
    np.save("rdm.npy", pairs if subjects > 1 else pairs[0])
    features(X, ids())
    return X, pairs


def card_of(*more: str, path: str = "rdm.npy", region: str = "IT", table: str = "stimuli.csv") -> dict:
    cli.main(
        f"recordings --name r --path {path} --reader rdm --region {region} --table {table} "
        "--output r.nc --ceilings r.csv --recording-card r.json".split()
        + list(more)
    )
    return json.loads(Path("r.json").read_text())


def rows_of(*more: str, table: str = "stimuli.csv") -> pd.DataFrame:
    cli.main(
        "neural --model m --dataset r --gram gram.zarr --gram-manifest gram.json --recording r.nc "
        f"--recording-card r.json --ceilings r.csv --table {table} --output scores.csv --draws d.parquet "
        f"--neuroids n.parquet {METHODS}".split()
        + list(more)
    )
    return read_scores("scores.csv")


@pytest.mark.parametrize("subjects", [1, 3])
def test_matrices_in_the_order_of_the_stimulus_set_are_scored_by_all_comparisons(subjects):
    X, pairs = population(subjects)
    card = card_of()
    rows = rows_of("--layer-selection", "published")
    assert set(rows["benchmark"]) == {"neural/r/IT/unstated/whole_image"}
    assert set(rows["metric"]) <= set(METRICS)
    headline = rows.drop_duplicates("metric").set_index("metric")
    expected = np.mean([stats.spearmanr(pdist(X, "correlation"), own).statistic for own in pairs])
    assert headline.loc["rsa", "value"] == pytest.approx(expected, abs=1e-6)  # of products in float32
    assert headline.loc["cka", "value"] > 0.1 and headline.loc["cka", "status"].startswith("ok, ")
    for metric in names("regression"):
        assert (rows["metric"] == metric).sum() == 1 and not (rows["metric"] == f"{metric}_layer").any()
        assert np.isnan(headline.loc[metric, "value"])
        assert (
            headline.loc[metric, "status"] == "a dissimilarity matrix has no neuroids that could be predicted"
        )
    ceiling = card["subject_ceiling"]["value"]
    assert headline.loc["rsa", "ceiling"] == pytest.approx(ceiling) if ceiling else subjects == 1
    assert set(pd.read_parquet("d.parquet")["metric"]) == {"rsa", "cka"}
    assert pd.read_parquet("n.parquet").empty


def test_the_card_says_what_there_is_and_what_there_is_not():
    _, pairs = population(3)
    card = card_of("--subject", "a,b,c")
    assert (card["n_stimuli"], card["n_neuroids"], card["n_time_bins"]) == (N, 0, 1)
    assert card["subjects"] == {"a": 0, "b": 0, "c": 0} and card["regions"] == {"IT": 0}
    assert card["ceiling"]["value"] is None and card["ceiling"]["status"] == rdm_card.NO_RELIABILITY
    bounds = card["subject_ceiling"]
    assert 0 < bounds["value"] < bounds["upper"] < 1 and "Nili" in bounds["method"]
    described = card["dissimilarities"]["b"]
    assert described["min"] == pytest.approx(pairs[1].min())
    values = np.linalg.eigvalsh(1 - squareform(pairs[1]))
    assert described["least_eigenvalue"] == pytest.approx(values[0] / values[-1])
    assert card["time_bins"][0]["subject_ceiling"] == bounds
    assert pd.read_csv("r.csv").empty
    population(1)
    alone = card_of()["subject_ceiling"]
    assert (alone["value"], alone["upper"], alone["status"]) == (None, None, rdm_card.ONE_SUBJECT)


def test_ids_may_be_in_an_order_of_their_own():
    """The matrix in another order, and a table that says so, is the same recording."""
    _, pairs = population(1)
    first = card_of()["content_sha256"]
    order = np.random.default_rng(5).permutation(N)
    np.save("rdm.npy", squareform(pairs[0])[np.ix_(order, order)])
    pd.DataFrame({"stimulus_id": np.array(ids())[order]}).to_csv("order.csv", index=False)
    assert card_of("--order", "order.csv")["content_sha256"] == first
    assert card_of()["content_sha256"] != first


def test_another_number_of_stimuli_is_an_error_of_check_and_of_the_stage(refused):
    population(1)
    row = {"recording": "r", "reader": "rdm", "path": "rdm.npy", "stimuli": "s", "region": "IT"}
    listed = lists.listed_stimuli(row)
    assert listed.in_order and len(listed.stimulus_ids) == N and listed.n_neuroids == 0
    shown = files.Stimuli(Listed(ids()[1:], None, None, []), {})
    with pytest.raises(InputError, match=r"rdm\.npy: 24 stimuli, but the stimulus set s has 23 images"):
        files.recording(row, shown)
    pd.DataFrame({"stimulus_id": ids()}).to_csv("order.csv", index=False)
    row |= {"order": "order.csv"}
    assert lists.listed_stimuli(row).stimulus_ids == ids()
    with pytest.raises(InputError, match=r"rdm\.npy: stimulus_id: 1 of 24 not in the stimulus set s"):
        files.recording(row, shown)
    np.save("rdm.npy", np.random.default_rng(0).uniform(size=10))
    command = "recordings --name r --path rdm.npy --reader rdm --region IT --table stimuli.csv"
    outputs = "--output r.nc --ceilings r.csv --recording-card r.json"
    [line] = refused(*command.split(), *outputs.split())
    assert "rdm.npy: 5 stimuli, but 24 stimulus ids" in line


# --- the 92 images ---


@pytest.mark.skipif(
    not FILE.is_file(), reason=f"the 92 images and IT are not at {FILE} (they are not part of the project)"
)
def test_monkey_and_human_it_on_the_92_images():
    """Images and matrices are of one file; coarse grey images are the features."""
    cli.main(
        f"stimuli --name s --source matlab --path {FILE} --variable stimuli_92objs.image --images images "
        "--table images.csv".split()
    )
    table = pd.read_csv("images.csv")
    pixels = [np.asarray(Image.open(path).convert("L").resize((16, 16))) for path in table["path"]]
    X = np.array(pixels, dtype=np.float64).reshape(92, -1)
    features(X, table["stimulus_id"].tolist())
    found = {}
    for name, variable in {
        "monkey": "RDMs_mIT_hIT_fig1(1).RDM",
        "human": "RDMs_mIT_hIT_fig1(2).RDM",
        "both": "RDMs_mIT_hIT_fig1.RDM",
    }.items():
        card = card_of("--variable", variable, path=str(FILE), table="images.csv")
        rows = rows_of(table="images.csv").drop_duplicates("metric").set_index("metric")
        found[name] = rows.loc["rsa", "value"]
        assert rows.loc["cka", "status"].startswith("ok, ")
        assert rows.loc["rsa", "ci_low"] < found[name] < rows.loc["rsa", "ci_high"]
    # Of two subjects, the others of each are the other one.
    assert card["subject_ceiling"]["value"] == pytest.approx(0.439, abs=5e-4)
    assert rows.loc["rsa", "ceiling"] == pytest.approx(0.439, abs=5e-4)
    assert found["both"] == pytest.approx((found["monkey"] + found["human"]) / 2, abs=1e-9)
    assert 0.05 < found["monkey"] < 0.439
