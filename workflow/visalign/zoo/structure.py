"""Any network of torch, not only timm's: its stages and its classifier, by the order of its modules."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from visalign.errors import InputError

#: What stages are called, before their number.
STAGES = ("layer", "stage", "s")


class Unit(NamedTuple):
    """A stage of a network: the module that it begins with, and the one whose output is the stage's."""

    start: str
    end: str


def is_timms(model: nn.Module) -> bool:
    """Whether a network has the methods that all of timm's have."""
    return hasattr(model, "get_classifier")


def size_of(module: nn.Module) -> int:
    """Number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def is_numbered(name: str, called: tuple[str, ...] = STAGES) -> bool:
    """Whether a module is called as a stage is: ``layer1``, ``stage2``."""
    return name.rstrip("0123456789") in called and name[-1].isdigit()


def stages(model: nn.Module, called: tuple[str, ...] = STAGES) -> list[Unit]:
    """Stages of a network of which nothing is known, in order.

    The last child that has parameters is taken for the head. Of the others, those that are `called` stages
    and numbered are the stages. Else the search goes on inside the `trunk`, if there is one: the members of a
    list (Sequential or ModuleList) are stages, see `units`. Where there is none, the children are.

    Raises
    ------
    InputError
        A network of a single layer.
    """
    prefix, module, whole = "", model, True
    while True:
        parts = {name: child for name, child in module.named_children() if size_of(child)}
        if whole and len(parts) > 1:  # a wrapper has a single part, and the head is further inside
            parts.popitem()
            whole = False
        numbered = [name for name in parts if is_numbered(name, called)]
        if numbered:
            return [Unit(prefix + name, prefix + name) for name in numbered]
        if not parts:
            raise InputError(
                f"layers: no stages found in {type(model).__name__}; name layers in the model sheet"
            )
        name = trunk(parts)
        if name is None:
            return units(module, list(parts), prefix)
        prefix, module = f"{prefix}{name}.", parts[name]
        if not whole and isinstance(module, (nn.Sequential, nn.ModuleList)) and len(module) > 1:
            return units(module, [part for part, _ in module.named_children()], prefix)


def units(module: nn.Module, names: list[str], prefix: str) -> list[Unit]:
    """Stages among some children of a module: those that have parameters, with what belongs to them.

    In a Sequential, which calls its members in order, normalisation, rectification and pooling belong to the
    member before them, so that a stage ends with what the next one sees.
    """
    found: list[Unit] = []
    for name, child in module.named_children():
        if name not in names:
            continue
        follows = isinstance(module, nn.Sequential) and found
        if follows and (not size_of(child) or is_norm(child)):
            found[-1] = found[-1]._replace(end=prefix + name)
        elif size_of(child):
            found.append(Unit(prefix + name, prefix + name))
    return found


def is_norm(module: nn.Module) -> bool:
    """Whether a module normalises, and does nothing else."""
    return "norm" in type(module).__name__.lower() and next(module.children(), None) is None


def trunk(parts: dict[str, nn.Module]) -> str | None:
    """Name of the part of a network that holds its stages, or None: the parts themselves are stages.

    The part that has more than half of the parameters, and parts of its own. Where others are of its class
    all are stages, of which the last may be as large, unless it has nine tenths of the parameters.
    """
    name, largest = max(parts.items(), key=lambda part: size_of(part[1]))
    share = size_of(largest) / sum(map(size_of, parts.values()))
    alone = all(part is largest or type(part) is not type(largest) for part in parts.values())
    inside = any(size_of(child) for child in largest.children())
    return name if inside and (share > 0.9 or (share > 0.5 and alone)) else None


def last_layer(model: nn.Module) -> tuple[str, nn.Module] | None:
    """Name and module of the last layer that has parameters, in the order of definition."""
    leaves = [
        (name, module)
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    return leaves[-1] if leaves else None


def outputs_of(layer: nn.Module) -> int | None:
    """Outputs of a layer that may be a classifier, fully connected or of 1 × 1 filters; None of another."""
    if isinstance(layer, nn.Linear):
        return layer.out_features
    if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1:
        return layer.out_channels
    return None


def classifier(model: nn.Module) -> nn.Module | None:
    """Layer that turns features into the outputs of a network; None: none is found.

    Of a network that is not timm's the last layer, where it has as many outputs as the network's
    ``num_classes``; of several classifiers of one of timm's the first.
    """
    if is_timms(model):
        found = model.get_classifier()  # type: ignore[operator]
        return found[0] if isinstance(found, tuple) else found
    last = last_layer(model)
    outputs = outputs_of(last[1]) if last else None
    return last[1] if last and outputs and outputs == getattr(model, "num_classes", None) else None


def set_outputs(model: nn.Module, outputs: int) -> None:
    """Say how many outputs a network has, where timm's networks say so.

    Raises
    ------
    InputError
        Its ``num_classes`` says otherwise, and cannot be set.
    """
    try:
        model.num_classes = outputs  # type: ignore[assignment]
    except AttributeError:
        said = getattr(model, "num_classes", None)
        if said != outputs:
            name = type(model).__name__
            raise InputError(f"{name}.num_classes: is {said}, the network has {outputs} outputs") from None


def replace_head(model: nn.Module, outputs: int) -> None:
    """Give a network a new classifier of so many outputs, drawn by torch's generator.

    Raises
    ------
    InputError
        A network whose classifier is not found.
    """
    if is_timms(model):
        model.reset_classifier(outputs)  # type: ignore[operator]
        return
    last, old = last_layer(model), classifier(model)
    if old is None or last is None:
        raise InputError(f"label_space: {type(model).__name__} has no classifier that can be replaced")
    bias, where = old.bias is not None, next(old.parameters())
    new: nn.Module
    if isinstance(old, nn.Linear):
        new = nn.Linear(old.in_features, outputs, bias=bias)
    else:
        assert isinstance(old, nn.Conv2d)
        new = nn.Conv2d(old.in_channels, outputs, 1, old.stride, old.padding, bias=bias)  # type: ignore[arg-type]
    parent, _, name = last[0].rpartition(".")
    setattr(model.get_submodule(parent), name, new.to(where.device, where.dtype))
    set_outputs(model, outputs)
