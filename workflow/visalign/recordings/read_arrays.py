"""Reader ``arrays``: plain arrays beside a card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visalign.errors import InputError
from visalign.recordings.reader import Listed, Reader, check_grid

if TYPE_CHECKING:
    import xarray as xr


def read(path: str, row: Mapping[str, Any], sha1: str | None) -> xr.DataArray:
    """Read the arrays of a card into the internal form."""
    from visalign.recordings.arrays import read_arrays

    return read_arrays(path, row["region"], sha1)


def listed(path: Path, row: Mapping[str, Any]) -> Listed:
    """Stimuli and neuroids of a card, without its responses."""
    import numpy as np

    from visalign.recordings import arrays, form

    shape, coordinates = arrays.read_lists(path)
    for name, axis in (("stimulus_id", 0), ("object_name", 0), ("neuroid_id", 2), ("time_bin_start", 3)):
        form.check_length(path, name, len(coordinates[name]), shape[axis])
    form.check_lists(path, coordinates)
    chosen = form.chosen_neuroids(path, np.asarray(coordinates["region"]), row.get("region") or None)
    if "image_id" not in coordinates:
        check_grid(path, None, row.get("grid"))
        names = list(coordinates["stimulus_id"]), list(coordinates["object_name"])
        return Listed(*names, int(chosen.sum()), shape[1])
    height, width = (max(coordinates[name]) + 1 for name in ("grid_y", "grid_x"))
    for image, n in Counter(coordinates["image_id"]).items():
        if n != height * width:
            raise InputError(
                f"{path}: image_id: {image!r} is there at {n} positions, not at all {height * width} of the "
                f"grid of {height} × {width}"
            )
    check_grid(path, (height, width), row.get("grid"))
    images = list(dict.fromkeys(coordinates["image_id"]))
    return Listed(images, [""] * len(images), int(chosen.sum()), shape[1])


def files(path: str) -> list[str]:
    """Files that a card names."""
    from visalign.recordings.arrays import named_files

    return named_files(path)


ARRAYS = Reader(
    name="arrays", meaning="a YAML card beside plain arrays", read=read, listed=listed, files=files
)
