"""Tool list-layers: the layers that a model offers, with shapes and sizes."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

EXAMPLES = """\
  python -m visalign list-layers tf_efficientnet_lite0
  python -m visalign list-layers vit_base_patch16_224 --input-size 224 --all
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign list-layers``."""
    parser.add_argument("architecture", metavar="MODEL", help="name of a timm architecture")
    parser.add_argument("--input-size", type=int, help="side of the input in pixels (default: timm's own)")
    parser.add_argument(
        "--all", action="store_true", help="every module that returns a tensor, not only auto"
    )


def describe(model: nn.Module, layers: list[str], size: tuple[int, int]) -> list[dict[str, Any]]:
    """Shapes of layers, from one forward pass of a grey image.

    Returns
    -------
    list of dict
        ``layer``, ``shape`` without the stimulus axis, ``size`` (its product), in `layers`' order.

    Raises
    ------
    InputError
        A layer that is not there or does not return one tensor.
    """
    import torch

    from visalign import network

    with torch.inference_mode(), network.recorded(model, layers) as outputs:
        model(torch.zeros(1, 3, *size, device=next(model.parameters()).device))
    shapes = {layer: tuple(outputs[layer].shape[1:]) for layer in layers}
    return [{"layer": layer, "shape": shape, "size": math.prod(shape)} for layer, shape in shapes.items()]


def run(args: argparse.Namespace) -> None:
    """Print the layers of an architecture; weights play no part, so they are random."""
    import timm

    from visalign import models, network

    config = models.data_config(args.architecture)
    size = (args.input_size,) * 2 if args.input_size else tuple(config["input_size"][1:])
    model = timm.create_model(args.architecture).eval()
    network.resize(model, size)
    layers = network.layer_names(model, "auto", size)
    if args.all:
        leaves = [name for name, module in model.named_modules() if name and not list(module.children())]
        refused = network.unusable(model, leaves, size)
        layers = [name for name in leaves if name not in refused]
    for entry in describe(model, layers, size):
        shape = " × ".join(map(str, entry["shape"]))
        print(f"{entry['layer']:40s} {shape:>20s} {entry['size']:>10d}")
