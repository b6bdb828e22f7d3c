"""Folders like a repository of the hub: whether the transform that they state is the one that is used.

``preprocessor_config.json`` is what transformers' image processors read. It may differ from timm's
``config.json`` beside it, and from the row of the model sheet.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError

if TYPE_CHECKING:
    from visalign.io.files import Json
    from visalign.stimuli.transforms import DataConfig

FILE = "preprocessor_config.json"
#: Filters by Pillow's numbers.
FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
#: Numbers are the same that differ by less, such as a mean of four digits and one of three.
ROUNDING = 1e-3


def folder_of(weights: str, source: str) -> Path | None:
    """Folder that a row of the model sheet names as its source, or None."""
    path = Path(source.removeprefix("local-dir:")) if source else None
    named = path is not None and (weights == "file" or source.startswith("local-dir:"))
    return path if named and path is not None and path.is_dir() else None


def side(value: object) -> int | None:
    """Side in pixels of a size as image processors write it; None: there is none, or two."""
    if isinstance(value, int):
        return value
    if isinstance(value, dict):
        if "shortest_edge" in value:
            return int(value["shortest_edge"])
        if value.get("height") and value.get("height") == value.get("width"):
            return int(value["height"])
    return None


def stated(folder: Path) -> Json:
    """What the transform of a folder is, as far as it says: fields of a data config; empty without the file.

    Raises
    ------
    InputError
        The file is no JSON of an image processor.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        said = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {str(error).splitlines()[0]}") from None
    if not isinstance(said, dict):
        raise InputError(f"{path}: holds {type(said).__name__}, not the settings of an image processor")
    found: Json = {}
    resized = side(said.get("size")) if said.get("do_resize", True) else None
    cropped = side(said.get("crop_size")) if said.get("do_center_crop") else None
    if cropped or resized:
        found["input_size"] = [3, cropped or resized, cropped or resized]
    if resized and cropped:
        found["crop_pct"] = cropped / resized
    if isinstance(said.get("crop_pct"), float):
        found["crop_pct"] = said["crop_pct"]
    if said.get("resample") in FILTERS:
        found["interpolation"] = FILTERS[said["resample"]]
    if said.get("do_normalize", True):
        found |= {
            ours: said[theirs]
            for ours, theirs in (("mean", "image_mean"), ("std", "image_std"))
            if theirs in said
        }
    return found


def differences(folder: Path, used: DataConfig) -> list[str]:
    """How the transform that a folder states differs from the one that is used, a line each."""
    config: Json = dict(used)
    return [
        f"{FILE} of the weights has {name} {value}, used is {config[name]}"
        for name, value in stated(folder).items()
        if not same(value, config[name])
    ]


def same(one: object, other: object) -> bool:
    """Whether two values are the same but for rounding."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) < ROUNDING
    return one == other
