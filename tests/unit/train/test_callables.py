"""Claims about training a network of a callable: its weights are learnt, kept, and read by every stage."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from visalign import cli
from visalign.io import stores
from visalign.io.files import read_json
from visalign.stimuli.scenes import SHAPES
from visalign.stimuli.tables import labels, read
from visalign.zoo import network

CODE = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
        )
        self.head = nn.Linear(16, 6)

    def forward(self, x):
        return self.head(self.features(x).amax((2, 3)))
"""
CONFIG = (
    '{"input_size": [3, 64, 64], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "crop_pct": 1, '
    '"crop_mode": "squash", "interpolation": "bilinear"}'
)


def run(**options: object) -> None:
    """Run a command; `command` has its words, an option of several words hyphens in their place."""
    words = str(options.pop("command")).split()
    given = (str(word) for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value))
    cli.main([*words, *given])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Folder with 48 scenes, a network of a callable, and the same trained on them with their maps."""
    folder = tmp_path_factory.mktemp("callable")
    (folder / "nets.py").write_text(CODE)
    images = {"images": folder / "scenes", "table": folder / "scenes.csv"}
    run(command="stimuli", name="scenes", source="scenes", count=48, seed=0, **images)
    masks = {"reader": "masks", "path": folder / "scenes.csv", "ceiling": 1}
    run(command="maps read", name="s", **masks, output=folder / "maps.npz", maps_card=folder / "maps.json")
    row = {"architecture": f"{folder / 'nets.py'}:Net", "weights": "random", "source": 3}
    base = {"output": folder / "base.safetensors", "card": folder / "base.json"}
    run(command="models weights", model="net", **row, data_config=CONFIG, **base)
    run(
        command="train fit", model="net+harmonized", card=base["card"], weights=base["output"],
        label_space="scenes-8", mapped=folder / "scenes.csv", maps=folder / "maps.npz", share=1,
        supervision="harmonizer", weight=1, steps=150, batch_size=16, optimiser="adamw", learning_rate=0.01,
        schedule="cosine", smallest_crop=1, workers=1, checkpoint_every=150, evaluate_every=50,
        output=folder / "m.safetensors", trained_card=folder / "m.json",
        metrics=folder / "metrics.csv",
    )  # fmt: skip
    return folder


def test_a_callable_learns_and_its_card_still_names_it(trained):
    card = read_json(trained / "m.json")
    assert card["architecture"] == f"{trained / 'nets.py'}:Net" and card["label_space"] == "scenes-8"
    with (trained / "metrics.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert rows[-1]["cross_entropy"] < 0.8 * rows[0]["cross_entropy"] and rows[-1]["harmonizer"] > 0
    model = network.load(card, trained / "m.safetensors")
    before = network.load(read_json(trained / "base.json"), trained / "base.safetensors")
    assert model.head.out_features == len(SHAPES) and before.head.out_features == 6
    weight, drawn = model.features[3].weight, before.features[3].weight
    assert not torch.equal(weight, drawn) and weight.isfinite().all()


def test_stages_read_the_trained_callable(trained):
    pixels = {"output": trained / "p.zarr", "manifest": trained / "p.json"}
    run(command="preprocess", table=trained / "scenes.csv", transform="64x64-squash-1-bilinear", **pixels)
    model = {"card": trained / "m.json", "weights": trained / "m.safetensors"}
    seen = {"pixels": trained / "p.zarr", "pixels_manifest": trained / "p.json"}
    store = {"output": trained / "f.zarr", "manifest": trained / "f.json"}
    run(command="features", **model, **seen, layers="features.2,features.4", **store)
    logits = stores.values(stores.open_store(trained / "f.zarr"), "logits")
    table = read(trained / "scenes.csv")
    right = logits.argmax(1) == labels(table, len(SHAPES), trained / "scenes.csv")
    assert logits.shape == (48, len(SHAPES)) and right.mean() > 3 / len(SHAPES)
    images = torch.from_numpy(stores.values(stores.open_store(trained / "p.zarr"), "pixels")).float() / 255
    card = read_json(trained / "m.json")
    expected = network.Normalised(network.load(card, model["weights"]), card["data_config"])(images)
    np.testing.assert_allclose(logits, expected.detach(), rtol=1e-4, atol=1e-4)
    saliency = {"output": trained / "s.zarr", "manifest": trained / "s.json"}
    run(command="saliency", **model, **seen, table=trained / "scenes.csv", **saliency)
    gradient = stores.values(stores.open_store(trained / "s.zarr"), "max_abs_gradient")
    assert gradient.shape == (48, 64, 64) and (gradient.reshape(48, -1).max(axis=1) > 0).all()
