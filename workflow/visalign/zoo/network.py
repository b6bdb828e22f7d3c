"""Running a model: loading, input size, normalisation, gradient."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
import timm
import torch
from torch import Tensor, nn

from visalign.errors import InputError
from visalign.labels import spaces
from visalign.stimuli.transforms import Normalisation
from visalign.zoo import callables, structure
from visalign.zoo.card import ModelCard
from visalign.zoo.device import device
from visalign.zoo.weights import trained_here


def load(card: ModelCard, weights: str | Path) -> nn.Module:
    """Build the model of a card: eval mode, frozen, channels_last, on `device`; see `build`.

    Of a head that has more classes than the card's label space the logits are those of the label space.
    """
    model = build(card, weights).requires_grad_(False)
    return model.eval().to(device()).to(memory_format=torch.channels_last)


def build(card: ModelCard, weights: str | Path) -> nn.Module:
    """Build the model of a card for the input size and the label space that it names.

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
    if callables.is_callable(card["architecture"]):
        return restrict(of_callable(card, safetensors.torch.load(content)), spaces.indices(card))
    own = card.get("model_args", {})
    model = timm.create_model(card["architecture"], num_classes=card["num_classes"], **own)
    size = tuple(card["data_config"]["input_size"][1:])
    current = tuple(own["img_size"]) if "img_size" in own else None
    at_this_size = trained_here(card)  # which its position embeddings have
    if at_this_size:
        resize(model, size, current)
    model.load_state_dict(safetensors.torch.load(content), strict=True)
    if not at_this_size:
        resize(model, size, current)
    return restrict(model, spaces.indices(card))


def of_callable(card: ModelCard, state: dict[str, Tensor]) -> nn.Module:
    """Make the network of a callable with its weights; a trained one may have another head than it makes.

    Raises
    ------
    InputError
        The callable fails, or its code is not that of the card.
    """
    architecture = card["architecture"]
    code = callables.code_of(architecture)
    if code is not None and code[1] != card.get("code_sha256", code[1]):
        raise InputError(f"architecture: {architecture}: {code[0]} has changed since its card was written")
    try:
        model = callables.make(architecture)
    except OSError as error:
        raise InputError(f"architecture: {architecture}: fails: {callables.told(error)}") from None
    last = structure.last_layer(model)
    outputs = structure.outputs_of(last[1]) if last else None
    if trained_here(card) and last and outputs and f"{last[0]}.weight" in state:
        structure.set_outputs(model, outputs)
        if len(state[f"{last[0]}.weight"]) != outputs:
            structure.replace_head(model, card["num_classes"])
    structure.set_outputs(model, card["num_classes"])
    model.load_state_dict(state, strict=True)
    return model


def restrict(model: nn.Module, outputs: list[int] | None) -> nn.Module:
    """Let a model answer with some of its outputs (k,), in this order; None: with all of them.

    Layers, and hence what is recorded, stay as they are.
    """
    if outputs is not None:
        model.register_buffer("class_map", torch.tensor(outputs), persistent=False)  # moves with the model
        model.register_forward_hook(lambda module, inputs, logits: logits[:, module.class_map])
    return model


def resize(model: nn.Module, size: tuple[int, ...], current: tuple[int, ...] | None = None) -> None:
    """Fit a model to an input size (height, width): position embeddings are resampled, windows set.

    Convolutional networks take any size as they are. `current` is the size that it has, by default the one
    that timm gives its architecture.

    Raises
    ------
    InputError
        A size that the model does not take.
    """
    current = current or tuple(getattr(model, "pretrained_cfg", {}).get("input_size") or ())[1:]
    if not hasattr(model, "set_input_size") or current == size:
        return
    with refused(model, size):
        model.set_input_size(img_size=size)  # type: ignore[operator]


@contextmanager
def refused(model: nn.Module, size: tuple[int, ...]) -> Iterator[None]:
    """Raise InputError where a model does not take an input size (height, width) in the block."""
    try:
        yield
    except (torch.OutOfMemoryError, InputError):
        raise
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        says = (str(error).strip().splitlines() or [type(error).__name__])[0]
        name, sides = type(model).__name__, f"{size[0]} × {size[1]}"
        raise InputError(f"input_size: {name} does not take {sides}: {says}") from None


class Normalised(nn.Module):
    """A model that takes pixels in [0, 1] and normalises inside.

    Parameters
    ----------
    model : nn.Module
    data_config : Normalisation
    """

    def __init__(self, model: nn.Module, data_config: Normalisation) -> None:
        super().__init__()
        self.model = model
        where = next(model.parameters()).device
        self.mean = torch.tensor(data_config["mean"], device=where).view(3, 1, 1)
        self.std = torch.tensor(data_config["std"], device=where).view(3, 1, 1)

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return pixels (N, 3, H, W) in [0, 1] as the model's input."""
        return (pixels - self.mean).div_(self.std).contiguous(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (N, classes) of pixels (N, 3, H, W) in [0, 1]."""
        return self.model(self.normalise(pixels))


def gradient(model: Normalised, pixels: Tensor, labels: Tensor) -> Tensor:
    """Gradient of each image's own ground-truth logit with respect to the preprocessed input.

    Parameters
    ----------
    model : Normalised
    pixels : Tensor, shape (n, 3, height, width)
        In [0, 1].
    labels : Tensor of int, shape (n,)

    Returns
    -------
    Tensor, shape (n, 3, height, width)
        ∂ logit[label] / ∂ input, float32 (Fel et al. 2022, eq. 1).
    """
    inputs = model.normalise(pixels).detach().requires_grad_()
    # Images do not interact in eval mode, so the gradient of the sum is each image's own.
    own = model.model(inputs).gather(1, labels[:, None]).sum()
    return torch.autograd.grad(own, inputs)[0]
