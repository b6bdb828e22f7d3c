"""Outputs of layers in forward passes: as the network computes them, and as they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from visalign.zoo import layers as layers_of


class Recorded:
    """A network whose forward passes give the outputs of its layers beside the logits; see `recorded`.

    Attributes
    ----------
    forward : callable
        What takes a batch to logits: the network, unless it was compiled.
    """

    def __init__(self, model: nn.Module) -> None:
        self.forward: Callable[[Tensor], Tensor] = model
        self.outputs: dict[str, Tensor] = {}
        self.changes: dict[str, int] = {}
        self.copied: set[str] = set()

    def keep(self, layer: str, output: Tensor) -> None:
        """Take the output of a layer, see `layers.hooked`."""
        if layer in self.copied:
            output = output.clone()
        self.outputs[layer] = output
        if not torch.compiler.is_compiling():  # what is compiled shares no memory but by a copy
            self.changes[layer] = output._version

    def __call__(self, batch: Tensor) -> dict[str, Tensor]:
        """Outputs of all layers, and ``logits`` in float32, of one batch (n, 3, height, width).

        Of what `forward` gives beyond n, having filled the batch up, nothing is returned.
        """
        while True:
            self.outputs.clear()
            self.changes.clear()
            logits = self.forward(batch).float()
            overwritten = {
                layer for layer, count in self.changes.items() if self.outputs[layer]._version != count
            }
            if not overwritten:
                found = {**self.outputs, "logits": logits}
                return {layer: output[: len(batch)] for layer, output in found.items()}
            self.copied |= overwritten


@contextmanager
def recorded(model: nn.Module, layers: Iterable[str]) -> Iterator[Recorded]:
    """Record the outputs of layers in the forward passes of the block.

    They are the tensors that the network computes, not copies, except those that a later operation
    overwrites, such as a rectification in place. Torch counts the changes of a tensor: a pass that finds a
    changed one is repeated, and from then on that layer is copied.

    Parameters
    ----------
    model : nn.Module
    layers : iterable of str
        Names of modules, or ``pre_logits``.
    """
    found = Recorded(model)
    # In inference mode tensors would not count their changes.
    with torch.no_grad(), layers_of.hooked(model, list(layers), found.keep):
        yield found


def share_lost(values: Tensor, narrow: Tensor) -> Tensor:
    """Share of the variance over stimuli that is lost by keeping values in a narrower type.

    Estimated by the first and the last stimulus, which takes a fiftieth of a forward pass, where the variance
    over all takes as long as the pass: ‖error of their difference‖² / ‖their difference‖².

    Parameters
    ----------
    values, narrow : Tensor, shape (n_stimuli, ...)
        Of a single stimulus its differences from its own mean count.

    Returns
    -------
    Tensor, shape ()
        NaN where the two are the same, or a value is not finite.
    """
    first, last = ((kept[0].float(), kept[-1].float()) for kept in (values, narrow))
    own, other = (a - (b if len(values) > 1 else b.mean()) for a, b in (first, last))
    return (own - other).square().sum() / own.square().sum()
