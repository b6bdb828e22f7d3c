"""Claims about fused batch norms: what is computed stays, and so does what each layer means."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
from timm.layers import BatchNormAct2d, Conv2dSame, StdConv2d
from torch import fx, nn

from visalign.zoo import fusion
from visalign.zoo.activations import recorded
from visalign.zoo.deviation import largest
from visalign.zoo.fusion import Pair

SIZE = (8, 8)


def as_if_trained(model: nn.Module) -> nn.Module:
    """Give batch norms statistics and weights as different as a training does."""
    generator = torch.Generator().manual_seed(0)

    def uniform(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(like.shape, generator=generator)

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean = uniform(module.running_mean, -0.5, 0.5)
            module.running_var = uniform(module.running_var, 0.3, 3)
            if module.affine:
                module.weight.data = uniform(module.weight, -1.5, 1.5)
                module.bias.data = uniform(module.bias, -0.5, 0.5)
    return model.eval().requires_grad_(False)


def images(n: int = 4, size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.randn(n, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("convolution", "norm"),
    [
        (nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6)),
        (nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6, eps=0.1)),
        (nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6, affine=False)),
        (Conv2dSame(3, 6, 3, stride=2), nn.BatchNorm2d(6)),
        (nn.Conv2d(3, 6, 3), BatchNormAct2d(6, act_layer=nn.SiLU, drop_layer=nn.Identity)),
        (nn.Conv2d(3, 6, 3), BatchNormAct2d(6, apply_act=False)),
    ],
)
def test_a_fused_pair_computes_what_both_did(convolution, norm):
    model = as_if_trained(nn.Sequential(convolution, norm))
    expected = copy.deepcopy(model).double()(images().double())
    [pair] = found = fusion.pairs(model, [], SIZE)
    assert pair == Pair("0", "1")
    found = fusion.fused(model, found)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in found.modules())
    torch.testing.assert_close(found(images()).double(), expected, rtol=1e-5, atol=1e-6)


def test_the_activation_within_a_batch_norm_stays_under_its_name():
    model = as_if_trained(nn.Sequential(nn.Conv2d(3, 6, 3), BatchNormAct2d(6)))
    found = fusion.fused(model, fusion.pairs(model, ["1.act"], SIZE))
    with recorded(model, ["1.act"]) as plain, recorded(found, ["1.act"]) as shown:
        one, other = plain(images()), shown(images())
    assert (one["1.act"] == 0).any() and isinstance(found[1], fusion.Activation)
    torch.testing.assert_close(other["1.act"], one["1.act"], rtol=1e-5, atol=1e-6)


def test_the_network_itself_is_left_as_it_was():
    model = as_if_trained(nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)))
    before = copy.deepcopy(model.state_dict())
    fusion.fused(model, fusion.pairs(model, [], SIZE))
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


class Net(nn.Module):
    """Two convolutions with batch norms, in ways that subclasses choose."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.conv2, self.norm2 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm2(self.conv2(self.norm(self.conv(x))))


class Residual(Net):
    def forward(self, x):
        y = self.conv(x)
        return self.norm2(self.conv2(self.norm(y) + y))


class ViewReadLater(Net):
    def forward(self, x):
        y = self.conv(x)
        flat = y.flatten(2)
        return self.norm2(self.conv2(self.norm(y))) * flat.mean()


class ReturnedToo(Net):
    def forward(self, x):
        y = self.norm(self.conv(x))
        self.last = self.conv2(y)
        self.norm2(self.last)
        return self.last


class ConvolutionTwice(Net):
    def forward(self, x):
        return self.norm2(self.conv(self.norm(self.conv(x))))


class NormTwice(Net):
    def forward(self, x):
        return self.norm(self.conv2(self.norm(self.conv(x))))


class ChangedBetween(Net):
    def forward(self, x):
        return self.norm2(self.conv2(self.norm(self.conv(x).relu_())))


