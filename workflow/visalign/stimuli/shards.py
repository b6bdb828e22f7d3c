"""Images of files in ClickMe's format as sources of stimuli; the format itself is in `clickme`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io.files import write_atomic
from visalign.stimuli.class_labels import check_range
from visalign.stimuli.source import Listed, Row, Source, space

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow


def listed(row: Row) -> Listed:
    """Count the records of the files."""
    from visalign.stimuli import clickme

    count = sum(map(clickme.count_records, clickme.list_shards(row.get("path", ""))))
    return Listed([clickme.stimulus_id(row["stimuli"], index) for index in range(count)], None, None, [])


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Unpack the images of ClickMe's files, losslessly, in the order of their names."""
    from tqdm import tqdm

    from visalign.stimuli import clickme
    from visalign.stimuli.images import png
    from visalign.stimuli.rows import described

    index = 0
    for shard in tqdm(clickme.list_shards(row["path"]), desc="stimuli", unit="shard"):
        for number, record in enumerate(clickme.read_clickme(shard)):
            check_range(record.label, space(row), f"{shard}: record {number}: label")
            stimulus_id = clickme.stimulus_id(row["stimuli"], index)
            content, file = png(record.image), written / f"{stimulus_id}.png"
            write_atomic(file, content)
            yield described(stimulus_id, file, content)._replace(label=record.label)
            index += 1
    if not index:
        raise InputError(f"{row['path']}: no record")


def files(row: Row) -> list[str]:
    """Return the file of a path that is no pattern."""
    return [] if "*" in row["path"] else [row["path"]]


def declared(name: str, meaning: str) -> Source:
    """One of the formats, which differ in their files only."""
    return Source(
        name=name,
        meaning=meaning,
        described="images of files in ClickMe's format",
        listed=listed,
        images=images,
        columns=("path",),
        needs=("path",),
        files=files,
    )


TFRECORD = declared("tfrecord", "ClickMe shards")
NPZ = declared("npz", "ClickMe files")
PTH = declared("pth", "ClickMe files of torch, one per image")
