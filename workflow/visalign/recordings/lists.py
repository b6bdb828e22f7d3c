"""What a recording lists: its stimuli and how many neuroids, known without reading its responses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.io import checksums
from visalign.recordings import arrays


class Listed(NamedTuple):
    """Stimuli and neuroids of a recording.

    ``stimulus_ids``: of a map recording its images, each once; ``object_names``: category of each of them, ''
    where there is none; ``n_neuroids``: of the region; ``n_repetitions``: the most of any stimulus.
    """

    stimulus_ids: list[str]
    object_names: list[str]
    n_neuroids: int
    n_repetitions: int


def listed_stimuli(row: dict[str, Any]) -> Listed:
    """List the recording that a row of the recordings sheet names.

    Raises
    ------
    InputError
        What the reader would find wrong with the file or its structure: a checksum, a coordinate, column or
        key that is not there, an id that is there twice, other numbers of ids than of responses, a region
        without neuroids, another grid than the sheet's.
    """
    path, region = Path(row["path"]), row.get("region") or None
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if "sha1" in row:
        checksums.check(path, row["sha1"])
    if row["reader"] == "arrays":
        return _of_arrays(path, region, row.get("grid"))
    if row["reader"] == "assembly":
        return _of_assembly(path, region, row.get("grid"))
    return _of_maps(path, row)


def _of_assembly(path: Path, region: str | None, grid: int | None) -> Listed:
    from visalign.recordings import assembly, form

    _check_grid(path, None, grid)
    with assembly.opened(path, region) as (_, coordinates, chosen):
        stimuli = assembly.presentations(path, coordinates)[0]
    neuroids = {"neuroid_id": coordinates["neuroid_id"][chosen]}
    form.check_lists(path, coordinates | stimuli | neuroids)
    names = stimuli["stimulus_id"].tolist(), stimuli["object_name"].tolist()
    return Listed(*names, int(chosen.sum()), len(stimuli["repetition"]))


def _of_arrays(path: Path, region: str | None, grid: int | None) -> Listed:
    from visalign.recordings import form

    shape, coordinates = arrays.read_lists(path)
    for name, axis in (("stimulus_id", 0), ("object_name", 0), ("neuroid_id", 2), ("time_bin_start", 3)):
        form.check_length(path, name, len(coordinates[name]), shape[axis])
    form.check_lists(path, coordinates)
    chosen = form.chosen_neuroids(path, np.asarray(coordinates["region"]), region)
    if "image_id" not in coordinates:
        _check_grid(path, None, grid)
        names = list(coordinates["stimulus_id"]), list(coordinates["object_name"])
        return Listed(*names, int(chosen.sum()), shape[1])
    height, width = (max(coordinates[name]) + 1 for name in ("grid_y", "grid_x"))
    for image, n in Counter(coordinates["image_id"]).items():
        if n != height * width:
            raise InputError(
                f"{path}: image_id: {image!r} is there at {n} positions, not at all {height * width} of the "
                f"grid of {height} × {width}"
            )
    _check_grid(path, (height, width), grid)
    images = list(dict.fromkeys(coordinates["image_id"]))
    return Listed(images, [""] * len(images), int(chosen.sum()), shape[1])


def _of_maps(path: Path, row: dict[str, Any]) -> Listed:
    from visalign.recordings import arcaro

    arcaro.parse_windows(row["windows"])
    images, shape = arcaro.read_lists(path)
    if len(shape) != 5 or len(images) != shape[0]:
        raise InputError(
            f"{path}: {arcaro.RESPONSES}: shape {shape[::-1]}, {len(images)} names; expected "
            "(x, y, time, channel, image), and a name of each image"
        )
    for image, n in Counter(images).items():
        if n > 1:
            raise InputError(f"{path}: {arcaro.NAMES}: {image!r} is there twice")
    _check_grid(path, shape[-2:], row.get("grid"))
    return Listed(images, [""] * len(images), shape[1], 1)


def _check_grid(path: Path, own: tuple[int, ...] | None, grid: int | None) -> None:
    """Raise InputError where a recording has another grid of positions, or none, than its sheet says."""
    if own != (None if grid is None else (grid, grid)):
        shown = "no grid positions" if own is None else f"{own[0]} × {own[1]} grid positions"
        said = "grid is empty" if grid is None else f"grid is {grid}"
        raise InputError(f"{path}: grid: {shown}, but in the sheet of recordings {said}")
