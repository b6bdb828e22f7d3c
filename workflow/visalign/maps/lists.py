"""What a map set holds, before any map is decoded: its images in order, and their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.maps import readers
from visalign.maps.reader import MapFiles, Stimuli

if TYPE_CHECKING:
    from visalign.io.rows import MapsRow
    from visalign.stimuli.source import Listed


def files_of(name: str, row: MapsRow, stimuli: Listed | None = None) -> MapFiles:
    """Where the map set of a row of the sheet is; `stimuli` are its images, where they are known."""
    settings = {column: row.get(column) for column in readers.settings()}
    known = None
    if stimuli:
        labels: dict[str, int | None] = dict.fromkeys(stimuli.stimulus_id)
        labels |= zip(stimuli.stimulus_id, stimuli.label or (), strict=False)
        known = Stimuli(labels, {})
    return MapFiles(name, row["path"], row.get("labels"), row.get("clicks"), settings, known)


def listed_maps(name: str, row: MapsRow, stimuli: Listed | None = None) -> list[tuple[str, int | None]]:
    """List the maps of a row of the sheet, and check its files as far as that needs no decoding.

    Parameters
    ----------
    name : str
        Name of the map set.
    row : MapsRow
        See ``workflow/schemas/maps.schema.yaml``.
    stimuli : Listed, optional
        Images of the stimulus set, where they are known.

    Returns
    -------
    list of (str, int or None)
        Stimulus id and label of each map, in order; labels of shards are not known before they are read.

    Raises
    ------
    InputError
        As the stage maps.
    """
    reader, files = readers.of(row["reader"]), files_of(name, row, stimuli)
    reader.check_settings(files.settings or {}, lambda column: f"maps {name}: {column}")
    return reader.listed(files)


def check_shapes(
    name: str, row: MapsRow, sizes: dict[str, tuple[int, int]], stimuli: Listed | None = None
) -> None:
    """Raise InputError where a map of a folder, or of clicks, would be stretched, or fixations are no pixels.

    Parameters
    ----------
    name, row, stimuli
        See `listed_maps`; maps of other readers lie beside their images, and are checked as they are read.
    sizes : dict of str to (int, int)
        Height and width of each image, by its id.
    """
    readers.of(row["reader"]).check_shapes(files_of(name, row, stimuli), sizes)
