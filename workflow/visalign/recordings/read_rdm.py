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
    from visalign.recordings.rdm import read_ids, read_rdm

    region = asked["region"]
    assert region  # it needs it, as `RDM` says
    ids = read_ids(asked["order"]) if asked["order"] else asked.get("stimulus_ids")
    return read_rdm(path, ids, region, asked["subject"], asked["variable"], sha1)


def listed(path: Path, row: RecordingRow) -> Listed:
    """Stimuli of the matrices, which have no neuroids."""
    from visalign.recordings.rdm import name_subjects, numbered, read_ids, read_matrices

    check_grid(path, None, row.get("grid"))
    ids = read_ids(row["order"]) if "order" in row else None
    found = read_matrices(path, row.get("variable"), len(ids) if ids else None)
    name_subjects(path, found, row.get("subject"))
    n = len(found[0].values)
    return Listed(ids or numbered(n), [""] * n, 0, 1, ids is None)


RDM = Reader(
    name="rdm",
    meaning="dissimilarity matrices, .npy or MATLAB",
    read=read,
    listed=listed,
    needs=("region",),
    takes=("subject", "variable", "order"),
)