BOTH = [Pair("conv", "norm"), Pair("conv2", "norm2")]


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (Net, BOTH),
        (Residual, BOTH[1:]),
        (ViewReadLater, BOTH[1:]),
        (ReturnedToo, BOTH[:1]),
        (ConvolutionTwice, []),
        (NormTwice, []),
        (ChangedBetween, BOTH[1:]),
    ],
)
def test_a_convolution_that_something_else_reads_is_not_fused(network, expected):
    model = as_if_trained(network())
    assert fusion.pairs(model, [], SIZE) == expected
    found = fusion.fused(model, expected)
    torch.testing.assert_close(found(images()), model(images()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("layer", "expected"), [("conv", BOTH[1:]), ("norm", BOTH[1:]), ("norm2", BOTH[:1])])
def test_what_is_recorded_is_not_fused(layer, expected):
    assert fusion.pairs(as_if_trained(Net()), [layer], SIZE) == expected


def test_a_recorded_module_that_ends_with_a_convolution_keeps_its_output():
    model = as_if_trained(nn.Sequential(nn.Sequential(nn.ReLU(), nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)))
    assert fusion.pairs(model, [], SIZE) == [Pair("0.1", "1")]
    assert fusion.pairs(model, ["0"], SIZE) == []
    assert fusion.pairs(model, ["0.0"], SIZE) == [Pair("0.1", "1")]


def hooked() -> nn.Module:
    model = Net()
    model.conv.register_forward_hook(lambda module, inputs, output: 2 * output)
    return model


def of(convolution: nn.Module, norm: nn.Module) -> nn.Module:
    model = Net()
    model.conv, model.norm = convolution, norm
    return model


@pytest.mark.parametrize(
    "model",
    [
        hooked(),
        of(StdConv2d(3, 3, 1), nn.BatchNorm2d(3)),
        of(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)),
        of(nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)),
        of(nn.ConvTranspose2d(3, 3, 1), nn.BatchNorm2d(3)),
        of(nn.Conv2d(3, 3, 1), nn.GroupNorm(1, 3)),
    ],
    ids=["hook", "standardised", "no statistics", "weight norm", "transposed", "group norm"],
)
def test_what_is_no_linear_pair_is_not_fused(model):
    assert fusion.pairs(as_if_trained(model), [], SIZE) == BOTH[1:]


class TwoNames(Net):
    def __init__(self) -> None:
        super().__init__()
        self.also = nn.Sequential(self.norm)

    def forward(self, x):
        return self.also(self.conv(x))


def test_a_batch_norm_of_two_names_is_replaced_under_both():
    model = as_if_trained(TwoNames())
    found = fusion.fused(model, fusion.pairs(model, [], SIZE))
    assert isinstance(found.norm, nn.Identity) and found.norm is found.also[0]
    torch.testing.assert_close(found(images()), model(images()), rtol=1e-5, atol=1e-5)


class WholeNorms(fx.Tracer):
    """Traces a network without looking into its convolutions and batch norms."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, (nn.Conv2d, nn.BatchNorm2d)) or super().is_leaf_module(module, name)


def traced(model: nn.Module) -> list[Pair]:
    """Pairs as torch's symbolic trace has them."""
    nodes = [node for node in WholeNorms().trace(model).nodes if node.op == "call_module"]
    norms = [node for node in nodes if isinstance(model.get_submodule(node.target), nn.BatchNorm2d)]
    sources = {node.target: node.args[0] for node in norms}
    return [
        Pair(source.target, norm)
        for norm, source in sources.items()
        if source.op == "call_module"
        and isinstance(model.get_submodule(source.target), nn.Conv2d)
        and len(source.users) == 1
    ]


@pytest.mark.parametrize("architecture", ["test_resnet", "test_efficientnet", "densenet121", "regnety_002"])
def test_pairs_are_those_of_a_symbolic_trace(architecture):
    model = timm.create_model(architecture).eval().requires_grad_(False)
    expected = traced(model)
    assert len(expected) > 5
    assert sorted(fusion.pairs(model, [], (64, 64))) == sorted(expected)


@pytest.mark.parametrize("architecture", ["test_resnet", "test_efficientnet"])
def test_layers_of_a_fused_network_stay_within_a_millionth(architecture):
    torch.manual_seed(0)
    model = as_if_trained(timm.create_model(architecture))
    layers = [name for name, _ in model.named_children()][1:]
    found = fusion.pairs(model, layers, (64, 64))
    batch = images(4, (64, 64))
    with recorded(model, layers) as plain, recorded(fusion.fused(model, found), layers) as shown:
        expected, fused = plain(batch), shown(batch)
    assert len(found) > 5 and any(not torch.equal(fused[layer], expected[layer]) for layer in expected)
    assert largest(fused, expected).size < 1e-6
