"""Running a model: loading, normalisation, layers, batches of stimuli on the right device."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import timm
import torch
import zarr
from torch import Tensor, nn

from visalign.errors import InputError

#: At most this many block outputs in the automatic ladder, evenly spaced.
LADDER_CAP = 12
PRE_LOGITS = "pre_logits"


def device() -> torch.device:
    """The first visible CUDA device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load(card: dict[str, Any], weights: str | Path) -> nn.Module:
    """Build the model of a card: eval mode, frozen, channels_last, on `device`.

    Raises
    ------
    InputError
        The weight file is missing or its checksum is not the card's.
    """
    path = Path(weights)
    if not path.is_file():
        raise InputError(f"{path}: no such weight file")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != card["sha256"]:
        raise InputError(f"{path}: sha256 {digest} is not the card's {card['sha256']}")
    model = timm.create_model(card["architecture"])
    model.load_state_dict(safetensors.torch.load(content), strict=True)
    resize(model, tuple(card["data_config"]["input_size"][1:]))
    model.requires_grad_(False)
    return model.eval().to(device()).to(memory_format=torch.channels_last)


def resize(model: nn.Module, size: tuple[int, int]) -> None:
    """Fit a model to an input size (height, width): position embeddings are resampled, windows set.

    Convolutional networks take any size as they are.
    """
    native = getattr(model, "pretrained_cfg", {}).get("input_size")
    if hasattr(model, "set_input_size") and (native is None or tuple(native[1:]) != size):
        model.set_input_size(img_size=size)  # type: ignore[operator]


class Normalised(nn.Module):
    """A model that takes pixels in [0, 1] and normalises inside.

    Parameters
    ----------
    model : nn.Module
    data_config : dict
        ``mean`` and ``std`` per channel.
    """

    def __init__(self, model: nn.Module, data_config: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        where = next(model.parameters()).device
        self.mean = torch.tensor(data_config["mean"], device=where).view(3, 1, 1)
        self.std = torch.tensor(data_config["std"], device=where).view(3, 1, 1)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return pixels (N, 3, H, W) in [0, 1] as the model's input."""
        return ((pixels - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (N, classes) of pixels (N, 3, H, W) in [0, 1]."""
        return self.model(self.normalise(pixels))


def from_uint8(pixels: Any) -> Tensor:
    """Return stored pixels (n, 3, height, width) uint8 as float32 in [0, 1] on the device."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).to(device()).float().div_(255)


def pixel_batches(pixels: zarr.Array, batch_size: int, start: int = 0) -> Iterator[tuple[slice, Tensor]]:
    """Yield (rows, pixels in [0, 1] on the device) of a uint8 store, batch by batch.

    Parameters
    ----------
    pixels : zarr.Array of uint8, shape (n_stimuli, 3, height, width)
    """
    for first in range(start, pixels.shape[0], batch_size):
        rows = slice(first, min(first + batch_size, pixels.shape[0]))
        yield rows, from_uint8(pixels[rows])


def ladder(model: nn.Module) -> list[str]:
    """Architecture-independent layers: stem, each stage (or block) output, head, pre-logits.

    Stages are the modules ``layer1``, ``layer2``, ... (or ``stage1``, ``s1``), else the children of
    the container (Sequential or ModuleList) that holds most parameters: a stem may be one too.
    """
    children = dict(model.named_children())
    numbered = [
        name
        for name in children
        if name.rstrip("0123456789") in ("layer", "stage", "s") and name[-1].isdigit()
    ]
    containers = [
        (sum(p.numel() for p in child.parameters()), name)
        for name, child in children.items()
        if isinstance(child, (nn.Sequential, nn.ModuleList)) and len(child) > 1
    ]
    if not numbered and containers:
        _, body = max(containers)
        numbered = [f"{body}.{part}" for part, _ in children[body].named_children()]
    if not numbered:
        raise InputError(f"layers: no stages found in {type(model).__name__}; name layers in the model sheet")
    names = list(children)
    first, last = (names.index(numbered[i].split(".")[0]) for i in (0, -1))
    if len(numbered) > LADDER_CAP:
        picks = np.linspace(0, len(numbered) - 1, LADDER_CAP).round().astype(int)
        numbered = [numbered[i] for i in picks]
    stem, head = names[:first], names[last + 1 :]
    before_pool = head[: head.index("global_pool")] if "global_pool" in head else []
    return [*stem[-1:], *numbered, *before_pool[-1:], PRE_LOGITS]


def layer_names(model: nn.Module, layers: str, size: tuple[int, int]) -> list[str]:
    """Names of the layers to record: the usable part of the ladder, or those that are asked for.

    Parameters
    ----------
    layers : str
        ``auto``, or comma-separated module names.
    size : (int, int)
        Input height and width, at which the ladder is tried.

    Raises
    ------
    InputError
        A layer that the model does not have, or a ladder of which nothing can be recorded.
    """
    if layers == "auto":
        refused = unusable(model, ladder(model), size)
        usable = [name for name in ladder(model) if name not in refused]
        if not usable:
            raise InputError(f"layers: auto finds none in {type(model).__name__}: {refused}")
        return usable
    modules = dict(model.named_modules())
    names = [name.strip() for name in layers.split(",")]
    for name in names:
        if not name or (name not in modules and name != PRE_LOGITS):  # "" is the whole model
            raise InputError(f"layers: {name!r} is not a module of {type(model).__name__}")
    return names


def hook(model: nn.Module, name: str, see: Callable[[str, Any], None]) -> Any:
    """Call ``see(name, output)`` at each forward pass of a layer; returns the hook's handle.

    ``pre_logits`` is the input of the classifier, of the first one where there are several.
    """
    if name == PRE_LOGITS:
        classifier: Any = model.get_classifier()  # type: ignore[operator]
        first = classifier[0] if isinstance(classifier, tuple) else classifier
        return first.register_forward_pre_hook(lambda module, inputs: see(name, inputs[0]))
    module = model.get_submodule(name)
    return module.register_forward_hook(lambda module, inputs, output: see(name, output))


def unusable(model: nn.Module, layers: list[str], size: tuple[int, int]) -> dict[str, str]:
    """Layers that cannot be recorded, with the reason, from one forward pass of a grey image."""
    kinds: dict[str, str] = {}

    def see(name: str, output: Any) -> None:
        kinds[name] = "" if isinstance(output, Tensor) else f"returns {type(output).__name__}"

    handles = [hook(model, name, see) for name in layers]
    try:
        with torch.inference_mode():
            model(torch.zeros(1, 3, *size, device=next(model.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
    found = {name: kinds.get(name, "is not called") for name in layers}
    return {name: reason for name, reason in found.items() if reason}


@contextmanager
def recorded(model: nn.Module, layers: list[str]) -> Iterator[dict[str, Tensor]]:
    """Record the outputs of `layers` in each forward pass of the block.

    Yields
    ------
    dict of str to Tensor
        Refilled by every forward pass.

    Raises
    ------
    InputError
        A layer that does not return one tensor.
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise InputError(f"layers: {name!r} returns {type(output).__name__}, not one tensor")
        outputs[name] = output.detach().clone()  # a following in-place ReLU would overwrite it

    handles = [hook(model, name, keep) for name in layers]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
