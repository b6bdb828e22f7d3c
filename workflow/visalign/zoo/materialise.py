"""Models made from rows of the model sheet: built, given their weights, and written as safetensors."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visalign.errors import InputError
from visalign.zoo import callables, checkpoints, hub, low_level
from visalign.zoo.card import ModelCard
from visalign.zoo.origins import Origin, origin
from visalign.zoo.weights import NamedWeights, is_repository
from visalign.zoo.weights_file import save

if TYPE_CHECKING:
    from visalign.stimuli.transforms import DataConfig


def materialise(architecture: str, weights: str, source: str) -> Any:
    """Return a model of the sheet with its weights; see `origin`."""
    row: NamedWeights = {"architecture": architecture, "weights": weights, "source": source}
    return build(origin(row), row)


def build(found: Origin, row: NamedWeights) -> Any:
    """Build the network of a row, and give it its weights."""
    import timm
    import torch

    if found.network is not None:
        return completed(found, row["architecture"])
    if row["weights"] == "random":
        torch.manual_seed(int(row["source"]))
        return timm.create_model(row["architecture"])
    if row["weights"] == "hub" or found.name.startswith("local-dir:"):
        return fetch(found, row.get("source", ""))
    model = timm.create_model(row["architecture"], num_classes=found.num_classes)
    model.load_state_dict(found.state)  # type: ignore[arg-type]
    checkpoints.check_finite(model, found.path)  # type: ignore[arg-type]
    return model


def completed(found: Origin, architecture: str) -> Any:
    """Give the network of a callable its weights, and check that they are all of it."""
    network: Any = found.network
    if found.state is not None:
        network.load_state_dict(found.state)
    checkpoints.check_finite(network, found.path or f"architecture: {architecture}")
    found.num_classes = network.num_classes = callables.outputs(network, architecture, found.data_config)
    callables.check_whole(network, architecture, found.data_config)
    return network


def fetch(found: Origin, source: str) -> Any:
    """Fetch the weights of the hub; timm loads them, and a repository's must be all that the network has."""
    import pickle

    import safetensors
    import timm

    overheard, where = Overheard(), f"source: {source or found.name}"
    damaged = (EOFError, pickle.UnpicklingError, safetensors.SafetensorError)
    logging.getLogger("timm.models._builder").addHandler(overheard)
    try:
        model = timm.create_model(found.name, pretrained=True, pretrained_cfg_overlay=found.overlay)
    except Exception as error:  # of the hub's library, which has many kinds
        check_fetched(found, where)  # the reason of the reason
        meaning = hub.meaning(error, found.name)
        if meaning is None and not isinstance(error, (OSError, RuntimeError, ValueError, *damaged)):
            raise
        raise InputError(f"{where}: {meaning or ' '.join(str(error).split())[:500]}") from None
    finally:
        logging.getLogger("timm.models._builder").removeHandler(overheard)
    found.commit = check_fetched(found, where)
    if is_repository(source) or found.name.startswith("local-dir:"):
        for message in overheard.messages:
            if message.startswith(("Missing keys", "Unable to convert")):
                raise InputError(f"{where}: {message}")
        found.notes += [message for message in overheard.messages if message.startswith("Unexpected keys")]
        checkpoints.check_finite(model, where)
    return model


def check_fetched(found: Origin, where: str) -> str | None:
    """Commit of the files that were fetched for a network; None: of the hub, none were.

    Raises
    ------
    InputError
        A file that is not what the hub named.
    """
    import timm

    kind, name = timm.models.parse_model_name(found.name)
    if kind == "local-dir":
        return None
    own = timm.get_pretrained_cfg(found.name) if kind == "timm" else None
    identifier = (found.overlay or {}).get("hf_hub_id") or (own.hf_hub_id if own else name)
    folder = hub.cached(identifier) if identifier and "/" in identifier else None
    if folder is None:
        return None
    if damaged := hub.damage(folder):
        raise InputError(f"{where}: {damaged}")
    return folder.name


class Overheard(logging.Handler):
    """Keeps what timm logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())


def write_weights(row: NamedWeights, output: str | Path, data_config: DataConfig | None = None) -> ModelCard:
    """Write the weights of a row, see `origin`, as safetensors; returns what a card says of them.

    Those of a low-level model are no tensors at all. `data_config` is the input of a callable's network.
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
    found = origin(row, data_config=data_config)
    model = build(found, row)
    made = callables.is_callable(row["architecture"])
    state = callables.state_of(model, row["architecture"]) if made else model.state_dict()
    for note in found.notes:
        print(f"{row['architecture']}: {note}", file=sys.stderr)
    card: ModelCard = {
        "architecture": row["architecture"],
        "weights": row["weights"],
        "source": source,
        "sha256": save({name: tensor.contiguous() for name, tensor in state.items()}, output),
        "parameters": sum(p.numel() for p in model.parameters()),
        "num_classes": model.num_classes,
        "data_config": found.data_config,
    }
    if found.model_args:
        card["model_args"] = found.model_args
    if found.notes:
        card["fitted"] = found.notes
    if found.commit:
        card["commit"] = found.commit
    if made and (code := callables.code_of(row["architecture"])):
        card["code_sha256"] = code[1]
    return card
