"""What a map set holds, before any map is decoded: its images in order, and their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.maps import readers
from visalign.maps.reader import MapFiles

if TYPE_CHECKING:
    from visalign.io.rows import MapsRow


def files_of(name: str, row: MapsRow) -> MapFiles:
    """Where the map set of a row of the sheet is."""
    return MapFiles(name, row["path"], row.get("labels"), row.get("clicks"))


def listed_maps(name: str, row: MapsRow) -> list[tuple[str, int | None]]:
    """List the maps of a row of the sheet, and check its files as far as that needs no decoding.

    Parameters
    ----------
    name : str
        Name of the map set.
    row : MapsRow
        See ``workflow/schemas/maps.schema.yaml``.

    Returns
    -------
    list of (str, int or None)
        Stimulus id and label of each map, in order; labels of shards are not known before they are read.

    Raises
    ------
    InputError
        As the stage maps.
    """
    return readers.of(row["reader"]).listed(files_of(name, row))


def check_shapes(name: str, row: MapsRow, sizes: dict[str, tuple[int, int]]) -> None:
    """Raise InputError where a map of a folder, or of clicks, would be stretched over its image.

    Parameters
    ----------
    name, row
        See `listed_maps`; maps of other readers lie beside their images, and are checked as they are read.
    sizes : dict of str to (int, int)
        Height and width of each image, by its id.
    """
    readers.of(row["reader"]).check_shapes(files_of(name, row), sizes)
