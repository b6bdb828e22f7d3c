"""Weight files of others: what is in them, and how their tensors become those of a network of timm.

What has to be done to make a file fit is told to the caller, a note each; tensors that cannot be placed are
an error. Files are read as tensors only: nothing in them is run.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from visalign.errors import InputError
from visalign.zoo.weights_file import State

#: Keys under which training code keeps a state dict, in the order in which they are looked for. timm, which
#: has the first four, takes the moving average of the weights where there is one.
EMA = ("state_dict_ema", "model_ema")
NESTED = (*EMA, "state_dict", "model", "model_state_dict", "net", "network", "weights")
#: Modules that wrap a network, and hence come before the names of its tensors.
WRAPPERS = {"_orig_mod", "module", "model", "net", "network", "backbone", "encoder", "timm_model"}
BATCHES = "num_batches_tracked"


# --- reading ---


def read(path: Path, notes: list[str], *, mapped: bool = False) -> State:
    """Read a state dict from safetensors or a weights-only torch file.

    Parameters
    ----------
    notes : list of str
        Gets what was chosen or left out.
    mapped : bool
        Map the file to memory, so that only what is looked at is read.

    Raises
    ------
    InputError
        There is no such file, it is damaged, or it holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such weight file")
    content = unpack(load(path, mapped), notes)
    if not is_state(content):
        wrong = next((name for name in content if not is_tensor(content[name])), None)
        holds = f" ({wrong!r} is {type(content[wrong]).__name__})" if wrong is not None else ""
        raise InputError(f"{path}: not a state dict of tensors{holds}")
    return content


def load(path: Path, mapped: bool) -> Any:
    """Load the content of a weight file."""
    import pickle

    import safetensors
    import safetensors.torch
    import torch

    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        # Checkpoints of timm hold the arguments of their training in such a namespace.
        with torch.serialization.safe_globals([argparse.Namespace]):
            mapped = mapped and zipfile.is_zipfile(path)  # others, of old versions of torch, cannot be
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except (pickle.UnpicklingError, RuntimeError, EOFError, safetensors.SafetensorError) as error:
        reason = (str(error).splitlines() or ["it ends too early"])[0]
        if objects := foreign(path):
            reason = f"it holds Python objects ({', '.join(objects)}); save its state dict alone"
        raise InputError(f"{path}: not a weight file: {reason}") from None


