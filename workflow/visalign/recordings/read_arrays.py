"""Reader ``arrays``: plain arrays beside a card."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.recordings.reader import Asked, Listed, Reader, check_grid

if TYPE_CHECKING:
    import xarray as xr

    from visalign.io.rows import RecordingRow


def read(path: str, asked: Asked, sha1: str | None) -> xr.DataArray:
    """Read the arrays of a card into the internal form."""
    from visalign.recordings.arrays import read_arrays

    return read_arrays(path, asked["region"], sha1, asked.get("stimulus_ids"))


def listed(path: Path, row: RecordingRow) -> Listed:
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
        ids, names = (list(map(str, coordinates[name])) for name in ("stimulus_id", "object_name"))
        in_order = "stimulus_ids" not in arrays.read_card(path)
        return Listed(ids, names, int(chosen.sum()), shape[1], in_order)
    height, width = (int(np.max(coordinates[name])) + 1 for name in ("grid_y", "grid_x"))
    shown = Counter(map(str, coordinates["image_id"]))
    for image, n in shown.items():
        if n != height * width:
            raise InputError(
                f"{path}: image_id: {image!r} is there at {n} positions, not at all {height * width} of the "
                f"grid of {height} × {width}"
            )
    check_grid(path, (height, width), row.get("grid"))
    return Listed(list(shown), [""] * len(shown), int(chosen.sum()), shape[1])


def files(path: str) -> list[str]:
    """Files that a card names."""
    from visalign.recordings.arrays import named_files

    return named_files(path)


ARRAYS = Reader(
    name="arrays", meaning="a YAML card beside plain arrays", read=read, listed=listed, files=files
)
