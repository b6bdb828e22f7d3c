"""What a training starts from: its images, the base with its head, and a hash of all that decides it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from visalign.errors import InputError
from visalign.io.files import inputs_hash
from visalign.labels import spaces
from visalign.stimuli import tables
from visalign.zoo import device, network, structure

if TYPE_CHECKING:
    from visalign.stimuli.transforms import DataConfig
    from visalign.zoo.card import ModelCard


def launched(devices: int, precision: str) -> Fabric:
    """Claim GPUs where there are any, and start the processes of a training; precision may be ``auto``."""
    device.claim_once(devices)
    accelerator = device.device().type
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=resolved(precision),  # type: ignore[arg-type]
        plugins=LightningEnvironment(),  # starts its processes itself, inside a Slurm job too
    )
    fabric.launch()
    return fabric


def resolved(precision: str) -> str:
    """Return the precision that ``auto`` stands for on this machine, or the one that is named."""
    if precision != "auto":
        return precision
    return "bf16-mixed" if device.device().type == "cuda" else "32-true"


def checked_classes(
    named: Sequence[tuple[str, pd.DataFrame]], card: ModelCard, label_space: str, where: str
) -> int:
    """Classes that the trained model answers with: the base's, or those of a new head.

    A new head has all classes of a label space whose size is known, else as many as the largest label asks.

    Parameters
    ----------
    named : sequence of (str, DataFrame)
        Files and stimulus tables of the images.
    card : dict
        Of the base; `where` names it in errors.
    label_space : str
        Of the images.

    Raises
    ------
    InputError
        A label that is missing or none of the classes.
    """
    for path, table in named:
        if "label" not in table or table["label"].isna().any():
            raise InputError(f"{path}: label: not every image has one")
    if card["label_space"] == label_space:
        classes = spaces.classes(card, where)
    else:
        classes = spaces.size(label_space) or max(int(table["label"].max()) for _, table in named) + 1
    for path, table in named:
        tables.labels(table, classes, path)
    return classes


def start(
    card: ModelCard,
    weights: str | Path,
    *,
    label_space: str,
    classes: int,
    input_size: int | None,
    seed: int,
) -> tuple[torch.nn.Module, DataConfig]:
    """Load the base, with a new head, drawn by the seed, where its label space is not that of the images.

    Returns
    -------
    model : nn.Module
        Of the input size, in its first state.
    data_config : dict
        What it takes.
    """
    new_head = card["label_space"] != label_space
    # A new head is no base's, of which a part may have been meant.
    model = network.build(card | {"label_space": "none"} if new_head else card, weights)
    data_config = card["data_config"]
    if input_size:
        network.resize(model, (input_size,) * 2, tuple(data_config["input_size"][1:]))
        data_config = data_config | {"input_size": [3, input_size, input_size]}
    if new_head:
        torch.manual_seed(seed)
        structure.replace_head(model, classes)
    return model.to(memory_format=torch.channels_last), data_config  # as the inputs are, and faster


def identify(
    card: ModelCard, options: Mapping[str, object], files: Sequence[str | None], version: int
) -> str:
    """Hash of all that decides a training and its metrics.

    Parameters
    ----------
    card : dict
        Of the base.
    options : mapping
        Of the recipe and of the way images are fed.
    files : sequence of str or None
        Small ones that say which images and maps.
    version : int
        Of the command.
    """
    base = dict(sha256=card["sha256"], label_space=card["label_space"], data_config=card["data_config"])
    content = json.dumps([dict(options), base, inputs_hash(*filter(None, files)), version], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
