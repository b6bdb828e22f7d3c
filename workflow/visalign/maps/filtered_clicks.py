"""Click logs as they are used: read, filtered, with counts of what the filters dropped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import numpy as np

from visalign.errors import InputError
from visalign.maps import clicks, files
from visalign.maps.clicks import ClickLog

#: A filtered click log, and what each filter dropped.
FilteredLog = tuple[ClickLog, dict[str, int]]


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


def read_clicks_of(images: Sequence[str], path: str | None) -> ClickLog | None:
    """Read and filter a click log, and say what was dropped of it, maps of images of other sets included.

    A log that names none of the images has names of its own: it stays whole, and its agreement is one of
    other images.

    Returns
    -------
    ClickLog or None
        None without a path.
    """
    if path is None:
        return None
    log, counts = read_clicks(path)
    listed = np.isin(log.file_pointer, images)
    if listed.any():
        counts["unlisted"], log = int((~listed).sum()), log.keep(listed)
    else:
        print(f"{path}: file_pointer: no image of the set: the ceiling is of other images", file=sys.stderr)
    print(f"{path}: {describe(counts)}", file=sys.stderr)
    return log
