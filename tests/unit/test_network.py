"""Claims about running a model: the right weights, pixels, layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import zarr
from torch import nn

from visalign import network
from visalign.errors import InputError


def test_a_loaded_model_is_frozen_and_in_eval_mode(tiny_model):
    files = tiny_model()
    model = network.load(files.facts, files.weights)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_weights_of_another_checksum_are_refused(tiny_model, tmp_path):
    files = tiny_model()
    other = tmp_path / "w.safetensors"
    other.write_bytes(Path(files.weights).read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(
        InputError, match=r"w\.safetensors: sha256 [0-9a-f]{64} is not the card's [0-9a-f]{64}"
    ):
        network.load(files.facts, other)


def test_missing_weights_are_named(tiny_model):
    with pytest.raises(InputError, match=r"absent: no such weight file"):
        network.load(tiny_model().facts, "absent")


@pytest.mark.parametrize("architecture", ["test_vit", "test_efficientnet", "test_convnext"])
def test_a_model_runs_at_another_input_size(tiny_model, architecture):
    """Position embeddings made for 160 pixels are resampled."""
    files = tiny_model(architecture)
    model = network.load(files.facts, files.weights)
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 1000)


def test_the_wrapper_normalises_inside(tiny_model):
    files = tiny_model()
    config = files.facts["data_config"]
    model = network.load(files.facts, files.weights)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mean, std = (np.array(config[name], np.float32)[:, None, None] for name in ("mean", "std"))
    expected = model(torch.from_numpy((pixels.numpy() - mean) / std))
    torch.testing.assert_close(network.Normalised(model, config)(pixels), expected)


@pytest.mark.parametrize(("start", "sizes"), [(0, [4, 4, 2]), (4, [4, 2]), (10, [])])
def test_batches_cover_the_stimuli_in_order(noise_images, start, sizes):
    stored = zarr.array(noise_images)
    batches = list(network.pixel_batches(stored, 4, start))
    assert [len(batch) for _, batch in batches] == sizes
    for rows, batch in batches:
        assert batch.dtype == torch.float32 and batch.min() >= 0 and batch.max() <= 1
        np.testing.assert_allclose(batch.cpu().numpy() * 255, noise_images[rows], atol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("test_resnet", ["maxpool", "layer1", "layer2", "layer3", "layer4", "pre_logits"]),
        ("test_efficientnet", ["bn1", *(f"blocks.{i}" for i in range(5)), "bn2", "pre_logits"]),
        ("test_vit", ["norm_pre", *(f"blocks.{i}" for i in range(6)), "pre_logits"]),
        ("test_convnext", ["stem", *(f"stages.{i}" for i in range(4)), "pre_logits"]),
        ("resnetv2_50", ["stem", *(f"stages.{i}" for i in range(4)), "pre_logits"]),
        ("regnety_002", ["stem", "s1", "s2", "s3", "s4", "pre_logits"]),
        ("poolformer_s12", ["stem", *(f"stages.{i}" for i in range(4)), "pre_logits"]),
    ],
)
def test_the_ladder_is_stem_stages_head(architecture, expected):
    with torch.device("meta"):
        assert network.ladder(timm.create_model(architecture)) == expected


def test_a_deep_ladder_keeps_its_ends_and_is_capped():
    with torch.device("meta"):
        names = network.ladder(timm.create_model("cait_xxs24_224"))
    blocks = [name for name in names if name.startswith("blocks.")]
    assert len(blocks) == network.LADDER_CAP
    assert (blocks[0], blocks[-1]) == ("blocks.0", "blocks.23")


def test_a_network_without_stages_asks_for_layer_names():
    with pytest.raises(InputError, match="layers: no stages found in Linear"):
        network.ladder(nn.Linear(2, 2))


def test_layers_are_those_asked_for_in_their_order(tiny_model):
    files = tiny_model()
    model = network.load(files.facts, files.weights)
    assert network.layer_names(model, "layer3, layer1.0,pre_logits", (64, 64)) == [
        "layer3",
        "layer1.0",
        "pre_logits",
    ]


@pytest.mark.parametrize("layers", ["layer9", "layer1,", "layer1.0.conv9"])
def test_an_unknown_layer_is_named(tiny_model, layers):
    files = tiny_model()
    model = network.load(files.facts, files.weights)
    with pytest.raises(InputError, match=f"layers: '{layers.split(',')[-1]}' is not a module of ResNet"):
        network.layer_names(model, layers, (64, 64))


class Small(nn.Sequential):
    """A classifier whose first layer is overwritten by the second, as in VGG."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))

    def get_classifier(self) -> nn.Module:
        return self[2]


def test_a_layer_is_recorded_before_what_follows_overwrites_it():
    model, inputs = Small(), torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    linear = model[0](inputs)
    with torch.inference_mode(), network.recorded(model, ["0", "1", "pre_logits"]) as outputs:
        model(inputs)
    assert (linear < 0).any()
    torch.testing.assert_close(outputs["0"], linear)
    torch.testing.assert_close(outputs["1"], linear.relu())
    torch.testing.assert_close(outputs["pre_logits"], linear.relu())


def test_recording_stops_with_its_block():
    model = Small()
    with pytest.raises(KeyError), network.recorded(model, ["0", "pre_logits"]) as outputs:
        raise KeyError
    model(torch.zeros(1, 4))
    assert outputs == {}


def test_a_layer_of_several_tensors_is_named():
    class Several(nn.Module):
        def forward(self, x):
            return x, x

    class Model(nn.Sequential):
        def get_classifier(self):
            return self[0]

    model = Model(nn.Linear(2, 2), Several())
    with network.recorded(model, ["1"]), pytest.raises(InputError, match="layers: '1' returns tuple"):
        model(torch.zeros(1, 2))
