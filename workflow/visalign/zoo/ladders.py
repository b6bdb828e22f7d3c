"""Layers that are chosen without naming them: stages, and blocks at equal fractions of the depth."""

from __future__ import annotations

import math

from torch import nn

from visalign.errors import InputError
from visalign.zoo import structure
from visalign.zoo.structure import STAGES, is_numbered, size_of

#: At most this many block outputs in the ladder, evenly spaced.
LADDER_CAP = 12
PRE_LOGITS = "pre_logits"


def ladder(model: nn.Module) -> list[str]:
    """Architecture-independent layers: stem, each stage (or block) output, head, pre-logits.

    Of a list of modules the last one stands for it; see `stages`.
    """
    children = dict(model.named_children())
    names, numbered = list(children), stages(model)
    first, last = (names.index(numbered[i].split(".")[0]) for i in (0, -1))
    stem = [name for name in names[:first] if not isinstance(children[name], nn.ModuleList)]
    head = names[last + 1 :]
    before_pool = head[: head.index("global_pool")] if "global_pool" in head else []
    shown = [last_of(model, name) for name in evenly(numbered, LADDER_CAP)]
    # The input of a classifier of filters is what the last stage gives.
    pooled = structure.is_timms(model) or isinstance(structure.classifier(model), nn.Linear)
    return [*stem[-1:], *shown, *before_pool[-1:], *([PRE_LOGITS] if pooled else [])]


def evenly(names: list[str], most: int) -> list[str]:
    """At most so many of some names, evenly spaced, the first and the last among them."""
    if len(names) <= most:
        return names
    step = (len(names) - 1) / (most - 1)
    return [names[round(i * step)] for i in range(most)]


def stages(model: nn.Module, called: tuple[str, ...] = STAGES) -> list[str]:
    """Names of the stages of a model, or of its blocks where it has no stages, in order.

    The modules ``layer1``, ``layer2``, ... (or what else stages are `called`), else the children of the
    container (Sequential or ModuleList) that holds most parameters, where a stem may be one too, else the
    model's own children. Of a network that is not timm's see `structure.stages`.
    """
    if not structure.is_timms(model):
        return [unit.end for unit in structure.stages(model, called)]
    children = dict(model.named_children())
    names = list(children)
    numbered = [name for name in names if is_numbered(name, called)]
    containers = [
        (sum(p.numel() for p in child.parameters()), name)
        for name, child in children.items()
        if isinstance(child, (nn.Sequential, nn.ModuleList)) and len(child) > 1
    ]
    if not numbered and containers:
        _, body = max(containers)
        numbered = [f"{body}.{part}" for part, _ in children[body].named_children()]
    if not numbered:  # Inception names its blocks one by one
        before = names[: names.index("global_pool")] if "global_pool" in names else names[:-1]
        numbered = [name for name in before if next(children[name].parameters(), None) is not None]
    if not numbered:
        raise InputError(f"layers: no stages found in {type(model).__name__}; name layers in the model sheet")
    return numbered


def blocks(model: nn.Module) -> list[str]:
    """Names of the blocks of a model in order: those in the list of blocks of each stage, and so on inside.

    Where a block has parallel lists (CrossViT) those of each count.
    """
    called = (*STAGES, "level")
    if not structure.is_timms(model):
        parts = ((unit, inside(model, unit.start)) for unit in structure.stages(model, called))
        return [name for unit, found in parts for name in (found if found != [unit.start] else [unit.end])]
    return [block for stage in stages(model, called) for block in inside(model, stage)]


def inside(model: nn.Module, name: str) -> list[str]:
    """Names of the blocks in a module: those of its list of blocks, or itself where it has none.

    The list is the module, or the part that holds more than half of its parameters.
    """
    module = model.get_submodule(name)
    if is_list(module):
        members = [f"{name}.{part}" for part, _ in module.named_children()]
        return [block for member in members for block in inside(model, member)]
    for part, child in module.named_children():
        if (
            part != "branches" and is_list(child) and 2 * size_of(child) > size_of(module)
        ):  # parallel in HRNet
            return inside(model, f"{name}.{part}")
    return [name]


def is_list(module: nn.Module) -> bool:
    """Whether a module is a list of blocks: of modules that are made of modules, as a convolution is not."""
    members = [child for child in module.children() if size_of(child)]
    listing = isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict))
    listing = listing or type(module).__name__ == "RegStage"  # of RegNet, whose blocks are its attributes
    compound = all(next(member.children(), None) is not None for member in members)
    return bool(members) and compound and listing


def at_equal_depths(names: list[str], n: int) -> list[str]:
    """Of the blocks of a model those at 1/n, 2/n, ... n/n of its depth; all where there are fewer than n."""
    positions = range(1, min(n, len(names)) + 1)
    return [names[math.ceil(i * len(names) / len(positions)) - 1] for i in positions]


def last_of(model: nn.Module, name: str) -> str:
    """Name of the last module of a ModuleList, which is never called itself, else `name`."""
    module = model.get_submodule(name)
    return last_of(model, f"{name}.{len(module) - 1}") if isinstance(module, nn.ModuleList) else name


def number_of_blocks(layers: str) -> int | None:
    """N of ``auto:N``, or None: it is something else; an N that is no number from 1 on is an InputError."""
    kind, colon, number = layers.partition(":")
    if kind != "auto" or not colon:
        return None
    if not number.isascii() or not number.isdigit() or int(number) < 1:
        raise InputError(f"layers: {layers!r}: expected auto:N with a number N of blocks")
    return int(number)
