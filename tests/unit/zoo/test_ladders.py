"""Claims about layers that are chosen without naming them."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from visalign.errors import InputError
from visalign.zoo import ladders
from visalign.zoo import layers as layers_of


def meta(architecture: str) -> nn.Module:
    with torch.device("meta"):
        return timm.create_model(architecture).eval()


@pytest.mark.parametrize(
    ("architecture", "number", "first", "last"),
    [
        ("resnet18", 8, "layer1.0", "layer4.1"),
        ("resnet101", 33, "layer1.0", "layer4.2"),
        ("convnext_tiny", 18, "stages.0.blocks.0", "stages.3.blocks.2"),
        ("vit_tiny_patch16_224", 12, "blocks.0", "blocks.11"),
        ("swin_tiny_patch4_window7_224", 12, "layers.0.blocks.0", "layers.3.blocks.1"),
        ("tf_efficientnet_lite0", 16, "blocks.0.0", "blocks.6.0"),
        ("regnety_008", 14, "s1.b1", "s4.b2"),
        ("twins_svt_small", 18, "blocks.0.0", "blocks.3.3"),
        ("hrnet_w18", 12, "layer1.0", "stage4.2"),
        ("dla34", 6, "level0", "level5"),
    ],
)
def test_blocks_are_those_of_every_stage(architecture, number, first, last):
    """As many as in the papers: 2 · 4, 3 + 4 + 23 + 3, 3 + 3 + 9 + 3, 12, 2 + 2 + 6 + 2, ..."""
    found = ladders.blocks(meta(architecture))
    assert (len(found), found[0], found[-1]) == (number, first, last)


def test_every_family_offers_blocks_at_the_same_fractions_of_its_depth():
    for architecture in ("resnet101", "convnext_tiny", "vit_tiny_patch16_224"):
        model = meta(architecture)
        found, chosen = ladders.blocks(model), list(layers_of.layer_shapes(model, "auto:4", (224, 224)))
        depths = [(found.index(name) + 1) / len(found) for name in chosen]
        assert depths == pytest.approx([0.25, 0.5, 0.75, 1], abs=1 / len(found))


def test_all_blocks_are_taken_where_there_are_no_more():
    assert list(layers_of.layer_shapes(meta("resnet18"), "auto:12", (64, 64))) == ladders.blocks(
        meta("resnet18")
    )


def test_equal_fractions_of_the_depth():
    assert ladders.at_equal_depths(list("abcdefgh"), 4) == list("bdfh")
    assert ladders.at_equal_depths(list("abc"), 3) == ladders.at_equal_depths(list("abc"), 9) == list("abc")
    assert ladders.at_equal_depths(list("abcdefghijk"), 1) == ["k"]


def test_auto_stays_what_it_was():
    shapes = layers_of.layer_shapes(meta("resnet18"), "auto", (64, 64))
    assert list(shapes) == ["maxpool", "layer1", "layer2", "layer3", "layer4", "pre_logits"]


@pytest.mark.parametrize("layers", ["auto:", "auto:0", "auto:x", "auto:-1", "auto:1.5"])
def test_a_number_of_blocks_that_is_none_is_named(layers):
    with pytest.raises(InputError, match=f"layers: '{layers}': expected auto:N"):
        layers_of.layer_shapes(meta("resnet18"), layers, (64, 64))
