"""Claims about measuring a trained model image by image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from visalign import cli
from visalign.io import stores
from visalign.maps import processing
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.train import harmonizer
from visalign.zoo import network

TRANSFORM = Transform(64, 64, "squash", 1.0, "bilinear")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """Twelve scenes with object masks as maps, the last of them constant, and their pixels at 64."""
    folder = tmp_path_factory.mktemp("scenes")
    common = ["--name", "s", "--count", "12", "--images", str(folder / "s"), "--table", str(folder / "s.csv")]
    cli.main(["stimuli", "--source", "scenes", *common])
    files = ["--path", str(folder / "s.csv"), "--output", str(folder / "s.npz")]
    files += ["--maps-card", str(folder / "s.json")]
    cli.main(["maps", "read", "--name", "s", "--reader", "masks", "--ceiling", "1", *files])
    with np.load(folder / "s.npz") as archive:
        content = dict(archive)
    content["map"][-1] = 0
    np.savez(folder / "s.npz", **content)
    cli.main(["preprocess", "--table", str(folder / "s.csv"), "--transform", TRANSFORM.key,
              "--output", str(folder / "p.zarr"), "--manifest", str(folder / "p.json")])  # fmt: skip
    return folder


def test_masks_are_the_maps_of_people_who_look_at_the_object(scenes):
    table = tables.read(scenes / "s.csv")
    from PIL import Image

    masks = np.stack([np.asarray(Image.open(mask), np.float32) for mask in table["mask"]])
    with np.load(scenes / "s.npz") as archive:
        np.testing.assert_array_equal(archive["map"][:-1], processing.process(masks)[:-1])
    assert json.loads((scenes / "s.json").read_text())["ceiling"]["value"] == 1


def test_a_table_without_masks_is_refused(tmp_path, capsys):
    stimuli = ["--name", "p", "--source", "photographs", "--images", str(tmp_path / "p")]
    cli.main(["stimuli", *stimuli, "--table", str(tmp_path / "p.csv")])
    with pytest.raises(SystemExit):
        cli.main(["maps", "read", "--name", "p", "--reader", "masks", "--path", str(tmp_path / "p.csv"),
                  "--output", str(tmp_path / "p.npz"), "--maps-card", str(tmp_path / "p.json")])  # fmt: skip
    assert "mask: 'imagenet_00_" in capsys.readouterr().err


def test_each_measure_is_that_of_the_image_alone(scenes, tiny_model, tmp_path):
    """Against SciPy's Spearman, the harmonizer loss of a batch of one, and the largest logit."""
    files = tiny_model()
    cli.main(["train", "evaluate", *files.arguments(), "--table", str(scenes / "s.csv"),
              "--pixels", str(scenes / "p.zarr"), "--maps", str(scenes / "s.npz"),
              "--transform", TRANSFORM.key, "--output", str(tmp_path / "m.csv")])  # fmt: skip
    measured = pd.read_csv(tmp_path / "m.csv")
    table = tables.read(scenes / "s.csv")
    assert measured["stimulus_id"].tolist() == table["stimulus_id"].tolist()
    assert measured[["alignment", "harmonizer_loss"]].isna().all(axis=1).tolist() == [False] * 11 + [True]
    model = network.Normalised(network.load(files.facts, files.weights), files.facts["data_config"])
    pixels = torch.from_numpy(stores.values(stores.open_store(scenes / "p.zarr"), "pixels")) / 255
    labels = torch.tensor(table["label"].to_numpy(np.int64))
    with torch.no_grad():
        np.testing.assert_array_equal(measured["accuracy"], (model(pixels).argmax(1) == labels).float())
    with np.load(scenes / "s.npz") as archive:
        human = processing.resize_bilinear(archive["map"], (64, 64))
    for i in range(11):
        gradient = network.gradient(model, pixels[i : i + 1], labels[i : i + 1])
        rho = spearmanr(gradient.abs().amax(1).ravel(), human[i].ravel()).statistic
        one = torch.from_numpy(human[i : i + 1])
        loss = harmonizer.harmonization_loss(gradient.mean(1), one, torch.tensor([True]))
        # Batches of other sizes sum in another order.
        assert measured["alignment"][i] == pytest.approx(rho, abs=1e-4)
        assert measured["harmonizer_loss"][i] == pytest.approx(float(loss), rel=1e-3)
