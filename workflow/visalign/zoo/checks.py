"""What can be known of a row of the model sheet without running its network on data."""

from __future__ import annotations

import functools
import json
from typing import Any

import timm
import torch
from torch import nn

from visalign.errors import InputError
from visalign.zoo import callables, network, structure
from visalign.zoo import layers as layers_of
from visalign.zoo.facts import Answer, Question, described
from visalign.zoo.origins import Origin, Unavailable, data_config, origin
from visalign.zoo.weights import files_of

#: Columns that a row fills where its repository has no config.
UNSAID = ("input_size", "crop_pct", "crop_mode", "interpolation")
#: Sides that networks want multiples of: strides, and patches.
STEPS = (32, 16, 14)


def facts_of(rows: list[Question]) -> list[Answer]:
    """Facts of rows of the model sheet, see `zoo.facts.resolve`; those of the same weights share one."""
    looked_up: dict[tuple[str, ...], Origin | InputError] = {}
    found = []
    for row in rows:
        if callables.is_callable(row["architecture"]):
            found.append(facts(row, look_up(row)))  # at this row's size
            continue
        key = (row["architecture"], row["weights"], row.get("source", ""))
        if key not in looked_up:
            looked_up[key] = look_up(row)
        found.append(facts(row, looked_up[key]))
    return found


def look_up(row: Question) -> Origin | InputError:
    """Origin of the weights of a row, of a file only names and shapes, or what is wrong with it."""
    try:
        found = origin(row, mapped=True)
    except InputError as error:
        return error
    found.state = None  # lest the tensors of all models be held
    return found


def facts(row: Question, known: Origin | InputError) -> Answer:
    """Facts of a row whose weights have been looked up."""
    found: Answer = {
        "data_config": None,
        "num_classes": None,
        "problem": None,
        "unavailable": None,
        "fetched": row["weights"] == "hub" and not files_of(row),
    }
    if isinstance(known, InputError):
        named = str(known).startswith(("architecture: ", "source: ", "weights: ", "input_size: "))
        reason = str(known) if named else f"source: {known}"
        if not isinstance(known, Unavailable):
            return found | {"problem": reason}
        found["unavailable"] = reason
        if callables.is_callable(row["architecture"]):
            return found | {"data_config": described(row)}
        known = Origin(data_config(row["architecture"]), 0, row["architecture"])  # to judge the input
    else:
        found["num_classes"] = known.num_classes
    found["data_config"] = known.data_config
    try:
        check_input(row, known)
    except InputError as error:
        found["problem"] = str(error)
    return found


def check_input(row: Question, known: Origin) -> None:
    """Raise InputError for an input size or layers of a row that its network does not have."""
    if known.network is not None:
        structure.set_outputs(known.network, known.num_classes)
        size = tuple(known.data_config["input_size"][1:])
        layers_of.layer_shapes(known.network, row.get("layers", "auto"), size)
        return
    if known.overlay is not None and (empty := [column for column in UNSAID if column not in row]):
        raise InputError(
            f"source: {row['source']}: has no config.json, so what input it takes is not known: fill "
            f"{', '.join(empty)} (mean and std are those of {row['architecture']})"
        )
    default = tuple(known.data_config["input_size"][1:])
    size = (row["input_size"],) * 2 if "input_size" in row else default
    layers = row.get("layers", "auto")
    if size == default and layers == "auto":
        return
    # By its own name timm would look up a repository again.
    name = row["architecture"] if ":" in known.name else known.name
    arguments = json.dumps(known.model_args)
    model = sized(name, arguments, size, default)
    if model is not None and layers != "auto":
        layers_of.layer_shapes(model, layers, size)


def sized(name: str, arguments: str, size: tuple[int, ...], default: tuple[int, ...]) -> nn.Module | None:
    """Network without memory for its tensors that takes an input size; None: it cannot be run like that.

    Raises
    ------
    InputError
        With the sizes nearby that it takes.
    """
    try:
        return run(name, arguments, size)
    except InputError as error:
        near = {size[0] // step * step + more for step in STEPS for more in (0, step)}
        sides = sorted((near | {default[0]}) - {0})
        taken = [str(side) for side in sides if takes(name, arguments, (side, side))]
        if str(default[0]) not in taken:  # then it is torch's meta device that it does not run on
            return None
        reason = str(error).removeprefix("input_size: ")
        raise InputError(f"input_size: {size[0]}: {reason}; it takes {', '.join(taken)}") from None


def takes(name: str, arguments: str, size: tuple[int, ...]) -> bool:
    """Whether a network takes an input size."""
    try:
        run(name, arguments, size)
    except InputError:
        return False
    return True


def run(name: str, arguments: str, size: tuple[int, ...]) -> nn.Module:
    """Run a network on an image without values; returns it."""
    model = build(name, arguments)
    patches: Any = getattr(model, "patch_embed", None)
    patch: Any = getattr(patches, "patch_size", None)
    covered = not isinstance(patch, tuple) or getattr(patches, "dynamic_img_pad", False)
    if not covered and any(side % of_patch for side, of_patch in zip(size, patch, strict=True)):
        raise InputError(f"input_size: patches of {patch[0]} × {patch[1]} would leave out rows of pixels")
    own = json.loads(arguments)
    network.resize(model, size, tuple(own["img_size"]) if "img_size" in own else None)
    layers_of.probe(model, [], size)
    return model


def build(name: str, arguments: str) -> nn.Module:
    """Build a network on torch's meta device, once where its size cannot be set."""
    model = built(name, arguments)
    if hasattr(model, "set_input_size"):
        built.cache_clear()
    return model


@functools.cache
def built(name: str, arguments: str) -> nn.Module:
    """Build a network on torch's meta device."""
    with torch.device("meta"):
        return timm.create_model(name, **json.loads(arguments)).eval()
