"""Claims about rows of the model sheet that name a callable: every stage runs the network as it is."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from visalign import cli
from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import read_json
from visalign.zoo import callables, checks, network, origins, structure
from visalign.zoo import facts as model_facts
from visalign.zoo import layers as layers_of
from visalign.zoo.weights import files_of, weights_id

CONFIG = {
    "input_size": [3, 64, 64], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3], "crop_pct": 0.9,
    "crop_mode": "center", "interpolation": "bilinear",
}  # fmt: skip
#: Cells of a row that say the same.
CELLS = {
    "input_size": 64, "mean": "0.5,0.4,0.3", "std": "0.2, 0.25, 0.3", "crop_pct": 0.9,
    "interpolation": "bilinear",
}  # fmt: skip
CODE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        )
        self.head = nn.Linear(16, 6)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def trained():
    network = Net()
    nn.init.constant_(network.head.weight, 0.25)
    return network


def deep():
    network = Net()
    return nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 6, 1))


def lost():
    return torch.load("/absent/weights.pth")


class Hidden(Net):
    def __init__(self):
        super().__init__()
        self.hidden = [torch.rand(())]

    def forward(self, x):
        return super().forward(x) + self.hidden[0]


class Turned(Net):
    def __init__(self):
        super().__init__()
        self.turn = nn.Identity()

    def forward(self, x):
        y = self.turn(self.features[:3](x).transpose(0, 1).repeat(2, 1, 1, 1))
        y = y[:4].transpose(0, 1)
        return self.head(self.features[3:](y).mean((2, 3)))
"""
LAYERS = ["features.2", "features.5", "features.7"]


