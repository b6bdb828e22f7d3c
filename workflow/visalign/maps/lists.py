"""What a map set holds, before any map is decoded: its images in order, their labels, its click log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visalign.maps import readers
from visalign.maps.filtered_clicks import read_clicks
from visalign.maps.reader import MapFiles

#: Below this folder lie files that the study itself makes.
MADE = "results"


def files_of(name: str, row: dict[str, Any]) -> MapFiles:
    """Where the map set of a row of the sheet is."""
    return MapFiles(name, row["path"], row.get("labels"), row.get("clicks"))


def listed_maps(name: str, row: dict[str, Any]) -> list[tuple[str, int | None]] | None:
    """List the maps of a row of the sheet, and check its files as far as that needs no decoding.

    Parameters
    ----------
    name : str
        Name of the map set.
    row : dict
        See ``workflow/schemas/maps.schema.yaml``.

    Returns
    -------
    list of (str, int or None), or None
        Stimulus id and label of each map, in order; labels of shards are not known before they are read. None
        where the study itself makes the maps, and has not yet.

    Raises
    ------
    InputError
        As the stage maps.
    """
    files, reader = files_of(name, row), readers.of(row["reader"])
    if files.clicks and not to_be_made(files.clicks):
        read_clicks(files.clicks)
    return None if to_be_made(files.path) else reader.listed(files)


def check_shapes(name: str, row: dict[str, Any], sizes: dict[str, tuple[int, int]]) -> None:
    """Raise InputError where a map of a folder, or of clicks, would be stretched over its image.

    Parameters
    ----------
    name, row
        See `listed_maps`; maps of other readers lie beside their images, and are checked as they are read.
    sizes : dict of str to (int, int)
        Height and width of each image, by its id.
    """
    if not to_be_made(row["path"]):
        readers.of(row["reader"]).check_shapes(files_of(name, row), sizes)


def to_be_made(path: str) -> bool:
    """Whether a file is one that the study makes, and is not there yet."""
    return Path(path).parts[:1] == (MADE,) and not Path(path).exists()
