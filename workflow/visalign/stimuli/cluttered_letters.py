"""Cluttered letters as a source of stimuli; how an image is drawn is in `visual_tasks.cluttered_letters`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.stimuli import drawn_tasks
from visalign.stimuli.source import Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Draw two letters that overlap and two markers."""
    from visalign.visual_tasks import cluttered_letters

    level, ids = drawn_tasks.needed(row, "level"), drawn_tasks.listed(row).stimulus_id
    drawn = (
        (each, cluttered_letters.draw(row["seed"], index, row["size"], level=level))
        for index, each in enumerate(ids)
    )
    return drawn_tasks.write(drawn, written, len(ids))


SOURCE = Source(
    name="cluttered_letters",
    meaning="two markers on one of two overlapping letters, or on both",
    described="{count} images of cluttered letters (level {level}), seed {seed}",
    listed=drawn_tasks.listed,
    images=images,
    columns=("count", "seed", "size", "level"),
    needs=("level",),
    asks=True,
    check_labels=drawn_tasks.check_labels,
)
