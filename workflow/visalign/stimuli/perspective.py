"""Scenes of a ball and a viewer as sources of stimuli; how one is drawn is in `visual_tasks.perspective`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.stimuli import drawn_tasks
from visalign.stimuli.source import Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Draw scenes, of which depth order and perspective are asked."""
    from visalign.visual_tasks import perspective

    control, ids = drawn_tasks.needed(row, "control"), drawn_tasks.listed(row).stimulus_id
    drawn = (
        (each, perspective.draw(row["seed"], index, row["size"], control=control))
        for index, each in enumerate(ids)
    )
    return drawn_tasks.write(drawn, written, len(ids))


def tracks(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Draw tracks of ten scenes, in which a ball moves behind a box and out again."""
    from visalign.visual_tasks import perspective

    ids = drawn_tasks.listed(row).stimulus_id
    drawn = (
        (each, perspective.draw_track(row["seed"], index, row["size"])) for index, each in enumerate(ids)
    )
    return drawn_tasks.write(drawn, written, len(ids))


SOURCE = Source(
    name="perspective",
    meaning="scenes of a ball, a viewer and boxes, of which depth order and perspective are asked",
    described="{count} ray-cast scenes of a ball, a viewer and boxes (control: {control}), seed {seed}",
    listed=drawn_tasks.listed,
    images=images,
    columns=("count", "seed", "size", "control"),
    needs=("control",),
    asks=True,
    check_labels=drawn_tasks.check_labels,
)
TRACKS = Source(
    name="perspective_tracks",
    meaning="the same scenes, in which the ball moves behind a box and out again in ten steps",
    described="{count} ray-cast scenes of a ball that moves behind a box in ten steps, seed {seed}",
    listed=drawn_tasks.listed,
    images=tracks,
    columns=("count", "seed", "size"),
    asks=True,
    check_labels=drawn_tasks.check_labels,
)
