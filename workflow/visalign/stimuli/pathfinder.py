"""Pathfinder as a source of stimuli; how an image is drawn is in `visual_tasks.pathfinder`."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.stimuli import drawn_tasks
from visalign.stimuli.source import Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow


def images(row: Row, written: Path, convention: str) -> Iterator[StimulusRow]:
    """Draw contours of dashes and two markers."""
    from visalign.visual_tasks import pathfinder

    length, ids = int(drawn_tasks.needed(row, "length")), drawn_tasks.listed(row).stimulus_id
    draw = functools.partial(pathfinder.draw, length=length, convention=convention)
    drawn = ((each, draw(row["seed"], index, row["size"])) for index, each in enumerate(ids))
    return drawn_tasks.write(drawn, written, len(ids))


SOURCE = Source(
    name="pathfinder",
    meaning="two markers on one dashed contour or on two",
    described="{count} Pathfinder images with contours of {length} dashes, seed {seed}",
    listed=drawn_tasks.listed,
    images=functools.partial(images, convention="separate"),
    columns=("count", "seed", "size", "length"),
    needs=("length",),
    asks=True,
    check_labels=drawn_tasks.check_labels,
)
PUBLISHED = Source(
    name="pathfinder_published",
    meaning="the same, with contours as near to each other as in the published generator",
    described="{count} Pathfinder images with contours of {length} dashes, as near to each other as in the "
    "published generator, seed {seed}",
    listed=drawn_tasks.listed,
    images=functools.partial(images, convention="published"),
    columns=("count", "seed", "size", "length"),
    needs=("length",),
    asks=True,
    check_labels=drawn_tasks.check_labels,
)
