"""The file that holds the weights of a model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.io.files import replaced

if TYPE_CHECKING:
    import torch

#: Tensors of a network by their names.
State = dict[str, "torch.Tensor"]


def save(state: State, output: str | Path) -> str:
    """Save tensors by their names as safetensors, whole or not at all; returns the sha256 of the file."""
    with replaced(output) as partial:
        if state:
            import safetensors.torch

            safetensors.torch.save_file(state, partial)
        else:  # without torch, whose import takes seconds
            import safetensors.numpy

            safetensors.numpy.save_file({}, partial)
        return hashlib.sha256(partial.read_bytes()).hexdigest()
