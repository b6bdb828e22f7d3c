"""What a map set holds, before any map is decoded: its images in order, their labels, its click log."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from visalign.errors import InputError
from visalign.io.tables import read_table, whole_numbers
from visalign.maps import clicks, files
from visalign.maps.clicks import ClickLog
from visalign.stimuli import clickme

#: A filtered click log, and what each filter dropped.
FilteredLog = tuple[ClickLog, dict[str, int]]
#: Below this folder lie files that the study itself makes.
MADE = "results"


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
    log = row.get("clicks")
    if log and not to_be_made(log):
        read_clicks(log)
    if to_be_made(row["path"]):
        return None
    if row["reader"] == "masks":
        table = read_table(row["path"], ("stimulus_id", "label", "mask"), dtype={"stimulus_id": str})
        return list(
            zip(table["stimulus_id"], whole_numbers(table, "label", row["path"]).tolist(), strict=True)
        )
    if row["reader"] in ("tfrecord", "npz"):
        n = sum(map(clickme.count_records, clickme.list_shards(row["path"])))
        return [(clickme.stimulus_id(name, index), None) for index in range(n)]
    labels = files.read_labels(row["labels"])
    if row["reader"] == "clicks":
        read_clicks(row["path"], labels, row["labels"])
    else:
        files.find(row["path"], labels)
    return list(labels.items())


def check_shapes(name: str, row: dict[str, Any], sizes: dict[str, tuple[int, int]]) -> None:
    """Raise InputError where a map of a folder, or of clicks, would be stretched over its image.

    Parameters
    ----------
    name, row
        See `listed_maps`; maps of other readers lie beside their images, and are checked as they are read.
    sizes : dict of str to (int, int)
        Height and width of each image, by its id.
    """
    if row["reader"] not in ("folder", "clicks") or to_be_made(row["path"]):
        return
    labels = files.read_labels(row["labels"])
    if row["reader"] == "folder":
        files.check_shapes(files.find(row["path"], labels), sizes)
        return
    shape = (clicks.SIZE, clicks.SIZE)
    advice = "give the images that participants clicked on, which were of this size"
    for image in labels:
        if image in sizes:
            files.check_shape(f"{row['path']}: {image}", shape, sizes[image], advice)


def to_be_made(path: str) -> bool:
    """Whether a file is one that the study makes, and is not there yet."""
    return Path(path).parts[:1] == (MADE,) and not Path(path).exists()


def read_clicks(path: str, images: Iterable[str] | None = None, where: str = "") -> FilteredLog:
    """Read and filter a click log, of `images` (listed in `where`) only where given.

    Returns
    -------
    log : ClickLog
    counts : dict
        What each filter dropped, see `maps.clicks.filter_log`; with `images` also the maps of ``unlisted``
        images and the number of ``images_not_clicked``, which the log lacks.

    Raises
    ------
    InputError
        None of the images is in the log, or no map passes the filters.
    """
    log, counts = clicks.read_log(path), {}
    if images is not None:
        wanted, clicked = list(images), set(log.file_pointer.tolist())
        listed = log.keep(np.isin(log.file_pointer, wanted))
        if not len(listed):
            raise InputError(
                f"{path}: file_pointer: none of its {len(clicked)} images "
                f"({files.show(sorted(clicked))}) is one of the {len(wanted)} of {where} "
                f"({files.show(wanted)})"
            )
        unclicked = sum(image not in clicked for image in wanted)
        counts = {"unlisted": len(log) - len(listed), "images_not_clicked": unclicked}
        log = listed
    kept, filtered = clicks.filter_log(log)
    counts |= filtered
    if not len(kept):
        raise InputError(f"{path}: user_id: no map passes the filters ({describe(counts)})")
    return kept, counts


def describe(counts: dict[str, int]) -> str:
    """Return counts in words, without those of nothing."""
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)
