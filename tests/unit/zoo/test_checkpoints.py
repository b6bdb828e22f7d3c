"""Claims about weight files of others: they fit as in timm, or the reason is told; nothing gets lost."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch

from visalign import cli
from visalign.errors import InputError
from visalign.zoo import checkpoints, materialise, origins

ARCHITECTURE = "test_resnet"
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(3)
    return timm.create_model(ARCHITECTURE).state_dict()


@pytest.fixture(scope="module")
def other() -> State:
    torch.manual_seed(4)
    return timm.create_model(ARCHITECTURE).state_dict()


def prefixed(state: State, prefix: str) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def written(folder: Path, content, name: str = "w.pth") -> str:
    save = safetensors.torch.save_file if name.endswith(".safetensors") else torch.save
    save(content, folder / name)
    return str(folder / name)


def fitted(path: str, architecture: str = ARCHITECTURE) -> tuple[State, list[str]]:
    """What a weight file becomes, and the notes on it."""
    row = {"architecture": architecture, "weights": "file", "source": path}
    found = origins.origin(row)
    return materialise.build(found, row).state_dict(), found.notes


def same(one: State, another: State) -> bool:
    return one.keys() == another.keys() and all(torch.equal(one[name], another[name]) for name in one)


@pytest.mark.parametrize("key", ["state_dict_ema", "model_ema"])
def test_the_moving_average_is_taken_as_in_timm(tmp_path, state, other, key):
    content = {"state_dict": state, key: other, "epoch": 3, "args": argparse.Namespace(lr=0.1)}
    path = written(tmp_path, content)
    found, notes = fitted(path)
    assert same(found, other) and same(timm.models.load_state_dict(path), other)
    assert key in notes[0] and notes[1] == f"{key} taken; left out: state_dict"


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "net", "network", "weights"])
def test_a_state_dict_is_found_under_its_usual_names(tmp_path, state, key):
    found, notes = fitted(written(tmp_path, {"epoch": 1, key: state, "optimizer": {"state": {}}}))
    assert same(found, state) and notes == []


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize(
    "prefix",
    [
        "_orig_mod.",
        "module.",
        "model.",
        "net.",
        "backbone.",
        "encoder.",
        "module._orig_mod.",
        "model.backbone.",
    ],
)
def test_a_prefix_of_wrappers_is_taken_off(tmp_path, state, prefix, name):
    found, notes = fitted(written(tmp_path, prefixed(state, prefix), name))
    assert same(found, state) and notes == [f"prefix {prefix} taken off"]


def test_tensors_beside_the_network_are_named(tmp_path, state):
    content = prefixed(state, "model.") | {"criterion.weight": torch.ones(3)}
    found, notes = fitted(written(tmp_path, {"state_dict": content}))
    assert same(found, state) and notes[-1] == "left out 1 tensors: criterion.weight"


def test_two_networks_in_one_file_are_refused(tmp_path, state, other):
    content = prefixed(state, "model.") | prefixed(other, "net.")
    with pytest.raises(InputError, match=r"w\.pth: holds several networks, under 'model\.' and 'net\.'"):
        fitted(written(tmp_path, content))


def test_a_projection_head_within_the_network_is_an_error(tmp_path, state):
    content = prefixed(state | {"projector.weight": torch.ones(3, 3)}, "module.")
    with pytest.raises(
        InputError, match=r"1 tensors do not fit test_resnet, the first is projector\.weight: not in"
    ):
        fitted(written(tmp_path, content))


def test_counters_of_batches_may_be_missing(tmp_path, state):
    content = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    lacking = len(state) - len(content)
    found, notes = fitted(written(tmp_path, content))
    assert same(found, state) and lacking > 5
    assert notes == [f"num_batches_tracked of {lacking} layers, which the file lacks, is 0, as in torch"]


@pytest.mark.parametrize("outputs", [10, 1001, 21841])
def test_a_head_of_another_size_is_built(tmp_path, outputs):
    torch.manual_seed(5)
    content = timm.create_model(ARCHITECTURE, num_classes=outputs).state_dict()
    found, notes = fitted(written(tmp_path, content))
    assert same(found, content) and notes == [f"a head of {outputs} outputs"]


def test_a_file_without_a_head_makes_a_network_without_one(tmp_path, state):
    content = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    found, notes = fitted(written(tmp_path, prefixed(content, "backbone.")))
    assert same(found, content) and notes[-1] == "no head, since the file has none"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_tensors_of_another_type_become_float32_with_a_word(tmp_path, state, dtype):
    content = {name: v.to(dtype) if v.is_floating_point() else v for name, v in state.items()}
    found, notes = fitted(written(tmp_path, content, "w.safetensors"))
    assert all(torch.equal(found[name], content[name].to(found[name].dtype)) for name in state)
    assert notes == [f"{dtype} stored as torch.float32"]


def test_quantised_tensors_are_refused(tmp_path, state):
    content = state | {"fc.bias": torch.zeros(1000, dtype=torch.int8)}
    with pytest.raises(InputError, match=r"the first is fc\.bias: torch\.int8, not torch\.float32"):
        fitted(written(tmp_path, content))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path, state, value):
    content = state | {"fc.bias": torch.full((1000,), value)}
    with pytest.raises(InputError, match=r"w\.pth: fc\.bias: 1000 of 1000 values are not finite"):
        fitted(written(tmp_path, content))


def test_transposed_weights_are_refused_with_both_shapes(tmp_path, state):
    content = state | {"layer1.0.conv1.weight": state["layer1.0.conv1.weight"].transpose(0, 2).contiguous()}
    shapes = [tuple(content["layer1.0.conv1.weight"].shape), tuple(state["layer1.0.conv1.weight"].shape)]
    with pytest.raises(InputError) as error:
        fitted(written(tmp_path, content))
    assert f"layer1.0.conv1.weight: {shapes[0]}, not {shapes[1]}" in str(error.value)


def test_position_embeddings_of_another_size_are_resampled_as_in_timm(tmp_path):
    torch.manual_seed(6)
    content = timm.create_model("vit_tiny_patch16_224", img_size=160, depth=1).state_dict()
    blocks = timm.create_model("vit_tiny_patch16_224").state_dict()
    content = {name: content.get(name, tensor) for name, tensor in blocks.items()}
    path = written(tmp_path, content)
    found, notes = fitted(path, "vit_tiny_patch16_224")
    theirs = timm.create_model("vit_tiny_patch16_224", pretrained=True, pretrained_cfg_overlay={"file": path})
    assert same(found, theirs.state_dict())
    assert "timm's conversion of files for vit_tiny_patch16_224: 1 tensors: pos_embed" in notes[0]


def test_patches_of_another_size_are_refused(tmp_path):
    content = timm.create_model("vit_tiny_patch16_224", patch_size=32).state_dict()
    with pytest.raises(
        InputError, match=r"do not fit vit_tiny_patch16_224, the first is patch_embed\.proj\.weight"
    ):
        fitted(written(tmp_path, content), "vit_tiny_patch16_224")


def test_the_normalisation_stored_with_a_network_is_used(tmp_path, state):
    own = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 0.125]}
    normaliser = {f"module.normalizer.new_{name}": torch.tensor(v)[:, None, None] for name, v in own.items()}
    path = written(tmp_path, {"model": prefixed(state, "module.model.") | normaliser})
    found = origins.origin({"architecture": ARCHITECTURE, "weights": "file", "source": path})
    for name, values in own.items():
        assert found.data_config[name] == pytest.approx(values)
    assert found.notes[-1] == "mean and std are those of the file's normaliser"


def test_python_objects_in_a_file_are_named_and_not_made(tmp_path, state):
    path = written(tmp_path, {"state_dict": state, "when": Path("x")})
    with pytest.raises(
        InputError, match=r"it holds Python objects \(pathlib\.\w+\); save its state dict alone"
    ):
        fitted(path)


def test_a_value_that_is_no_tensor_is_named(tmp_path, state):
    with pytest.raises(InputError, match=r"w\.pth: not a state dict of tensors \('epoch' is int\)"):
        fitted(written(tmp_path, state | {"epoch": 3}))


def test_what_was_done_is_printed_and_on_the_card(tmp_path, state, capsys):
    path = written(tmp_path, {"state_dict": prefixed(state, "module.")})
    files = ["--output", str(tmp_path / "m.safetensors"), "--card", str(tmp_path / "m.json")]
    origin = ["--architecture", ARCHITECTURE, "--weights", "file", "--source", path]
    cli.main(["models", "weights", "--model", "m", *origin, *files])
    assert json.loads((tmp_path / "m.json").read_text())["fitted"] == ["prefix module. taken off"]
    assert "test_resnet: prefix module. taken off" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["pth", "old", "safetensors"])
def test_a_file_is_judged_by_names_and_shapes_alike_when_mapped(tmp_path, state, form):
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pth")
    if form == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "pth")
    assert same(checkpoints.read(path, [], mapped=True), state)
