"""Reader ``arcaro``: the files of activity over scenes of Arcaro et al. (2020)."""

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
    """Read a file of activity into the internal form."""
    from visalign.recordings.arcaro import read_activity

    region, subject, windows = asked["region"], asked["subject"], asked["windows"]
    assert region and subject and windows  # it needs them, as `ARCARO` says
    return read_activity(path, windows, region, subject, asked["first_ms"] or 0, sha1)


def listed(path: Path, row: RecordingRow) -> Listed:
    """Stimuli and neuroids of a file of activity, without its responses."""
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
    check_grid(path, shape[-2:], row.get("grid"))
    return Listed(images, [""] * len(images), shape[1], 1)


ARCARO = Reader(
    name="arcaro",
    meaning="MATLAB file of activity at grid positions over scenes",
    read=read,
    listed=listed,
    needs=("region", "subject", "windows", "grid"),
    takes=("subject", "windows", "first_ms"),
)
