"""Reader ``assembly``: Brain-Score's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from visalign.recordings.reader import Asked, Listed, Reader, check_grid

if TYPE_CHECKING:
    import xarray as xr

    from visalign.io.rows import RecordingRow


def read(path: str, asked: Asked, sha1: str | None) -> xr.DataArray:
    """Read an assembly into the internal form."""
    from visalign.recordings.assembly import read_assembly

    return read_assembly(path, asked["region"], sha1)


def listed(path: Path, row: RecordingRow) -> Listed:
    """Stimuli and neuroids of an assembly, without its responses."""
    from visalign.recordings import assembly, form

    check_grid(path, None, row.get("grid"))
    with assembly.opened(path, row.get("region") or None) as (_, coordinates, chosen):
        stimuli = assembly.presentations(path, coordinates)[0]
    neuroids = {"neuroid_id": coordinates["neuroid_id"][chosen]}
    form.check_lists(path, coordinates | stimuli | neuroids)
    names = stimuli["stimulus_id"].tolist(), stimuli["object_name"].tolist()
    return Listed(*names, int(chosen.sum()), len(stimuli["repetition"]))


ASSEMBLY = Reader(name="assembly", meaning="Brain-Score netCDF", read=read, listed=listed)