def foreign(path: Path) -> list[str]:
    """Names of the Python objects in a torch file that are more than tensors; they are not made."""
    import torch

    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # whatever a damaged file leads to
        return []


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor."""
    import torch

    return isinstance(value, torch.Tensor)


def unpack(content: object, notes: list[str]) -> dict[str, object]:
    """Find the state dict in what training code wrote; empty where there is none."""
    while isinstance(content, dict):
        inside = [key for key in NESTED if isinstance(content.get(key), dict)]
        if not inside:
            return content
        key = next((key for key in inside if key in EMA or is_state(content[key])), inside[0])
        others = [other for other, value in content.items() if other != key and is_state(value)]
        if key in EMA:
            notes.append(f"moving average of the weights ({key}), as timm takes it")
        if others:
            notes.append(f"{key} taken; left out: {', '.join(map(str, others))}")
        content = content[key]
    return {}


def is_state(value: object) -> TypeGuard[State]:
    """Whether a value is a dict of tensors."""
    return isinstance(value, dict) and bool(value) and all(map(is_tensor, value.values()))


# --- fitting ---


def fit(state: State, architecture: str, where: str | Path, notes: list[str]) -> tuple[State, int]:
    """Give the tensors of a file the names and shapes of a network of timm.

    Parameters
    ----------
    state : dict of str to Tensor
    architecture : str
        timm's name.
    notes : list of str
        Gets what had to be done.

    Returns
    -------
    state : dict of str to Tensor
        In the order of the network's own.
    num_classes : int
        Outputs of the head in the file; 0 where it has none.

    Raises
    ------
    InputError
        Tensors that do not fit, with their number and the first one.
    """
    network = on_meta(architecture)
    state, rest = unwrapped(state, list(network.state_dict()), where, notes)
    placed = place(state, network, architecture)
    if placed.wrong and (converted := convert(state, network, architecture)) is not None:
        again = place(converted, network, architecture)
        if not again.wrong:
            placed, lost = again, [name for name in state if name not in converted]
            new = [n for n in converted if n not in state or converted[n].shape != state[n].shape]
            notes.append(f"timm's conversion of files for {architecture}: {listed(new)} renamed or resampled")
            notes += [f"of the file's names {listed(lost)} are gone in it"] if lost else []
    if placed.wrong:
        first, reason = next(iter(placed.wrong.items()))
        n = len(placed.wrong)
        raise InputError(f"{where}: {n} tensors do not fit {architecture}, the first is {first}: {reason}")
    notes += placed.notes
    if rest:
        notes.append(f"left out {listed(rest)}")
    kinds = {str(tensor.dtype) for tensor in placed.state.values() if tensor.is_floating_point()}
    if kinds - {"torch.float32"}:
        notes.append(f"{', '.join(sorted(kinds))} stored as torch.float32")
    return placed.state, placed.num_classes


def fit_names(state: State, ours: State, what: str, where: str | Path, notes: list[str]) -> State:
    """Give the tensors of a file the order of a network whose names they have, but for wrappers.

    Parameters
    ----------
    state, ours : dict of str to Tensor
        Of the file, and of the network.
    what : str
        Names the network in errors.
    notes : list of str
        Gets what had to be done.

    Raises
    ------
    InputError
        Tensors that do not fit, with the first three on each side.
    """
    state, rest = unwrapped(state, list(ours), where, notes)
    state = with_batches(state, ours, notes)
    if misfits(state, ours):
        raise InputError(f"{where}: does not fit {what}: {sides(state, ours)}")
    if rest:
        notes.append(f"left out {listed(rest)}")
    return {name: state[name] for name in ours}


def sides(state: State, ours: State) -> str:
    """What is on one side alone, or differs in shape or kind: the first three names of each."""
    wrong = misfits(state, ours)
    lacking, more = [n for n in wrong if n not in state], [n for n in wrong if n not in ours]
    other = [f"{n}: {reason}" for n, reason in wrong.items() if n in state and n in ours]
    kinds = ("not in the file", lacking), ("not in the network", more), ("otherwise", other)
    return "; ".join(f"{kind} {first_three(names)}" for kind, names in kinds if names)


def first_three(names: list[str]) -> str:
    """Number of names, and the first three."""
    return f"{len(names)} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"


def with_batches(state: State, ours: State, notes: list[str]) -> State:
    """Add the counters of batches that a file lacks, which are 0 in torch."""
    import torch

    lacking = [name for name in ours if name not in state and name.endswith(BATCHES)]
    if not lacking:
        return state
    notes.append(f"{BATCHES} of {len(lacking)} layers, which the file lacks, is 0, as in torch")
    return state | {name: torch.zeros((), dtype=ours[name].dtype) for name in lacking}


@dataclass
class Placed:
    """Tensors under the names of a network with a head of so many outputs, and those that do not fit."""

    state: State
    num_classes: int
    wrong: dict[str, str]
    notes: list[str]


def place(state: State, network: Any, architecture: str) -> Placed:
    """Compare tensors with those of an architecture, whose head gets as many outputs as the file's has."""
    notes: list[str] = []
    outputs = head_size(state, list(network.state_dict()), classifiers(network), network.num_classes)
    if outputs != network.num_classes:
        notes.append(f"a head of {outputs} outputs" if outputs else "no head, since the file has none")
        network = on_meta(architecture, outputs)
    ours = network.state_dict()
    state = with_batches(state, ours, notes)
    wrong = misfits(state, ours)
    return Placed(state if wrong else {name: state[name] for name in ours}, outputs, wrong, notes)


def on_meta(architecture: str, num_classes: int | None = None) -> Any:
    """Network of an architecture without memory for its tensors."""
    import timm
    import torch

    with torch.device("meta"):
        return timm.create_model(architecture, num_classes=num_classes)


def classifiers(network: Any) -> list[str]:
    """Names of the modules that are the head, of which some networks have two."""
    named = network.pretrained_cfg.get("classifier") or []
    return [named] if isinstance(named, str) else list(named)


