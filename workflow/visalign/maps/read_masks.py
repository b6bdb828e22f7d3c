"""Reader of the object masks of a stimulus table, as maps of people who look at the object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from visalign.errors import InputError
from visalign.maps.reader import HumanMap, MapFiles, Opened, Reader


def listed(files: MapFiles) -> list[tuple[str, int | None]]:
    """List the stimuli of the table."""
    from visalign.io.tables import read_table, whole_numbers

    table = read_table(files.path, ("stimulus_id", "label", "mask"), dtype={"stimulus_id": str})
    return list(zip(table["stimulus_id"], whole_numbers(table, "label", files.path).tolist(), strict=True))


def maps(path: str) -> Iterator[HumanMap]:
    """Iterate over the masks of a stimulus table."""
    from tqdm import tqdm

    from visalign.io.tables import whole_numbers
    from visalign.maps import files as map_files
    from visalign.stimuli import tables

    table = tables.read(path)
    rows = zip(table["stimulus_id"], whole_numbers(table, "label", path), table["mask"], strict=True)
    for stimulus_id, label, mask in tqdm(rows, desc="maps", total=len(table), unit="map"):
        if not isinstance(mask, str):
            raise InputError(f"{path}: mask: {stimulus_id!r} has none")
        yield HumanMap(stimulus_id, int(label), map_files.read(Path(mask)), mask)


def opened(files: MapFiles, labels: Mapping[str, int]) -> Opened:
    """Open the masks of a table."""
    return Opened(maps(files.path))


MASKS = Reader(
    name="masks",
    meaning="the object masks of scenes, as of simulated people who look at the object",
    path="table of the scenes, results/stimuli/NAME.csv",
    listed=listed,
    open=opened,
    of_table=True,
)
