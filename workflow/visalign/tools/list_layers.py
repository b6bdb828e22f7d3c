"""Tool list-layers: the layers that a model offers, with shapes and sizes."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.study.options import at_least

if TYPE_CHECKING:
    from torch import nn

EXAMPLES = """\
  python -m visalign list-layers tf_efficientnet_lite0
  python -m visalign list-layers resnet101 --layers auto:12
  python -m visalign list-layers vit_base_patch16_224 --input-size 224 --all
  python -m visalign list-layers torchvision.models:squeezenet1_1 --input-size 227
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign list-layers``."""
    parser.add_argument("architecture", metavar="MODEL", help="architecture, as in the model sheet")
    parser.add_argument(
        "--input-size", type=at_least(1), help="side of the input in pixels (default: timm's own)"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--all", action="store_true", help="every module that returns a tensor")
    chosen.add_argument("--layers", default="auto", help="as in the model sheet, auto:12 for example (auto)")


def network_of(architecture: str, side: int | None) -> tuple[nn.Module, tuple[int, int]]:
    """Network of an architecture, and the size of its input."""
    from visalign.zoo import callables, network, origins

    if callables.is_callable(architecture):
        if side is None:
            raise InputError(f"--input-size: {architecture} does not say which it takes")
        return callables.make(architecture).eval(), (side, side)
    import timm

    height, width = (side, side) if side else origins.data_config(architecture)["input_size"][1:]
    model = timm.create_model(architecture).eval()
    network.resize(model, (height, width))
    return model, (height, width)


def run(args: argparse.Namespace) -> None:
    """Print the layers of an architecture; weights play no part, so they are random."""
    from visalign.zoo import layers as layers_of

    model, size = network_of(args.architecture, args.input_size)
    if args.all:
        leaves = [name for name, module in model.named_modules() if name and not list(module.children())]
        found = layers_of.probe(model, leaves, size)
        shapes = {name: shape for name, shape in found.items() if not isinstance(shape, str)}
    else:
        shapes = layers_of.layer_shapes(model, args.layers, size)
    for layer, shape in shapes.items():
        axes = [name.removeprefix(f"{layer}_") for name in layers_of.dimensions(model, layer, shape)[1:]]
        text = " × ".join(map(str, shape))
        print(f"{layer:40s} {' × '.join(axes):>17s} {text:>16s} {math.prod(shape):>10d}")