def unwrapped(state: State, names: list[str], where: str | Path, notes: list[str]) -> tuple[State, list[str]]:
    """Take the prefix of wrappers off the names of a network's tensors.

    Returns
    -------
    state : dict of str to Tensor
        What has the prefix, without it.
    rest : list of str
        Names of other tensors.
    """
    # Wherever the first tensor of the network is, the others are beside it.
    anchors = [key for key in state if key.endswith(names[0]) and key not in names[1:]]
    prefixes = [key.removesuffix(names[0]) for key in anchors]
    prefixes = [p for p in prefixes if f".{p}".endswith(".") and set(p.split(".")[:-1]) <= WRAPPERS]
    if len(prefixes) > 1:
        inside = " and ".join(repr(prefix) for prefix in prefixes)
        raise InputError(f"{where}: holds several networks, under {inside}; save one of them alone")
    prefix = prefixes[0] if prefixes else shared_prefix(state)
    if not prefix:
        return state, []
    notes.append(f"prefix {prefix} taken off")
    return (
        {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)},
        [key for key in state if not key.startswith(prefix)],
    )


def shared_prefix(state: State) -> str:
    """Prefix of wrappers that all names have."""
    first, prefix = next(iter(state)).split("."), ""
    for part in first[:-1]:
        longer = f"{prefix}{part}."
        if part not in WRAPPERS or not all(key.startswith(longer) for key in state):
            break
        prefix = longer
    return prefix


def head_size(state: State, names: list[str], heads: list[str], default: int) -> int:
    """Outputs of the head in a state dict: the rows of its weights, 0 where all but the head is there."""
    for head in heads:
        weight = state.get(f"{head}.weight")
        if weight is not None and weight.ndim:
            return int(weight.shape[0])
    of_head = {name for name in names if name.startswith(tuple(f"{head}." for head in heads))}
    others = {name for name in names if not name.endswith(BATCHES)} - of_head
    return 0 if of_head and not of_head & set(state) and others <= set(state) else default


def misfits(state: State, ours: State) -> dict[str, str]:
    """Tensors that are on one side only, or differ in shape or kind, with what is wrong."""
    wrong = {}
    for name in sorted(set(ours) | set(state)):
        if name not in state:
            wrong[name] = "not in the file"
        elif name not in ours:
            wrong[name] = "not in the network"
        elif state[name].shape != ours[name].shape:
            wrong[name] = f"{tuple(state[name].shape)}, not {tuple(ours[name].shape)}"
        elif state[name].is_floating_point() != ours[name].is_floating_point():
            wrong[name] = f"{state[name].dtype}, not {ours[name].dtype}"
    return wrong


def convert(state: State, network: Any, architecture: str) -> State | None:
    """Convert tensors as timm does for an architecture: names, size of position embeddings; None: it cannot.

    Filters of another size are refused: those of ViT/32 resampled for ViT/16 are no network that was trained.
    """
    import timm

    module = sys.modules[timm.models.model_entrypoint(architecture.partition(".")[0]).__module__]
    own = getattr(module, "checkpoint_filter_fn", None)
    if own is None:
        return None
    try:
        found = own(dict(state), network)
    except Exception:  # made for files of known origin, it may fail in any way on others
        return None
    same = {name for name in found if name.endswith("weight") and name in state}
    return None if any(state[name].shape[2:] != found[name].shape[2:] for name in same) else found


def listed(names: list[str]) -> str:
    """Number of tensors, with the first few."""
    return f"{len(names)} tensors: {', '.join(names[:5])}" + (", ..." if len(names) > 5 else "")


def normalisation(state: State) -> tuple[list[float], list[float]] | None:
    """Mean and std (3,) of the normaliser that the robustness library stores with a network, or None."""
    mean, std = (
        [state[name].flatten().tolist() for name in state if name.endswith(f"normalizer.new_{part}")]
        for part in ("mean", "std")
    )
    return (mean[0], std[0]) if mean and std else None


def check_finite(model: Any, where: str | Path) -> None:
    """Raise InputError where a tensor of a network is not finite: so would be all that it computes."""
    import torch

    for name, tensor in model.state_dict().items():
        wrong = int((~torch.isfinite(tensor)).sum())
        if wrong:
            raise InputError(f"{where}: {name}: {wrong} of {tensor.numel()} values are not finite")
