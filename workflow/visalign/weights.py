"""What weights are called, by timm and in this pipeline."""

from __future__ import annotations

import hashlib
import re
from typing import Any


def pretrained_name(row: dict[str, Any]) -> str:
    """Timm's name of a row's weights: with the tag where they are timm's own, else the architecture."""
    source = row.get("source", "")
    hub = row.get("weights", "hub") == "hub" and source and "/" not in source
    return f"{row['architecture']}.{source}" if hub else row["architecture"]


def weights_id(row: dict[str, Any]) -> str:
    """Name of a model's weights: rows of the same architecture, weights and source share them."""
    source = row.get("source", "default")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", source):  # a path: names must differ where paths do
        source = hashlib.sha256(source.encode()).hexdigest()[:16]
    return f"{row['architecture']}-{row['weights']}-{source}"
