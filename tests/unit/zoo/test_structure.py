"""Claims about networks of which nothing is known: their stages and their classifier are found."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from visalign.errors import InputError
from visalign.zoo import structure


def of_torchvision(name: str) -> nn.Module:
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None).eval()
    structure.set_outputs(model, 1000)
    return model


def ends(model: nn.Module) -> list[str]:
    return [unit.end for unit in structure.stages(model)]


@pytest.mark.parametrize(
    ("name", "number", "first", "last", "classifier"),
    [
        ("alexnet", 5, "features.2", "features.12", "classifier.6"),
        ("vgg16", 13, "features.1", "features.30", "classifier.6"),
        ("vgg16_bn", 13, "features.2", "features.43", "classifier.6"),
        ("squeezenet1_1", 9, "features.2", "features.12", "classifier.1"),
        ("densenet121", 8, "features.pool0", "features.norm5", "classifier"),
        ("resnet18", 4, "layer1", "layer4", "fc"),
        ("mobilenet_v2", 19, "features.0", "features.18", "classifier.1"),
        ("shufflenet_v2_x1_0", 3, "stage2", "stage4", "fc"),
        ("convnext_tiny", 8, "features.0", "features.7", "classifier.2"),
        ("swin_t", 8, "features.0", "features.7", "head"),
        ("vit_b_16", 12, "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_11", "heads.head"),
        ("maxvit_t", 4, "blocks.0", "blocks.3", "classifier.5"),
    ],
)
def test_stages_and_classifier_of_torchvisions_networks(name, number, first, last, classifier):
    """As many as in their papers: five convolutions of AlexNet, 13 of VGG16, eight fire modules."""
    model = of_torchvision(name)
    found = ends(model)
    assert (len(found), found[0], found[-1]) == (number, first, last)
    assert structure.classifier(model) is model.get_submodule(classifier)


class Area(nn.Module):
    """Something that is no list, as the areas of CORnet are none."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, seen):
        return self.norm(self.convolution(seen))


class Areas(nn.Sequential):
    """Laid out as CORnet: areas by name, the last with most parameters, and a decoder."""

    def __init__(self) -> None:
        decoder = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 5), nn.Identity())
        super().__init__()
        for name, part in (
            ("V1", nn.Sequential(nn.Conv2d(3, 8, 7), nn.ReLU())),
            *(("V2", Area(8, 16)), ("V4", Area(16, 32)), ("IT", Area(32, 64)), ("decoder", decoder)),
        ):
            self.add_module(name, part)


class Wrapper(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.module = network

    def forward(self, seen):
        return self.module(seen)


def test_areas_are_stages_though_the_last_is_larger_than_all_others():
    model = Areas()
    assert structure.size_of(model.IT) > sum(
        structure.size_of(model.get_submodule(n)) for n in ("V1", "V2", "V4")
    )
    assert ends(model) == ["V1", "V2", "V4", "IT"]


def test_a_wrapper_changes_names_alone():
    model = Wrapper(Wrapper(Areas()))
    structure.set_outputs(model, 5)
    assert ends(model) == [f"module.module.{name}" for name in ("V1", "V2", "V4", "IT")]
    assert structure.classifier(model) is model.module.module.decoder[2]


def test_a_last_layer_with_other_outputs_is_no_classifier():
    """As in CLIP, which multiplies by a matrix after the last of its layers."""
    model = Areas()
    structure.set_outputs(model, 7)
    assert structure.classifier(model) is None
    with pytest.raises(InputError, match="label_space: Areas has no classifier"):
        structure.replace_head(model, 3)


def test_a_network_of_one_layer_has_no_stages():
    with pytest.raises(InputError, match="layers: no stages found in Linear"):
        structure.stages(nn.Linear(3, 2))


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "vit_b_16", "alexnet"])
def test_a_new_head_has_its_outputs_and_the_rest_stays(name):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None).eval()
    structure.set_outputs(model, 1000)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    structure.replace_head(model, 7)
    with torch.inference_mode():
        assert model(torch.rand(2, 3, 224, 224)).shape == (2, 7)
    after = model.state_dict()
    changed = {key for key in after if after[key].shape != before[key].shape}
    assert {after[key].shape[0] for key in changed} == {7} and len(changed) == 2
    assert all(torch.equal(after[key], before[key]) for key in after.keys() - changed)
    assert model.num_classes == 7 and structure.outputs_of(structure.classifier(model)) == 7


def test_a_number_of_outputs_that_cannot_be_set_must_be_right():
    class Fixed(nn.Linear):
        @property
        def num_classes(self):
            return 2

    structure.set_outputs(Fixed(3, 2), 2)
    with pytest.raises(InputError, match=r"Fixed\.num_classes: is 2, the network has 3 outputs"):
        structure.set_outputs(Fixed(3, 3), 3)
