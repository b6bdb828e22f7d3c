"""Claims about layers: which ones, what they are called, and that they are recorded as they are."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from visalign.errors import InputError
from visalign.zoo import ladders, network
from visalign.zoo import layers as layers_of


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
        assert ladders.ladder(timm.create_model(architecture)) == expected


def test_a_deep_ladder_keeps_its_ends_and_is_capped():
    with torch.device("meta"):
        names = ladders.ladder(timm.create_model("cait_xxs24_224"))
    blocks = [name for name in names if name.startswith("blocks.")]
    assert len(blocks) == ladders.LADDER_CAP
    assert (blocks[0], blocks[-1]) == ("blocks.0", "blocks.23")


def test_a_network_without_stages_asks_for_layer_names():
    with pytest.raises(InputError, match="layers: no stages found in Linear"):
        ladders.ladder(nn.Linear(2, 2))


def test_layers_are_those_asked_for_in_their_order(tiny_model):
    files = tiny_model()
    model = network.load(files.facts, files.weights)
    shapes = layers_of.layer_shapes(model, "layer3, layer1.0,pre_logits", (64, 64))
    assert list(shapes) == ["layer3", "layer1.0", "pre_logits"]


@pytest.mark.parametrize("layers", ["layer9", "layer1,", "layer1.0.conv9"])
def test_an_unknown_layer_is_named(tiny_model, layers):
    files = tiny_model()
    model = network.load(files.facts, files.weights)
    with pytest.raises(InputError, match=f"layers: '{layers.split(',')[-1]}' is not a module of ResNet"):
        layers_of.layer_shapes(model, layers, (64, 64))


class Odd(nn.Sequential):
    """A network with layers that cannot be recorded."""

    class Named(nn.Module):
        def forward(self, x):
            return {"x": x}

    class Deep(nn.Module):
        def forward(self, x):
            return x[..., None].expand(*x.shape, 3)

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 2, 1), self.Named(), self.Deep(), nn.Identity())

    def forward(self, x):
        x = self[0](x)
        self[1](x)
        self[2](x)
        return x.mean((2, 3))

    def get_classifier(self) -> nn.Module:
        return self[0]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ("1", "returns dict, not a tensor"),
        ("2", "has 5 dimensions, expected 2, 3 or 4"),
        ("3", "is not called"),
    ],
)
def test_a_layer_that_cannot_be_recorded_is_named_with_the_reason(layer, reason):
    assert layers_of.probe(Odd(), ["0", layer], (8, 8)) == {"0": (2, 8, 8), layer: reason}
    with pytest.raises(InputError, match=f"layers: '{layer}' of Odd {reason}"):
        layers_of.layer_shapes(Odd(), f"0,{layer}", (8, 8))


def test_of_several_tensors_the_first_is_recorded():
    class Several(nn.Module):
        def forward(self, x):
            return x, (8, 8)

    model = nn.Sequential(Several())
    model.register_parameter("p", nn.Parameter(torch.zeros(1)))
    assert layers_of.probe(model, ["0"], (8, 8)) == {"0": (3, 8, 8)}


@pytest.mark.parametrize(
    ("shape", "output_fmt", "axes"),
    [
        ((64,), None, ("channel",)),
        ((50, 64), None, ("token", "channel")),
        ((64, 7, 7), None, ("channel", "y", "x")),
        ((64, 7, 7), "NHWC", ("channel", "y", "x")),
        ((7, 7, 64), None, ("y", "x", "channel")),
        ((7, 7, 7), None, ("channel", "y", "x")),
        ((7, 7, 7), "NHWC", ("y", "x", "channel")),
    ],
)
def test_axes_are_named_by_what_they_are(shape, output_fmt, axes):
    model = nn.Identity()
    if output_fmt:
        model.output_fmt = output_fmt
    assert layers_of.dimensions(model, "x", shape) == ("stimulus", *(f"x_{axis}" for axis in axes))


def test_patches_of_a_transformer_are_laid_out(tiny_model):
    files = tiny_model("test_vit", size=160)
    model = network.load(files.facts, files.weights)
    assert layers_of.token_layout(model) == {"prefix_tokens": 1, "token_grid": [10, 10]}
    assert layers_of.token_layout(nn.Linear(2, 2)) == {"prefix_tokens": 0, "token_grid": None}
