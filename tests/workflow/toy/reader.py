"""Reader ``table``: responses in a CSV, one row per stimulus and repetition, one column per neuroid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visalign.recordings.reader import Listed, Reader

if TYPE_CHECKING:
    import xarray as xr


def read(path: str, row: Mapping[str, Any], sha1: str | None) -> xr.DataArray:
    """Read a table into the internal form."""
    from visalign.io.tables import read_table
    from visalign.recordings.form import internal_form

    table = read_table(path, required=("stimulus_id", "repetition"))
    neuroids = [name for name in table if name not in ("stimulus_id", "repetition")]
    stimuli, repetitions = sorted(set(table["stimulus_id"])), sorted(set(table["repetition"]))
    cells = table.set_index(["stimulus_id", "repetition"]).loc[
        [(stimulus, repetition) for stimulus in stimuli for repetition in repetitions]
    ]
    responses = cells.to_numpy(dtype=float).reshape(len(stimuli), len(repetitions), len(neuroids), 1)
    coordinates = {
        "stimulus_id": stimuli,
        "object_name": [""] * len(stimuli),
        "repetition": repetitions,
        "neuroid_id": neuroids,
        "region": [row["region"]] * len(neuroids),
        "subject": [""] * len(neuroids),
        "time_bin_start": [70],
        "time_bin_end": [170],
    }
    return internal_form(path, responses, coordinates, {"identifier": "table", "simulated": False})


def listed(path: Path, row: Mapping[str, Any]) -> Listed:
    """Stimuli and neuroids of a table."""
    from visalign.io.tables import read_table

    table = read_table(path, required=("stimulus_id", "repetition"))
    stimuli = sorted(set(table["stimulus_id"]))
    return Listed(stimuli, [""] * len(stimuli), len(table.columns) - 2, table["repetition"].nunique())


TABLE = Reader(
    name="table",
    meaning="CSV, one row per stimulus and repetition",
    read=read,
    listed=listed,
    needs=("region",),
)
