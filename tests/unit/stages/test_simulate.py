"""Claims about the stage simulate: golden values of what each command writes."""

from __future__ import annotations

import json

import digests
import golden
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from visalign import cli
from visalign.io import stores
from visalign.maps import clicks as click_logs


@pytest.fixture
def teacher(tmp_path, monkeypatch):
    """Features and saliency of eight images of noise, and their table."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    ids = [f"s{i}" for i in range(8)]
    for name in ("fit", "shown"):
        group = stores.open_partial(f"{name}.zarr", {})
        dims = ("stimulus", "x_channel", "x_y", "x_x")
        array = stores.create_array(group, "x", (8, 6, 6, 6), np.float32, dims, rows=4)
        array[:] = rng.standard_normal((8, 6, 6, 6))
        stores.write_strings(group, "stimulus_id", ids, "stimulus")
        group.attrs["layers"], group.attrs["token_grid"] = ["x"], None
        stores.publish(f"{name}.zarr", f"{name}.json", {})
    group = stores.open_partial("saliency.zarr", {})
    array = stores.create_array(
        group, "max_abs_gradient", (8, 56, 56), np.float32, ("stimulus", "y", "x"), rows=4
    )
    array[:] = rng.random((8, 56, 56)) ** 4
    stores.write_strings(group, "stimulus_id", ids, "stimulus")
    stores.publish("saliency.zarr", "saliency.json", {})
    from PIL import Image

    for name in ids:
        pixels = rng.integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"{name}.png")
    pd.DataFrame(
        {
            "stimulus_id": ids,
            "path": [f"{name}.png" for name in ids],
            "sha256": [f"{i:064x}" for i in range(8)],
            "label": range(8),
            "category": ["car", "face"] * 4,
            "height": 64,
            "width": 64,
        }
    ).to_csv("t.csv", index=False)


def simulate(what: str, output: str, *more: str) -> dict:
    """Run a command; returns the truth that it writes."""
    cli.main(["simulate", what, "--table", "t.csv", "--output", output, "--truth", "truth.json", *more])
    with open("truth.json") as file:
        return json.load(file)


SITES = (
    *("--features", "shown.zarr", "--fit-features", "fit.zarr", "--layer", "x", "--neuroids", "5"),
    *("--dimensions", "3", "--repetitions", "2"),
)


def test_results_of_answers_are_those_of_its_version(tmp_path):
    from visalign.stimuli import drawn_tasks
    from visalign.visual_tasks import perspective

    list(drawn_tasks.write(((f"p{i}", perspective.draw(3, i, 64)) for i in range(12)), tmp_path))
    files = {
        "trials": "trials.csv",
        "geometry": "geometry.json",
        "output": "answers.csv",
        "truth": "truth.json",
    }
    files = {name: str(tmp_path / file) for name, file in files.items()}
    options = [word for name, file in files.items() for word in (f"--{name}", file)]
    cli.main(["simulate", "answers", *options, "--tasks", "depth,vpt-basic"])
    answers = pd.read_csv(files["output"])
    right = (answers["response"] == answers["label"]).groupby(np.arange(len(answers)) // 12).sum()
    with open(files["truth"]) as file:
        golden.check("simulate", "answers", {"truth": json.load(file), "right": right.tolist()})


def test_results_of_recordings_are_those_of_its_version(teacher):
    truth = simulate("recordings", "r.nc", *SITES, "--windows", '{"50-90": 0.2, "90-130": 0.4}')
    with xr.open_dataset("r.nc", engine="h5netcdf") as dataset:
        found = dataset["simulated"].load()
    # Components have no sign of their own.
    golden.check("simulate", "recordings", {"truth": truth, "shape": found.shape, "sd": found.values.std()})


def test_results_of_grid_are_those_of_its_version(teacher):
    truth = simulate("grid", "m.yaml", *SITES, "--grid", "3", "--count", "6")
    responses, stimuli = np.load("m_responses.npy"), pd.read_csv("m_stimuli.csv")
    kept = {"shape": responses.shape, "sd": responses.std(), "last": stimuli.iloc[-1].tolist()}
    golden.check("simulate", "grid", {"truth": truth} | kept)


def test_results_of_clicks_are_those_of_its_version(teacher):
    arguments = ["--saliency", "saliency.zarr", "--transform", "56x56-center-0.875-bicubic"]
    arguments += ["--shards", "c.tfrecords", "--participants", "6", "--clicks", "8"]
    truth = simulate("clicks", "c.npz", *arguments)
    maps = click_logs.maps_from_log("c.npz")
    golden.check("simulate", "clicks", {"truth": truth, "maps": digests.of_array(np.stack([*maps.values()]))})