@pytest.fixture(scope="module")
def code(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("code") / "nets.py"
    file.write_text(CODE)
    return file


def words(folder: Path, architecture: str, weights: str, source: str = "") -> list[str]:
    row = ["--model", "m", "--architecture", architecture, "--weights", weights, "--data-config"]
    files = ["--output", str(folder / "m.safetensors"), "--card", str(folder / "m.json")]
    return ["models", "weights", *row, json.dumps(CONFIG), *(["--source", source] if source else []), *files]


def made(folder: Path, architecture: str, weights: str, source: str = "") -> tuple[dict, torch.nn.Module]:
    """Card and network of a row, by the stage."""
    cli.main(words(folder, architecture, weights, source))
    card = read_json(folder / "m.json")
    return card, network.load(card, folder / "m.safetensors")


@pytest.fixture(scope="module")
def drawn(code, tmp_path_factory) -> tuple[Path, dict, torch.nn.Module]:
    """A folder with the card and the weights of an untrained network, and what its code makes by itself."""
    folder = tmp_path_factory.mktemp("drawn")
    card, _ = made(folder, f"{code}:Net", "random", "5")
    return folder, card, callables.make(f"{code}:Net", 5)


def question(architecture: str, weights: str, **cells: object) -> dict:
    row = {"model": "m", "architecture": architecture, "weights": weights, "layers": "auto"} | CELLS | cells
    return model_facts.question("m", {"m": row})


def problem(architecture: str, weights: str, **cells: object) -> str | None:
    return checks.facts_of([question(architecture, weights, **cells)])[0]["problem"]


def test_a_row_says_what_its_network_takes(code):
    asked = question(f"{code}:Net", "random", source="1")
    [facts] = checks.facts_of([asked])
    assert facts["problem"] is None and facts["num_classes"] == 6 and facts["data_config"] == CONFIG
    one = question(f"{code}:Net", "random", source="1", std="0.2")
    assert checks.facts_of([one])[0]["data_config"]["std"] == [0.2, 0.2, 0.2]


def test_a_row_that_does_not_say_it_names_what_is_missing(code):
    row = {"model": "m", "architecture": f"{code}:Net", "weights": "random", "source": "1", "std": "1"}
    [facts] = checks.facts_of([model_facts.question("m", {"m": row | {"layers": "auto"}})])
    assert "fill input_size, mean, crop_pct, interpolation (" in facts["problem"]


def test_a_trained_model_has_the_input_of_its_base_or_its_own(code):
    rows = {
        "base": {"architecture": f"{code}:Net", "weights": "random", "source": "1", "layers": "auto"} | CELLS,
        "a": {"architecture": f"{code}:Net", "weights": "train", "source": "base", "layers": "auto"},
        "b": {"architecture": f"{code}:Net", "weights": "train", "source": "a", "input_size": 32},
        "c": {"architecture": f"{code}:Net", "weights": "train", "source": "b"},
    }
    sizes = [model_facts.question(name, rows)["input_size"] for name in rows]
    assert sizes == [64, 64, 32, 32]


@pytest.mark.parametrize("column", ["mean", "std"])
def test_mean_and_std_of_a_row_replace_those_of_timm(column):
    timms = CONFIG | {"mean": [0.0] * 3, "std": [1.0] * 3}
    expected = timms | {column: CONFIG[column]}
    assert model_facts.override(timms, {column: CELLS[column]}) == expected


def test_features_are_those_of_the_network_itself(drawn, tmp_path, write_pixels, noise_images):
    folder, card, own = drawn
    pixels = write_pixels(tmp_path, noise_images)
    model = ["--card", str(folder / "m.json"), "--weights", str(folder / "m.safetensors")]
    output = ["--output", str(tmp_path / "f.zarr"), "--manifest", str(tmp_path / "f.json")]
    cli.main(["features", *model, *pixels, *output, "--dtype", "float32", "--batch-size", "4"])
    store = stores.open_store(tmp_path / "f.zarr")
    assert stores.attribute(store, "layers") == [*LAYERS, "pre_logits", "logits"]
    mean, std = (torch.tensor(CONFIG[name]).view(3, 1, 1) for name in ("mean", "std"))
    seen = (torch.from_numpy(noise_images) / 255 - mean) / std
    with torch.no_grad():
        for i, part in enumerate(own.features):
            seen = part(seen)
            if f"features.{i}" in LAYERS:
                stored = stores.values(store, f"features.{i}")
                np.testing.assert_allclose(stored, seen, rtol=1e-4, atol=1e-4)  # float32, other batches
        pooled = seen.mean((2, 3))
        np.testing.assert_allclose(stores.values(store, "pre_logits"), pooled, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(stores.values(store, "logits"), own.head(pooled), rtol=1e-4, atol=1e-4)
    assert card["num_classes"] == 6 and card["parameters"] == sum(p.numel() for p in own.parameters())


def test_saliency_and_attacks_run(drawn, tmp_path, write_pixels, noise_images):
    folder, _, own = drawn
    card = read_json(folder / "m.json") | {"label_space": "mine"}
    (tmp_path / "card.json").write_text(json.dumps(card))
    pixels = write_pixels(tmp_path, noise_images)
    mean, std = (torch.tensor(CONFIG[name]).view(3, 1, 1) for name in ("mean", "std"))
    inputs = ((torch.from_numpy(noise_images) / 255 - mean) / std).requires_grad_()
    logits = own(inputs)
    labels = logits.argmax(1)
    [gradient] = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), inputs)
    ids = [f"s{i}" for i in range(len(noise_images))]
    table = pd.DataFrame({"stimulus_id": ids, "label": labels, "sha256": ids, "path": ids})
    table.to_csv(tmp_path / "t.csv", index=False)
    model = ["--card", str(tmp_path / "card.json"), "--weights", str(folder / "m.safetensors")]
    common = [*model, *pixels, "--table", str(tmp_path / "t.csv"), "--batch-size", "4"]
    cli.main(
        ["saliency", *common, "--output", str(tmp_path / "s.zarr"), "--manifest", str(tmp_path / "s.json")]
    )
    stored = stores.values(stores.open_store(tmp_path / "s.zarr"), "max_abs_gradient")
    np.testing.assert_allclose(stored, gradient.abs().amax(1), rtol=2e-3, atol=1e-6)  # stored as float16
    output = ["--output", str(tmp_path / "a.zarr"), "--manifest", str(tmp_path / "a.json")]
    cli.main(["attacks", "perturb", *common, "--budget", "14", "--count", "3", *output])
    store = stores.open_store(tmp_path / "a.zarr")
    changed = torch.from_numpy(stores.values(store, "delta").astype(np.float32))
    rows = [ids.index(name) for name in stores.strings(store)]
    with torch.no_grad():
        attacked = (torch.from_numpy(noise_images[rows]) / 255 + changed - mean) / std
        fooled = own(attacked).argmax(1) != labels[rows]
    assert (fooled.numpy() == stores.values(store, "success")).all() and fooled.any()


def test_weights_of_a_file_are_taken_by_name(code, tmp_path):
    trained = callables.make(f"{code}:Net", 8)
    safetensors.torch.save_file(
        {f"module.{name}": tensor for name, tensor in trained.state_dict().items()},
        tmp_path / "w.safetensors",
    )
    card, loaded = made(tmp_path, f"{code}:Net", "file", str(tmp_path / "w.safetensors"))
    assert all(
        torch.equal(loaded.state_dict()[name], tensor) for name, tensor in trained.state_dict().items()
    )
    assert card["fitted"] == ["prefix module. taken off"]


def test_weights_that_do_not_fit_name_three_of_each_side(code, tmp_path):
    state = callables.make(f"{code}:Net").state_dict()
    wrong = {f"more.{i}": torch.zeros(1) for i in range(4)} | {
        name: tensor for name, tensor in state.items() if not name.startswith("head")
    }
    wrong["features.0.weight"] = torch.zeros(4, 1, 3, 3)
    torch.save(wrong, tmp_path / "w.pth")
    found = problem(f"{code}:Net", "file", source=str(tmp_path / "w.pth"))
    assert f"w.pth: does not fit {code}:Net: not in the file 2 (head.bias, head.weight); " in found
    assert (
        "not in the network 4 (more.0, more.1, more.2, ...); otherwise 1 (features.0.weight: (4, 1, 3, 3)"
        in found
    )


