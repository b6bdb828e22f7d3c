"""Tool list-layers: the layers that a model offers, with shapes and sizes."""

from __future__ import annotations

import argparse
import math

from visalign.study.options import at_least

EXAMPLES = """\
  python -m visalign list-layers tf_efficientnet_lite0
  python -m visalign list-layers resnet101 --layers auto:12
  python -m visalign list-layers vit_base_patch16_224 --input-size 224 --all
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign list-layers``."""
    parser.add_argument("architecture", metavar="MODEL", help="name of a timm architecture")
    parser.add_argument(
        "--input-size", type=at_least(1), help="side of the input in pixels (default: timm's own)"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--all", action="store_true", help="every module that returns a tensor")
    chosen.add_argument("--layers", default="auto", help="as in the model sheet, auto:12 for example (auto)")


def run(args: argparse.Namespace) -> None:
    """Print the layers of an architecture; weights play no part, so they are random."""
    import timm

    from visalign.zoo import layers as layers_of
    from visalign.zoo import network, origins

    config = origins.data_config(args.architecture)
    size = (args.input_size,) * 2 if args.input_size else tuple(config["input_size"][1:])
    model = timm.create_model(args.architecture).eval()
    network.resize(model, size)
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
