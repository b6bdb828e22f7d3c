"""Where the weights of a row of the model sheet come from, and what that says of the network."""

from __future__ import annotations

import difflib
import importlib.util
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visalign.errors import InputError
from visalign.io.files import Json
from visalign.zoo import callables, checkpoints, hub, squeezenet
from visalign.zoo.facts import Question, described
from visalign.zoo.weights import NamedWeights, is_repository, pretrained_name
from visalign.zoo.weights_file import State

if TYPE_CHECKING:
    from torch import nn

    from visalign.stimuli.transforms import DataConfig


def check_architecture(name: str, column: str = "architecture") -> None:
    """Raise InputError with near names when timm does not know an architecture, or its tag."""
    import timm

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise InputError(f"architecture: {name!r} is not an architecture of timm {timm.__version__}{hint}")
    architecture, _, tag = name.partition(".")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        known = ", ".join(tags) or "there is none"
        raise InputError(
            f"{column}: {tag!r} is not a tag of {architecture} in timm {timm.__version__}: {known}"
        )


def data_config(name: str) -> DataConfig:
    """Timm's data config of an architecture or of one of its pretrained tags, as JSON values.

    Parameters
    ----------
    name : str
        ``architecture``, or ``architecture.tag`` (weights of one architecture differ in size and crop).
    """
    check_architecture(name)
    return resolve(pretrained_cfg(name))


def pretrained_cfg(name: str) -> Json:
    """What timm says of an architecture, or of one of its pretrained tags."""
    import timm

    found = timm.get_pretrained_cfg(name)
    return found.to_dict() if found else {}


def resolve(pretrained: Json) -> DataConfig:
    """Timm's data config of its ``pretrained_cfg``, as JSON values."""
    import timm

    return json.loads(json.dumps(timm.data.resolve_data_config(pretrained_cfg=pretrained)))


def match_by_order(ours: State, theirs: State, where: str) -> State:
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
    """Return the file of weights in an installed Python package: one that is known, or the one .pth file."""
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"source: package {package!r} is not installed")
    folder = Path(spec.submodule_search_locations[0])
    if package == squeezenet.PACKAGE:
        return folder / squeezenet.FILE
    files = sorted(folder.rglob("*.pth"))
    if len(files) != 1:
        raise InputError(f"source: package {package!r} holds {len(files)} .pth files, expected 1")
    return files[0]


class Unavailable(InputError):
    """Weights that are not there, or not yet: an error of this model alone, not of the study."""


@dataclass
class Origin:
    """Where the weights of a row come from, and what that says of the network.

    Attributes
    ----------
    data_config : DataConfig
        See `data_config`.
    num_classes : int
        Outputs of the head.
    name : str
        By which timm builds the network, and fetches its weights.
    model_args : dict
        Of a repository's network: arguments of timm beside the architecture.
    overlay : dict, optional
        What a repository without a config replaces in timm's.
    path : Path, optional
        File of the weights.
    state : dict of str to Tensor, optional
        The weights in the file, under the names of the network.
    network : nn.Module, optional
        What a callable made, without weights of a file.
    commit : str, optional
        Of the repository, once its weights have been fetched.
    notes : list of str
        What had to be done to make the weights fit.
    """

    data_config: DataConfig
    num_classes: int
    name: str
    model_args: Json = field(default_factory=dict)
    overlay: dict[str, str] | None = None
    path: Path | None = None
    state: State | None = None
    network: nn.Module | None = None
    commit: str | None = None
    notes: list[str] = field(default_factory=list)


def origin(
    row: NamedWeights | Question, *, mapped: bool = False, data_config: DataConfig | None = None
) -> Origin:
    """Look up where the weights of a row come from.

    Parameters
    ----------
    row : dict
        ``architecture``: timm's name, or a callable, see `callables`; ``weights``: hub, file, package, random
        or, of a callable, own; ``source``: hub: timm tag (empty: the default one) or repository
        (``ORGANISATION/NAME@REVISION`` or ``local-dir:FOLDER``); file: path, also of a folder like a
        repository; package: name of an installed package; random: seed.
    mapped : bool
        Read no more of a weight file than names and shapes.
    data_config : DataConfig, optional
        Of a callable: the input that it takes, where the row does not say it.

    Raises
    ------
    Unavailable
        No such file, or a repository that cannot be reached.
    InputError
        An architecture, tag, package or seed that does not exist, or weights that do not fit.
    """
    architecture, source = row["architecture"], row.get("source", "")
    if row["weights"] == "random" and not source.lstrip("-").isdigit():
        raise InputError(f"source: {source!r} is not a seed")
    if callables.is_callable(architecture):
        return of_callable(row, mapped, data_config or described(row))
    if row["weights"] == callables.OWN:
        raise InputError("weights: own are those that a callable (package.module:callable) gives its network")
    check_architecture(architecture)
    if row["weights"] == "hub" and is_repository(source):
        return repository(architecture, source)
    if row["weights"] == "file" and source and Path(source).is_dir():
        return repository(architecture, f"local-dir:{source}")
    name = pretrained_name(row)
    check_architecture(name, "source")
    cfg = pretrained_cfg(name)
    found = Origin(resolve(cfg), cfg["num_classes"], name)
    if row["weights"] == "hub" and not any(cfg.get(key) for key in ("url", "file", "hf_hub_id")):
        raise InputError(f"source: timm has no pretrained weights of {name}")
    if row["weights"] in ("file", "package"):
        read(found, row, mapped)
    return found


