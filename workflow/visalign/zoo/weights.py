"""What weights are called, by timm and in this pipeline."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NotRequired, TypedDict


class KindOfWeights(TypedDict):
    """The column of the model sheet that says where weights come from; cards have it too."""

    weights: str


class NamedWeights(KindOfWeights):
    """The columns of the model sheet that name weights; see `zoo.origins.origin`."""

    architecture: str
    source: NotRequired[str]


def is_repository(source: str) -> bool:
    """Whether a source of the hub is a repository, or a folder like one, and not a tag of timm's."""
    return "/" in source or ":" in source


def files_of(row: NamedWeights) -> list[Path]:
    """Files here that the weights of a row are made from, there or not: one file, or those of a folder."""
    source = row.get("source", "")
    if row["weights"] == "file":
        return [Path(source)] if source else []
    if row["weights"] == "hub" and source.startswith("local-dir:"):
        folder = Path(source.removeprefix("local-dir:"))
        return sorted(file for file in folder.iterdir() if file.is_file()) if folder.is_dir() else [folder]
    return []


def pretrained_name(row: NamedWeights) -> str:
    """Timm's name of a row's weights: with the tag where they are timm's own, else the architecture."""
    source = row.get("source", "")
    hub = row.get("weights", "hub") == "hub" and source and not is_repository(source)
    return f"{row['architecture']}.{source}" if hub else row["architecture"]


def trained_here(row: KindOfWeights) -> bool:
    """Whether the study itself trains the weights of a row, or of a card."""
    return bool(row["weights"] == "train")


def weights_id(row: NamedWeights) -> str:
    """Name of a model's weights: rows of the same architecture, weights and source share them."""
    source = row.get("source", "default")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", source):  # a path: names must differ where paths do
        source = hashlib.sha256(source.encode()).hexdigest()[:16]
    return f"{row['architecture']}-{row['weights']}-{source}"
