"""Gratings alone and with surrounds as a source of stimuli; `visual_tasks.gratings` draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.stimuli.source import Listed, Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow
    from visalign.visual_tasks.drawn import Drawn


def trials(row: Row) -> list[tuple[str, Callable[[int, int, int], Drawn], int]]:
    """Id of each image, what draws it, and its number.

    Raises
    ------
    InputError
        Too small a side.
    """
    from visalign.visual_tasks import gratings

    if row["size"] < gratings.SMALLEST:
        raise InputError(f"size: {row['size']}: gratings take at least {gratings.SMALLEST} pixels")
    around = gratings.ROUND * row.get("phases", 1)
    return [
        (f"{row['stimuli']}-{task}-{index:06d}", draw, index)
        for task, draw, count in (
            (gratings.ALONE, gratings.alone, row["count"]),
            (gratings.CENTRE, gratings.surrounded, around),
        )
        for index in range(count)
    ]


def listed(row: Row) -> Listed:
    """List gratings that are alone, then those with surrounds; their angles are in the table of trials."""
    return Listed([stimulus_id for stimulus_id, _, _ in trials(row)], None, None, [])


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Draw the gratings."""
    from tqdm import tqdm

    from visalign.stimuli import drawn_tasks

    asked = tqdm(trials(row), desc="stimuli", unit="grating")
    drawn = ((name, draw(row["seed"], index, row["size"])) for name, draw, index in asked)
    return drawn_tasks.write(drawn, written)


SOURCE = Source(
    name="gratings",
    meaning="gratings alone and with surrounds, for the tilt illusion",
    described="{count} gratings alone and gratings with surrounds of other orientations, seed {seed}",
    listed=listed,
    images=images,
    asks=True,
    counted=lambda row: len(trials(row)),
    columns=("count", "seed", "size", "phases"),
)
