"""Visual tasks as stimulus sets: images of any generator, with what is asked of them beside the images.

A folder of a set holds ``ID.png``; ``segs/ID.png``, the number of the part that each pixel shows;
``geometry.json``, a line of JSON per image with the coordinates of its parts; and ``trials.csv``, a row per
image and task. The stimulus table has no labels: they depend on the task.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io.files import replaced, write_atomic
from visalign.stimuli.source import Listed, Row

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow
    from visalign.visual_tasks.drawn import Drawn

TRIALS, GEOMETRY, PARTS = "trials.csv", "geometry.json", "segs"
COLUMNS = ("stimulus_id", "task", "label", "split", "group", "difficulty", "pair", "theta")


def check_labels(label_space: str) -> None:
    """Raise InputError for any label space."""
    if label_space:
        raise InputError(
            f"label_space: {label_space}: labels of visual tasks are in {TRIALS}: leave label_space empty"
        )


def needed(row: Row, column: str) -> str:
    """Cell of a column that a source cannot do without, as text."""
    value = row.get(column)
    if value in (None, ""):
        raise InputError(f"{column}: the source {row['source']} needs it")
    return str(value)


def listed(row: Row) -> Listed:
    """List the images of a set, which have no labels of their own."""
    from visalign.stimuli import clickme

    return Listed([clickme.stimulus_id(row["stimuli"], i) for i in range(row["count"])], None, None, [])


def write(
    drawn: Iterable[tuple[str, Drawn]], written: Path, total: int | None = None
) -> Iterator[StimulusRow]:
    """Write images, parts, geometry and trials, and yield the rows of the stimulus table.

    Tables are there once the last row was taken; images are drawn one at a time.

    Parameters
    ----------
    drawn : iterable of (str, Drawn)
        Id of each stimulus, and what was drawn.
    written : Path
        Folder to write to.
    total : int, optional
        How many there are, for the progress that is shown.
    """
    from tqdm import tqdm

    from visalign.stimuli import images as files
    from visalign.stimuli.rows import described

    (written / PARTS).mkdir(parents=True, exist_ok=True)
    with (
        replaced(written / TRIALS) as trials_file,
        replaced(written / GEOMETRY) as geometry_file,
        trials_file.open("w", newline="") as trials,
        geometry_file.open("w") as geometry,
    ):
        table = csv.DictWriter(trials, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        for stimulus_id, image in tqdm(drawn, desc="stimuli", total=total, unit="image"):
            content, path = files.png(image.image), written / f"{stimulus_id}.png"
            write_atomic(path, content)
            write_atomic(written / PARTS / f"{stimulus_id}.png", files.png(image.parts))
            line = {"stimulus_id": stimulus_id} | image.geometry
            geometry.write(json.dumps(line, allow_nan=False) + "\n")
            table.writerows(trials_of(stimulus_id, image))
            yield described(stimulus_id, path, content)


def write_trials(path: Path, rows: Iterable[dict[str, str]]) -> None:
    """Write a table of trials; columns that a row lacks are empty."""
    with replaced(path) as file, file.open("w", newline="") as opened:
        table = csv.DictWriter(opened, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def trials_of(stimulus_id: str, image: Drawn) -> list[dict[str, str]]:
    """Rows of the table of trials: one for each task that is asked of an image."""
    return [
        {
            "stimulus_id": stimulus_id,
            "task": asked.task,
            "label": f"{asked.label:.12g}",
            "split": asked.split,
            "group": image.group,
            "difficulty": asked.difficulty,
            "theta": "" if asked.theta is None else f"{asked.theta:.12g}",
        }
        for asked in image.asked
    ]
