"""Visual tasks of several kinds as one stimulus set, so that features of a model are recorded once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.stimuli import drawn_tasks
from visalign.stimuli.source import Listed, Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow
    from visalign.visual_tasks.drawn import Drawn

#: Side below which some task cannot be drawn.
SMALLEST = 112
#: Problems of the synthetic visual reasoning test, and lengths of Pathfinder's contours.
PROBLEMS, LENGTHS = (1, 4, 15, 22), (3, 6)
#: Images of scenes for one of each other task, for how many there is a track, and images of a track.
SCENES, TRACKS, STEPS = 2.5, 12, 10


def parts(row: Row) -> list[tuple[str, int]]:
    """Names of the parts of a set, and how many images each has."""
    count = row["count"]
    found = [("perspective", int(SCENES * count)), ("tracks", max(count // TRACKS, 1) * STEPS)]
    found += [(f"pathfinder-{length}", count) for length in LENGTHS]
    found += [("letters", count), *((f"svrt-{problem:02d}", count) for problem in PROBLEMS)]
    return [*found, ("orientation", 2 * count), ("tilt", 112)]


def listed(row: Row) -> Listed:
    """List images, part by part; their answers are in the table of trials.

    Raises
    ------
    InputError
        Too small a side.
    """
    if row["size"] < SMALLEST:
        raise InputError(f"size: {row['size']}: probes take at least {SMALLEST} pixels")
    ids = [f"{row['stimuli']}-{part}-{index:06d}" for part, count in parts(row) for index in range(count)]
    return Listed(ids, None, None, [])


def drawers() -> dict[str, Callable[[int, int, int], Drawn]]:
    """What draws the images of each part: (seed, index, side) -> image."""
    from visalign.visual_tasks import cluttered_letters, gratings, pathfinder, perspective, svrt

    found: dict[str, Callable[[int, int, int], Drawn]] = {
        "perspective": perspective.draw,
        "tracks": transfer,
        "letters": functools.partial(cluttered_letters.draw, level="easy"),
        "orientation": gratings.alone,
        "tilt": gratings.surrounded,
    }
    found |= {f"pathfinder-{length}": functools.partial(pathfinder.draw, length=length) for length in LENGTHS}
    return found | {f"svrt-{p:02d}": functools.partial(svrt.draw, problem=p) for p in PROBLEMS}


def transfer(seed: int, index: int, side: int) -> Drawn:
    """Image `index` of tracks, of which vpt-basic is asked of the probe that learnt it on other scenes."""
    from visalign.visual_tasks import drawn, perspective

    track = perspective.draw_track(seed, index, side)
    asked = (drawn.Asked(perspective.BASIC, asked.label, split="transfer") for asked in track.asked)
    return replace(track, asked=tuple(asked))


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Draw the images of all parts."""
    ids, draw = iter(listed(row).stimulus_id), drawers()
    shown = (
        (next(ids), draw[part](row["seed"], index, row["size"]))
        for part, count in parts(row)
        for index in range(count)
    )
    return drawn_tasks.write(shown, written, sum(count for _, count in parts(row)))


SOURCE = Source(
    name="probes",
    meaning="visual tasks of all kinds",
    described="drawn visual tasks of all kinds, {count} images of most, seed {seed}",
    listed=listed,
    images=images,
    counted=lambda row: sum(count for _, count in parts(row)),
    columns=("count", "seed", "size"),
    asks=True,
    check_labels=drawn_tasks.check_labels,
)
