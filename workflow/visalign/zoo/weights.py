"""What weights are called, by timm and in this pipeline."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NotRequired, TypedDict

from visalign.zoo import callables


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
    """Files here that the weights of a row are made from, there or not: one file, or those of a folder.

    Of a callable also the file that names it.
    """
    source = row.get("source", "")
    code = callables.code_file(row["architecture"]) if callables.is_callable(row["architecture"]) else None
    files = [code] if code else []
    if row["weights"] == "file" and source:
        files += files_at(Path(source))
    if row["weights"] == "hub" and source.startswith("local-dir:"):
        files += files_at(Path(source.removeprefix("local-dir:")))
    return files


def files_at(place: Path) -> list[Path]:
    """The files of a folder, or what else has this path, there or not."""
    return sorted(file for file in place.iterdir() if file.is_file()) if place.is_dir() else [place]


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
    architecture, source = row["architecture"], row.get("source", "default")
    if callables.is_callable(architecture):
        architecture = f"{architecture.rpartition(':')[2]}-{shortened(architecture)}"
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", source):  # a path: names must differ where paths do
        source = shortened(source)
    return f"{architecture}-{row['weights']}-{source}"


def shortened(text: str) -> str:
    """Return what stands for a text that cannot be part of the name of a file."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
