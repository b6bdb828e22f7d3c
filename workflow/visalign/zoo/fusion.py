"""Batch norms fused into the convolutions before them: in eval mode both are one linear map."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from visalign.zoo import layers as layers_of
from visalign.zoo.network import refused

#: Convolutions that are linear in their weights, as those that standardise them first are not; and batch
#: norms, by their exact class, since a subclass may do more.
CONVOLUTIONS, NORMS = (nn.Conv2d, Conv2dSame), (nn.BatchNorm2d, BatchNormAct2d)


class Pair(NamedTuple):
    """Names of a convolution and of the batch norm that its output goes to."""

    convolution: str
    norm: str


class Uses(TorchDispatchMode):
    """Watches the operations of a forward pass for what reads the outputs of convolutions.

    Attributes
    ----------
    norms : dict of str to str
        The batch norm that was given the output of a convolution.
    shared : set of str
        Convolutions whose output something else reads too, and modules that are called more than once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norms: dict[str, str] = {}
        self.shared: set[str] = set()
        self.called: set[str] = set()
        self.within: str | None = None  # the batch norm that is running
        self.made: dict[int, str] = {}  # by the address of the output
        self.outputs: list[Tensor] = []  # kept, lest a later tensor has the address of an earlier

    def watch(self, name: str, module: nn.Module) -> None:
        """Watch a convolution, or a batch norm, of the network."""
        if isinstance(module, NORMS):
            module.register_forward_pre_hook(lambda module, inputs: self.enter(name, inputs[0]))
            module.register_forward_hook(lambda module, inputs, output: self.leave())
        else:
            module.register_forward_hook(lambda module, inputs, output: self.make(name, output))

    def call(self, name: str) -> None:
        """Note a call of a module."""
        if name in self.called:
            self.shared.add(name)
        self.called.add(name)

    def make(self, convolution: str, output: Tensor) -> None:
        """Note the output of a convolution."""
        self.call(convolution)
        self.made[address(output)] = convolution
        self.outputs.append(output)

    def enter(self, norm: str, value: Tensor) -> None:
        """Note what a batch norm is given."""
        self.call(norm)
        self.within = norm
        if (convolution := self.made.get(address(value))) is not None:
            self.norms.setdefault(convolution, norm)

    def leave(self) -> None:
        """Note that the batch norm has ended."""
        self.within = None

    def read(self, value: Any) -> None:
        """Note that something reads a value: the running batch norm, an operation, or the caller."""
        convolution = self.made.get(address(value)) if isinstance(value, Tensor) else None
        if convolution is not None and (self.within is None or self.norms.get(convolution) != self.within):
            self.shared.add(convolution)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in tree_leaves((args, kwargs)):
            self.read(value)
        return func(*args, **(kwargs or {}))


class Activation(nn.Module):
    """What is left of timm's batch norm with an activation inside, its parts under their names."""

    def __init__(self, norm: BatchNormAct2d) -> None:
        super().__init__()
        self.drop, self.act = norm.drop, norm.act

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of a convolution's output."""
        return self.act(self.drop(x))


def address(value: Tensor) -> int:
    """Where the values of a tensor are in memory, the same of its views."""
    return value.untyped_storage().data_ptr()


def is_fusable(module: nn.Module) -> bool:
    """Whether a module is a convolution or a batch norm that does nothing else, by statistics that it has."""
    hooked = module._forward_hooks or module._forward_pre_hooks
    kind = type(module) in CONVOLUTIONS or (type(module) in NORMS and module.running_mean is not None)
    return kind and not hooked and not module.training


def pairs(model: nn.Module, layers: list[str], size: tuple[int, ...]) -> list[Pair]:
    """Convolutions whose output goes to one batch norm and nowhere else, neither of which is recorded.

    All operations of one forward pass of a grey image are watched, so that any network that runs can be
    asked, whatever its code does. A module of several parts may end with the convolution: where it is
    recorded, or is the network itself, its output is the convolution's and hence not to be changed.

    Parameters
    ----------
    model : nn.Module
        In eval mode.
    layers : list of str
        Layers that will be recorded.
    size : (int, int)
        Input height and width.
    """
    watched, uses = copy.deepcopy(model), Uses()
    for name, module in watched.named_modules():
        if is_fusable(module):
            uses.watch(name, module)
    image = torch.zeros(1, 3, *size, device=next(watched.parameters()).device)
    recorded = layers_of.hooked(watched, layers, lambda layer, output: uses.read(output))
    with recorded, torch.no_grad(), refused(watched, size), uses:
        uses.read(watched(image))
    return [
        Pair(convolution, norm)
        for convolution, norm in uses.norms.items()
        if not {convolution, norm} & uses.shared and norm not in layers
    ]


def fused(model: nn.Module, found: list[Pair]) -> nn.Module:
    """Return a copy of a network in eval mode with some batch norms fused into their convolutions."""
    result = copy.deepcopy(model)
    for convolution, norm in [map(result.get_submodule, pair) for pair in found]:
        assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        weight, bias = folded(convolution, norm)
        convolution.weight = nn.Parameter(weight, requires_grad=False)
        convolution.bias = nn.Parameter(bias, requires_grad=False)
        replace(result, norm, Activation(norm) if isinstance(norm, BatchNormAct2d) else nn.Identity())
    return result.to(memory_format=torch.channels_last)


def folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights and bias of a convolution that does what it and the batch norm after it do.

    W γ / √(σ² + ε) and (b − μ) γ / √(σ² + ε) + β, computed in float64.

    Returns
    -------
    weight : Tensor, shape (out_channels, in_channels / groups, height, width)
    bias : Tensor, shape (out_channels,)
    """
    assert norm.running_mean is not None and norm.running_var is not None
    gain = (norm.running_var.double() + norm.eps).rsqrt()
    bias = -norm.running_mean.double()
    if convolution.bias is not None:
        bias += convolution.bias.double()
    if norm.affine:
        gain *= norm.weight.double()
    bias *= gain
    if norm.affine:
        bias += norm.bias.double()
    weight = convolution.weight.double() * gain[:, None, None, None]
    return weight.to(convolution.weight.dtype), bias.to(convolution.weight.dtype)


def replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put a module in the place of another, wherever a network has it."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # one child may have two names
            if child is old:
                setattr(parent, name, new)