def of_callable(row: NamedWeights | Question, mapped: bool, data_config: DataConfig) -> Origin:
    """Make the network of a callable, count its outputs, and read its weights where they are in a file.

    Raises
    ------
    Unavailable
        A file, or something of the net, is not there.
    InputError
        See `callables` and `checkpoints.fit_names`.
    """
    architecture, weights, source = row["architecture"], row["weights"], row.get("source", "")
    if weights not in callables.WEIGHTS:
        known = ", ".join(callables.WEIGHTS)
        raise InputError(f"weights: {weights} are of timm's architectures; those of a callable are {known}")
    if weights == callables.OWN and source:
        raise InputError(f"source: {source!r}: own weights have none, since the callable itself finds them")
    try:
        network = callables.make(architecture, int(source) if weights == "random" else 0)
    except OSError as error:
        raise Unavailable(f"architecture: {architecture}: fails: {callables.told(error)}") from None
    found = Origin(data_config, callables.outputs(network, architecture, data_config), architecture)
    found.network = network
    if weights == "file":
        theirs = of_file(found, source, mapped)
    elif weights == "package":
        theirs = of_package(found, source, mapped)
    else:
        return found
    ours = network.state_dict()
    if weights == "package" and source != squeezenet.PACKAGE and not theirs.keys() & ours.keys():
        found.state = match_by_order(ours, theirs, str(found.path))
    else:
        found.state = checkpoints.fit_names(theirs, ours, architecture, str(found.path), found.notes)
    return found


def of_file(found: Origin, source: str, mapped: bool) -> State:
    """Read the file of weights that a row names."""
    if not source:
        raise InputError("source: is empty; weights of kind file need a path")
    found.path = Path(source)
    if not found.path.is_file():
        raise Unavailable(f"{source}: no such weight file")
    return checkpoints.read(found.path, found.notes, mapped=mapped)


def of_package(found: Origin, source: str, mapped: bool) -> State:
    """Read the file of weights in a package."""
    found.path = package_weights(source)
    if source == squeezenet.PACKAGE:
        return squeezenet.read(found.path)
    return checkpoints.read(found.path, found.notes, mapped=mapped)


def read(found: Origin, row: NamedWeights, mapped: bool) -> None:
    """Read the weights of a file or package, and what they say of the network."""
    source, architecture = row.get("source", ""), row["architecture"]
    if row["weights"] == "package":
        theirs = of_package(found, source, mapped)
        network = checkpoints.on_meta(architecture)
        found.state = match_by_order(network.state_dict(), theirs, str(found.path))
        return
    theirs = of_file(found, source, mapped)
    found.state, found.num_classes = checkpoints.fit(theirs, architecture, source, found.notes)
    own = checkpoints.normalisation(theirs)
    if own is None:
        return
    mean, std = own
    known = found.data_config["mean"] + found.data_config["std"]
    if max(abs(a - b) for a, b in zip(mean + std, known, strict=True)) > 1e-4:
        found.data_config |= {"mean": mean, "std": std}
        found.notes.append("mean and std are those of the file's normaliser")


def repository(architecture: str, source: str) -> Origin:
    """Look up a repository of the hub, or a folder like one: its own network, data config and head."""
    import timm

    name, where = source if ":" in source else f"hf-hub:{source}", f"source: {source}"
    try:
        kind, identifier = timm.models.parse_model_name(name)
        read_config: Any = timm.models.load_model_config_from_hf
        if kind == "local-dir":
            read_config = timm.models._hub.load_model_config_from_path
        cfg, theirs, args = read_config(identifier)
        cfg = timm.models.resolve_pretrained_cfg(theirs, pretrained_cfg=cfg).to_dict()
    except (KeyError, AttributeError, TypeError):
        raise InputError(f"{where}: its config.json is not one of timm's{others_config(name)}") from None
    except Exception as error:  # of the hub's library, which has many kinds
        if type(error).__name__ == "RemoteEntryNotFoundError":
            own = pretrained_cfg(architecture)
            note = f"no config.json in {identifier}: data config and head are those of {architecture}"
            overlay = {"hf_hub_id": identifier}
            return Origin(resolve(own), own["num_classes"], architecture, overlay=overlay, notes=[note])
        unreachable = isinstance(error, (FileNotFoundError, ConnectionError))
        reason = hub.meaning(error, name) or first_line(error)
        raise (Unavailable if unreachable else InputError)(f"{where}: {reason}") from None
    if theirs != architecture.partition(".")[0]:
        raise InputError(f"{where}: holds a {theirs}, the row's architecture is {architecture}")
    if cfg["input_size"][0] != 3:
        raise InputError(f"{where}: takes images of {cfg['input_size'][0]} channels, stimuli have 3")
    args = {key: value for key, value in args.items() if key != "num_classes"}
    if cfg.get("fixed_input_size"):
        args.setdefault("img_size", cfg["input_size"][1:])
    return Origin(resolve(cfg), cfg["num_classes"], name, json.loads(json.dumps(args)))


def others_config(name: str) -> str:
    """What a config.json that is not one of timm's describes, where it is one of transformers'."""
    kind, _, place = name.partition(":")
    folder = Path(place) if kind == "local-dir" else hub.cached(place)
    try:
        config = json.loads((folder / "config.json").read_text()) if folder else {}
        described = config.get("architectures") or [config["model_type"]]
        return f": it describes {', '.join(map(str, described))} of transformers, which is not run here"
    except (OSError, ValueError, KeyError, AttributeError):
        return ""


def first_line(error: Exception) -> str:
    """First line of what an error says, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
