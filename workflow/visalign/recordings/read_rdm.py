"""Reader ``rdm``: representational dissimilarity matrices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from visalign.recordings.reader import Asked, Listed, Reader, check_grid

if TYPE_CHECKING:
    import xarray as xr

    from visalign.io.rows import RecordingRow


def read(path: str, asked: Asked, sha1: str | None) -> xr.DataArray:
    """Read dissimilarity matrices into the internal form."""
    from visalign.recordings.rdm import read_rdm

    region = asked["region"]
    assert region  # it needs it, as `RDM` says
    return read_rdm(path, asked.get("stimulus_ids"), region, asked["subject"], asked.get("variable"), sha1)


def listed(path: Path, row: RecordingRow) -> Listed:
    """Stimuli of the matrices, by their numbers; they have no neuroids."""
    from visalign.recordings.rdm import name_subjects, read_matrices

    check_grid(path, None, row.get("grid"))
    found = read_matrices(path, row.get("variable"))
    name_subjects(path, found, row.get("subject"))
    n = len(found[0].values)
    return Listed([str(number) for number in range(1, n + 1)], [""] * n, 0, 1)


RDM = Reader(
    name="rdm",
    meaning="dissimilarity matrices, .npy or MATLAB",
    read=read,
    listed=listed,
    needs=("region",),
    takes=("subject", "variable"),
    in_order=True,
)
