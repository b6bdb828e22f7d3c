"""Rows of the table of a stimulus set, and the table as it is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from visalign.stimuli import images

COLUMNS = (
    *("stimulus_id", "path", "label", "category", "height", "width", "sha256", "mask"),
    "decoded",  # what was done besides: exif, alpha, 16-bit (see images), joined by +
    "background",  # colour under transparent pixels
)


class StimulusRow(NamedTuple):
    """One image of a stimulus set: its file and what is known of it.

    ``height`` and ``width`` in pixels, upright; ``decoded`` as `images.Decoded` has it; ``mask``: file of the
    pixels of its object; ``label`` and ``category`` None where it has none.
    """

    stimulus_id: str
    path: str
    height: int
    width: int
    sha256: str
    decoded: str
    background: str
    label: int | None = None
    category: str | None = None
    mask: str | None = None


def described(stimulus_id: str, path: Path, content: bytes, background: str = "") -> StimulusRow:
    """Row of one image file, of this content; one that cannot be decoded is an InputError."""
    image, how = images.decode(content, path, background)
    return StimulusRow(
        stimulus_id=stimulus_id,
        path=str(path),
        height=image.height,
        width=image.width,
        sha256=hashlib.sha256(content).hexdigest(),
        decoded=how,
        background=background,
    )


def table_of(rows: Iterable[StimulusRow]) -> pd.DataFrame:
    """Table of the rows of a stimulus set, labels whole where every image has one."""
    table = pd.DataFrame([row._asdict() for row in rows]).reindex(columns=list(COLUMNS))
    if table["label"].notna().all():
        table["label"] = table["label"].astype(int)
    return table


def portable(table: pd.DataFrame, path: str | Path, written: Path) -> pd.DataFrame:
    """Table with the files below `written` named relative to `path`, where it will be, to travel with it."""
    base = Path(os.path.abspath(path)).parent

    def relative(file: object) -> object:
        if isinstance(file, str) and Path(file).is_relative_to(written):
            return os.path.relpath(os.path.abspath(file), base)
        return file

    return table.assign(**{column: table[column].map(relative) for column in ("path", "mask")})


def summary(table: pd.DataFrame) -> str:
    """How many images there are, and in how many something was done to read them."""
    counts = images.counts(table["decoded"])
    return ", ".join([f"{len(table)} images", *(f"{done} in {count}" for done, count in counts.items())])
