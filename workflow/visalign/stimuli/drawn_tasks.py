"""Images of visual tasks that are drawn here: listed, and written with their parts, geometry and trials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.stimuli.source import Listed, Row, Source
from visalign.visual_tasks import generators

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow

#: What is written beside the images: a label image of the parts of each, one line of JSON each, the trials.
PARTS, GEOMETRY, TRIALS = "segs", "geometry.jsonl", "trials.csv"
COLUMNS = ("count", "seed", "size", "tasks")


def source(name: str, meaning: str, tasks: str) -> Source:
    """Return a source that draws some generators' images.

    Parameters
    ----------
    tasks : str
        Those that it draws where a row names none, see `generators.chosen`.
    """

    def asked(row: Row) -> list[str]:
        return generators.chosen(row.get("tasks") or tasks)

    def listed(row: Row) -> Listed:
        if row["count"] % 2:
            raise InputError(
                f"count: {row['count']} images of each task cannot have each label half of the time"
            )
        ids = [id_of(task, index) for task in asked(row) for index in range(row["count"])]
        return Listed(ids, None, None, [])

    def images(row: Row, written: Path) -> Iterator[StimulusRow]:
        listed(row)
        return write(asked(row), row["count"], row["seed"], row["size"], written)

    return Source(
        name=name,
        meaning=meaning,
        described=f"{meaning}, {{count}} images of each task, seed {{seed}}, {{size}} pixels",
        listed=listed,
        images=images,
        counted=lambda row: len(asked(row)) * row["count"],
        columns=COLUMNS,
    )


def id_of(task: str, index: int) -> str:
    """Name of an image."""
    return f"{task}-{index:05d}"


def write(tasks: list[str], count: int, seed: int, side: int, written: Path) -> Iterator[StimulusRow]:
    """Draw images one at a time and write them; the trials are written after the last.

    Parameters
    ----------
    tasks : list of str
        Generators.
    count : int
        Images of each.
    written : Path
        Folder.
    """
    import csv
    import io
    import json

    import numpy as np
    from tqdm import tqdm

    from visalign.io.files import write_atomic
    from visalign.stimuli.images import png
    from visalign.stimuli.rows import described
    from visalign.visual_tasks.trial_files import COLUMNS as TRIAL_COLUMNS

    (written / PARTS).mkdir(parents=True, exist_ok=True)
    table, lines = io.StringIO(), io.StringIO()
    trials = csv.writer(table, lineterminator="\n")
    trials.writerow(TRIAL_COLUMNS)
    every = [(task, index) for task in tasks for index in range(count)]
    for task, index in tqdm(every, desc="stimuli", unit="image"):
        drawn = generators.of(task)(seed, index, side)
        name = id_of(task, index)
        image = drawn.image if drawn.image.ndim == 3 else np.repeat(drawn.image[..., None], 3, axis=2)
        content, file = png(image), written / f"{name}.png"
        write_atomic(file, content)
        write_atomic(written / PARTS / f"{name}.png", png(drawn.parts))
        lines.write(json.dumps({"stimulus_id": name, **drawn.geometry}) + "\n")
        for asked in drawn.asked:
            trials.writerow([name, asked.task, f"{asked.label:g}", "", drawn.group, asked.difficulty, ""])
        yield described(name, file, content)
    write_atomic(written / GEOMETRY, lines.getvalue().encode())
    write_atomic(written / TRIALS, table.getvalue().encode())
