"""What a recording lists: its stimuli and how many neuroids, known without reading its responses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io import checksums
from visalign.recordings import readers
from visalign.recordings.reader import Listed

if TYPE_CHECKING:
    from visalign.io.rows import RecordingRow


def listed_stimuli(row: RecordingRow) -> Listed:
    """List the recording that a row of the recordings sheet names.

    Raises
    ------
    InputError
        What the reader would find wrong with the file or its structure: a checksum, a coordinate, column or
        key that is not there, an id that is there twice, other numbers of ids than of responses, a region
        without neuroids, another grid than the sheet's.
    """
    path = Path(row["path"])
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if "sha1" in row:
        checksums.check(path, row["sha1"])
    return readers.of(row["reader"]).listed(path, row)
