"""The Synthetic Visual Reasoning Test as a source of stimuli; `visual_tasks.svrt` draws its images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.stimuli.source import Listed, Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow


def trials(row: Row) -> list[tuple[str, int, int]]:
    """Id, problem and number within the problem of each image.

    Raises
    ------
    InputError
        Problems that there are not, or a side that is too small.
    """
    from visalign.visual_tasks import svrt, svrt_tasks

    if row["size"] < svrt.SMALLEST:
        raise InputError(f"size: {row['size']}: svrt takes at least {svrt.SMALLEST} pixels")
    return [
        (f"{row['stimuli']}-{svrt_tasks.name(problem)}-{index:06d}", problem, index)
        for problem in svrt_tasks.numbers(row.get("tasks") or "all")
        for index in range(row["count"])
    ]


def listed(row: Row) -> Listed:
    """List images, problem by problem; their answers are in the table of trials."""
    return Listed([stimulus_id for stimulus_id, _, _ in trials(row)], None, None, [])


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Draw the images of all problems."""
    from tqdm import tqdm

    from visalign.stimuli import drawn_tasks
    from visalign.visual_tasks import svrt

    asked = tqdm(trials(row), desc="stimuli", unit="image")
    drawn = ((name, svrt.draw(row["seed"], index, row["size"], problem=k)) for name, k, index in asked)
    return drawn_tasks.write(drawn, written)


SOURCE = Source(
    name="svrt",
    meaning="contours of the Synthetic Visual Reasoning Test",
    described="drawn images of the Synthetic Visual Reasoning Test, {count} of each problem, seed {seed}",
    listed=listed,
    images=images,
    asks=True,
    counted=lambda row: len(trials(row)),
    columns=("count", "seed", "size", "tasks"),
)
