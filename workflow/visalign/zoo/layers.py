"""Layers of a model: which ones, their shapes, and their outputs in forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from visalign.errors import InputError
from visalign.zoo import structure
from visalign.zoo.ladders import PRE_LOGITS, at_equal_depths, blocks, ladder, number_of_blocks
from visalign.zoo.network import refused


def named(model: nn.Module, layers: str) -> list[str]:
    """Split comma-separated layer names; one that the model does not have is an InputError."""
    modules = dict(model.named_modules())
    names = [name.strip() for name in layers.split(",")]
    for name in names:
        if not name or (name not in modules and name != PRE_LOGITS):  # "" is the whole model
            raise InputError(f"layers: {name!r} is not a module of {type(model).__name__}")
    return names


def layer_shapes(model: nn.Module, layers: str, size: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Layers to record, in order, with their shapes without the stimulus axis.

    Parameters
    ----------
    layers : str
        ``auto`` (the usable part of `ladder`), ``auto:N`` (the usable ones of `blocks`, N of them at equal
        fractions of the depth), or comma-separated module names.
    size : (int, int)
        Input height and width.

    Raises
    ------
    InputError
        A layer that the model does not have or that cannot be recorded, or a ladder without any.
    """
    n_blocks = number_of_blocks(layers)
    automatic = n_blocks is not None or layers == "auto"
    names = blocks(model) if n_blocks else ladder(model) if automatic else named(model, layers)
    found = probe(model, names, size)
    shapes = {name: shape for name, shape in found.items() if not isinstance(shape, str)}
    if len(shapes) < len(found) and not automatic:
        name = next(name for name in found if name not in shapes)
        raise InputError(f"layers: {name!r} of {type(model).__name__} {found[name]}")
    if not shapes:
        raise InputError(f"layers: {layers} finds none in {type(model).__name__}: {found}")
    kept = at_equal_depths(list(shapes), n_blocks) if n_blocks else list(shapes)
    return {name: shapes[name] for name in kept}


def dimensions(model: nn.Module, layer: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Dimension names of a layer's array, unique to the layer where sizes may differ.

    Of three axes the two that are equal are space (inputs are square); where all are, timm's
    ``output_fmt`` decides.
    """
    rest = {1: ("channel",), 2: ("token", "channel"), 3: ("channel", "y", "x")}[len(shape)]
    if len(shape) == 3:
        last = shape[0] == shape[1] != shape[2]
        if last or (len(set(shape)) == 1 and str(getattr(model, "output_fmt", "NCHW")) == "NHWC"):
            rest = ("y", "x", "channel")
    return ("stimulus", *(f"{layer}_{name}" for name in rest))


def names_of(dimensions: tuple[str, ...]) -> tuple[str, ...]:
    """Names of axes after the first, without that of their layer: channel, y, x, token."""
    return tuple(name.rsplit("_", 1)[1] for name in dimensions[1:])


class TokenLayout(TypedDict):
    """How the token axis of a transformer is ordered."""

    prefix_tokens: int  # those before the patches: class, registers
    token_grid: list[int] | None  # rows and columns of the patches, row by row; None: the model does not say


def token_layout(model: nn.Module) -> TokenLayout:
    """How the token axis of a model is ordered, where it has one."""
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    return {
        "prefix_tokens": int(getattr(model, "num_prefix_tokens", 0)),
        "token_grid": [int(side) for side in grid] if grid else None,
    }


def hook(model: nn.Module, name: str, see: Callable[[str, Any], None]) -> Any:
    """Call ``see(name, output)`` at each forward pass of a layer; returns the hook's handle.

    ``pre_logits`` is the input of the classifier, of the first one where there are several. Of a
    layer that returns several tensors (tokens and their grid, branches) the first is its output.
    """
    if name == PRE_LOGITS:
        classifier = structure.classifier(model)
        if classifier is None:
            raise InputError(f"layers: {PRE_LOGITS}: no classifier found in {type(model).__name__}")
        return classifier.register_forward_pre_hook(lambda module, inputs: see(name, inputs[0]))
    module = model.get_submodule(name)

    def first_tensor(module: nn.Module, inputs: Any, output: Any) -> None:
        several = isinstance(output, (tuple, list)) and output
        see(name, output[0] if several else output)

    return module.register_forward_hook(first_tensor)


def probe(model: nn.Module, layers: list[str], size: tuple[int, ...]) -> dict[str, tuple[int, ...] | str]:
    """Shape of each layer without the stimulus axis, or why it cannot be recorded.

    Found by one forward pass of a grey image, of a network that is not timm's of two, so that a layer whose
    first axis is not the images is found. An input size that the model does not take is an InputError.
    """
    images = 1 if structure.is_timms(model) else 2
    found: dict[str, tuple[int, ...] | str] = dict.fromkeys(layers, "is not called")

    def see(name: str, output: Any) -> None:
        if not isinstance(output, Tensor):
            found[name] = f"returns {type(output).__name__}, not a tensor"
        elif output.ndim not in (2, 3, 4):
            found[name] = f"has {output.ndim} dimensions, expected 2, 3 or 4"
        elif len(output) != images:
            found[name] = f"has {len(output)} rows of {images} images: its first axis is not the images"
        else:
            found[name] = tuple(output.shape[1:])

    with hooked(model, layers, see), torch.inference_mode(), refused(model, size):
        model(torch.zeros(images, 3, *size, device=next(model.parameters()).device))
    return found


@contextmanager
def hooked(model: nn.Module, layers: list[str], see: Callable[[str, Any], None]) -> Iterator[None]:
    """Call ``see(name, output)`` of every layer in each forward pass of the block."""
    handles = [hook(model, name, see) for name in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
