"""What the outputs of a network mean: sizes of label spaces, and class maps from larger heads onto them.

A head is known by its number of outputs, as in timm. Where it has all classes of the declared label space
among others (subsets of ImageNet-21k, a background class), the network answers with these classes only; a
head of any other size has no scores that rest on labels.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from visalign.errors import InputError

#: Label spaces that are known, under timm's names: number of classes, and timm's list of their synsets.
SPACES = {
    "imagenet-1k": (1000, "imagenet"),
    "imagenet-12k": (11821, "imagenet12k"),
    "imagenet-21k": (21843, "imagenet21k_goog"),  # timm means Google's
    "imagenet-21k-goog": (21843, "imagenet21k_goog"),
    "imagenet-21k-miil": (11221, "imagenet21k_miil"),
    "imagenet-22k": (21841, "imagenet22k"),
    "imagenet-22k-ms": (21842, "imagenet22k_ms"),
    "imagenet-a": (200, "imagenet_a"),
    "imagenet-r": (200, "imagenet_r"),
    "mini-imagenet": (100, "mini_imagenet"),
}
#: ImageNet's classes after one for the background, as networks of TensorFlow have them.
BACKGROUND = "imagenet-1k-background"
#: Label space of a head, by its number of outputs.
HEADS = {
    1000: "imagenet-1k",
    1001: BACKGROUND,
    11221: "imagenet-21k-miil",
    11821: "imagenet-12k",
    21841: "imagenet-22k",
    21842: "imagenet-22k-ms",
    21843: "imagenet-21k-goog",
}
#: Label space of a head -> smaller label space -> how many classes of this one the head lacks, by timm's
#: lists, which are not there in every environment that plans or writes a card.
LACKING = {
    "imagenet-1k": {"imagenet-a": 0, "imagenet-r": 0, "mini-imagenet": 0},
    BACKGROUND: {"imagenet-1k": 0},
    "imagenet-21k-miil": {"imagenet-1k": 9, "imagenet-a": 1, "imagenet-r": 0, "mini-imagenet": 1},
    "imagenet-12k": {
        "imagenet-1k": 7,
        "imagenet-a": 1,
        "imagenet-r": 0,
        "mini-imagenet": 1,
        "imagenet-21k-miil": 0,
    },
    "imagenet-22k": {
        "imagenet-1k": 1,
        "imagenet-a": 1,
        "imagenet-r": 0,
        "mini-imagenet": 0,
        "imagenet-21k-miil": 0,
        "imagenet-12k": 0,
    },
    "imagenet-21k-goog": {
        "imagenet-1k": 1,
        "imagenet-a": 1,
        "imagenet-r": 0,
        "mini-imagenet": 0,
        "imagenet-21k-miil": 0,
        "imagenet-12k": 0,
        "imagenet-22k": 0,
    },
    "imagenet-22k-ms": {
        "imagenet-1k": 0,
        "imagenet-a": 0,
        "imagenet-r": 0,
        "mini-imagenet": 0,
        "imagenet-21k-miil": 0,
        "imagenet-12k": 0,
        "imagenet-22k": 0,
    },
}


#: What cards and stores say of a head that is not read as it is, see `provenance`.
READ_AS: tuple[Literal["class_map", "undefined"], ...] = ("class_map", "undefined")


class Head(TypedDict):
    """What the card of a model says of its outputs."""

    num_classes: int
    label_space: NotRequired[str]


def size(label_space: str) -> int | None:
    """Number of classes of a label space, or None where it is not known."""
    return SPACES[label_space][0] if label_space in SPACES else None


def class_map(outputs: int | None, label_space: str) -> str | None:
    """Label space of a head that answers with the classes of `label_space` only, or None: with all it has."""
    if outputs is None or size(label_space) == outputs:
        return None
    head = HEADS.get(outputs, "")
    return head if LACKING.get(head, {}).get(label_space) == 0 else None


def misfit(outputs: int | None, label_space: str) -> str | None:
    """Why a head cannot be read as a label space, or None: it can, or nothing is known against it.

    Parameters
    ----------
    outputs : int, optional
        Number of outputs of the head; None: not known yet.
    label_space : str
        As declared for the model.
    """
    n_classes = size(label_space)
    if outputs is None or label_space == "none" or outputs == n_classes or class_map(outputs, label_space):
        return None
    if outputs == 0:
        return f"the network has no head, so no outputs that stand for classes of label space {label_space}"
    if n_classes is None:
        return None
    reason = f"the head has {outputs} outputs, label space {label_space} has {n_classes} classes"
    lacking = LACKING.get(HEADS.get(outputs, ""), {}).get(label_space)
    if lacking:
        reason += f", {lacking} of which are not among the outputs of {HEADS[outputs]}"
    return reason


def label_mismatch(model_space: str, stimuli_space: str, stimuli: str) -> str | None:
    """Why labels of a stimulus set cannot be compared with a model's output, or None."""
    if model_space == stimuli_space != "none":
        return None
    return f"label space {stimuli_space} of {stimuli} is not the model's {model_space}"


def classes(card: Head, where: str | Path) -> int:
    """Number of classes that the network of a card answers with.

    Raises
    ------
    InputError
        Its head cannot be read as its label space.
    """
    outputs, label_space = card["num_classes"], card.get("label_space", "none")
    if reason := misfit(outputs, label_space):
        raise InputError(f"{where}: num_classes: {reason}")
    return SPACES[label_space][0] if class_map(outputs, label_space) else outputs


def check_imagenet(card: Head, where: str | Path) -> None:
    """Raise InputError unless the network of a card answers with ImageNet-1k's classes."""
    outputs, label_space = card["num_classes"], card.get("label_space", "none")
    if label_space != "imagenet-1k":
        raise InputError(f"{where}: label_space: {label_space} is not imagenet-1k")
    if misfit(outputs, label_space):
        raise InputError(f"{where}: num_classes: {outputs} are not ImageNet's 1000")


def provenance(card: Head) -> dict[str, str]:
    """What cards and stores say of a head that is not read as it is; empty for any other.

    Returns
    -------
    dict
        ``class_map``: label space of the head, of which the classes of the declared label space are taken; or
        ``undefined``: why no score can rest on its outputs.
    """
    outputs, label_space = card["num_classes"], card.get("label_space", "none")
    found = zip(READ_AS, (class_map(outputs, label_space), misfit(outputs, label_space)), strict=True)
    return {name: text for name, text in found if text}


def indices(card: Head) -> list[int] | None:
    """Output of each class of a card's label space, in order, or None: the outputs are the classes."""
    label_space = card.get("label_space", "none")
    head = class_map(card["num_classes"], label_space)
    if head is None:
        return None
    if head == BACKGROUND:
        return list(range(1, card["num_classes"]))
    position = {synset: output for output, synset in enumerate(synsets(head))}
    return [position[synset] for synset in synsets(label_space)]


def synsets(label_space: str) -> list[str]:
    """WordNet's names of the classes of one of timm's label spaces, in order, from the installed timm."""
    spec = importlib.util.find_spec("timm")  # not imported: that takes seconds
    if spec is None or spec.origin is None:
        raise InputError("timm, which has the lists of classes, is not installed")
    name = f"data/_info/{SPACES[label_space][1]}_synsets.txt"
    return (Path(spec.origin).parent / name).read_text().split()
