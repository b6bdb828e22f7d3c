"""Models made from rows of the model sheet: built, given their weights, and written as safetensors."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from visalign.errors import InputError
from visalign.zoo import checkpoints, low_level
from visalign.zoo.card import ModelCard
from visalign.zoo.origins import Origin, origin
from visalign.zoo.weights import NamedWeights, is_repository
from visalign.zoo.weights_file import save


def materialise(architecture: str, weights: str, source: str) -> Any:
    """Return a model of the sheet with its weights; see `origin`."""
    row: NamedWeights = {"architecture": architecture, "weights": weights, "source": source}
    return build(origin(row), row)


def build(found: Origin, row: NamedWeights) -> Any:
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


def write_weights(row: NamedWeights, output: str | Path) -> ModelCard:
    """Write the weights of a row, see `origin`, as safetensors; returns what a card says of them.

    Those of a low-level model are no tensors at all.
    """
    source = row.get("source", "")
    if row["weights"] == low_level.WEIGHTS:
        return {
            "architecture": row["architecture"],
            "weights": row["weights"],
            "source": source,
            "sha256": save({}, output),
            "parameters": 0,
            "num_classes": 0,
            "data_config": low_level.DATA_CONFIG,
        }
    found = origin(row)
    model = build(found, row)
    for note in found.notes:
        print(f"{row['architecture']}: {note}", file=sys.stderr)
    card: ModelCard = {
        "architecture": row["architecture"],
        "weights": row["weights"],
        "source": source,
        "sha256": save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, output),
        "parameters": sum(p.numel() for p in model.parameters()),
        "num_classes": model.num_classes,
        "data_config": found.data_config,
    }
    if found.model_args:
        card["model_args"] = found.model_args
    if found.notes:
        card["fitted"] = found.notes
    return card