def test_own_weights_are_those_that_the_callable_gives(code, tmp_path):
    card, loaded = made(tmp_path, f"{code}:trained", "own")
    assert {float(value) for value in loaded.head.weight.unique()} == {0.25}
    assert card["weights"] == "own" and card["source"] == ""


@pytest.mark.parametrize(
    ("name", "weights", "source", "reason"),
    [
        ("Net", "hub", "", "weights: hub are of timm's architectures; those of a callable are file, package"),
        ("Net", "own", "x", "source: 'x': own weights have none"),
        ("Net", "random", "one", "source: 'one' is not a seed"),
        ("Net", "package", "ndf", "does not fit .*: not in the file 6 "),
        ("Net", "package", "absent19", "source: package 'absent19' is not installed"),
        ("Nett", "random", "1", "architecture: .*: .* has no Nett; near: Net"),
        ("Hidden", "random", "1", None),
        ("deep", "random", "1", r"architecture: .*:deep: its output of 2 images is \(2, 6, 1, 1\)"),
    ],
)
def test_planning_names_what_is_wrong(code, name, weights, source, reason):
    found = problem(f"{code}:{name}", weights, source=source)
    assert found is None if reason is None else re.search(reason, found), found


def test_a_network_that_is_not_all_in_its_state_dict_is_refused_when_it_is_made(code, tmp_path, refused):
    [line] = refused(*words(tmp_path, f"{code}:Hidden", "random", "1"))
    assert "made again with the same state dict, it answers otherwise" in line
    assert not (tmp_path / "m.safetensors").exists()


def test_a_file_that_is_not_there_is_this_models_error_alone(code):
    asked = question(f"{code}:lost", "own"), question(f"{code}:Net", "file", source="absent.pth")
    for facts, reason in zip(checks.facts_of(list(asked)), ("FileNotFoundError", "absent.pth"), strict=True):
        assert facts["problem"] is None and reason in facts["unavailable"]
        assert facts["data_config"] == CONFIG


def test_own_weights_are_for_callables_alone():
    with pytest.raises(InputError, match=r"weights: own are those that a callable .* gives its network"):
        origins.origin({"architecture": "test_resnet", "weights": "own"})


def test_code_that_changed_after_the_card_was_written_is_refused(tmp_path):
    file = tmp_path / "changing.py"
    file.write_text(CODE)
    card, _ = made(tmp_path, f"{file}:Net", "random", "1")
    file.write_text(CODE + "\n# another network")
    with pytest.raises(InputError, match=rf"{file} has changed since its card was written"):
        network.load(card, tmp_path / "m.safetensors")


def test_a_trained_network_keeps_its_new_head(drawn, tmp_path):
    folder, card, _ = drawn
    model = network.build(card, folder / "m.safetensors")
    structure.replace_head(model, 11)
    safetensors.torch.save_file(model.state_dict(), tmp_path / "t.safetensors")
    digest = hashlib.sha256((tmp_path / "t.safetensors").read_bytes()).hexdigest()
    trained = card | {"weights": "train", "source": "m", "num_classes": 11, "sha256": digest}
    loaded = network.load(trained, tmp_path / "t.safetensors")
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), model.eval()(images), rtol=1e-4, atol=1e-5)
    assert loaded.num_classes == 11


def test_layers_whose_first_axis_is_not_the_images_are_left_out(code):
    model = callables.make(f"{code}:Turned")
    structure.set_outputs(model, 6)
    found = layers_of.probe(model, ["turn", "features.5"], (64, 64))
    assert found["turn"] == "has 8 rows of 2 images: its first axis is not the images"
    assert found["features.5"] == (8, 16, 16)


def test_blocks_at_equal_depths_are_found(drawn):
    folder, card, _ = drawn
    model = network.load(card, folder / "m.safetensors")
    assert list(layers_of.layer_shapes(model, "auto:3", (64, 64))) == LAYERS
    assert list(layers_of.layer_shapes(model, "auto:2", (64, 64))) == ["features.5", "features.7"]


def test_no_classifier_no_layer_before_it(code):
    model = callables.make(f"{code}:Net")
    structure.set_outputs(model, 7)
    assert "pre_logits" not in layers_of.layer_shapes(model, "auto", (64, 64))
    with pytest.raises(InputError, match="layers: pre_logits: no classifier found in Net"):
        layers_of.layer_shapes(model, "pre_logits", (64, 64))


def test_the_file_of_the_code_is_read_and_names_differ_where_callables_do(code, tmp_path):
    row = {"architecture": f"{code}:Net", "weights": "file", "source": "w.pth"}
    assert files_of(row) == [code, Path("w.pth")]
    other = row | {"architecture": f"{tmp_path}/other.py:Net"}
    names = {weights_id(row), weights_id(other)}
    assert len(names) == 2 and all(name.startswith("Net-") and "/" not in name for name in names)
