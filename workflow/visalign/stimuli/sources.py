"""Sources of stimuli, each declared in a file of its own.

Every start of Snakemake imports this: declarations import at their top nothing that computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.stimuli import (
    archives,
    brainscore,
    cluttered_letters,
    folders,
    gratings,
    matlab_images,
    pathfinder,
    perspective,
    photographs,
    probes,
    procedural,
    shards,
    svrt,
    trials,
)
from visalign.stimuli.source import Listed, Row, Source, space

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow

#: A new source is a file with its SOURCE, and a line here.
SOURCES: tuple[Source, ...] = (
    photographs.SOURCE,
    procedural.SOURCE,
    folders.SOURCE,
    shards.TFRECORD,
    shards.NPZ,
    shards.PTH,
    brainscore.SOURCE,
    archives.SOURCE,
    matlab_images.SOURCE,
    pathfinder.SOURCE,
    pathfinder.PUBLISHED,
    cluttered_letters.SOURCE,
    perspective.SOURCE,
    perspective.TRACKS,
    svrt.SOURCE,
    gratings.SOURCE,
    probes.SOURCE,
    trials.SOURCE,
)
NAMES = tuple(source.name for source in SOURCES)


def of(row: Row) -> Source:
    """Source of a row of the sheet."""
    return next(source for source in SOURCES if source.name == row["source"])


def check(row: Row) -> Source:
    """Return the source of a row; settings that it cannot have are an InputError."""
    source, background = of(row), row.get("background", "")
    source.check_labels(space(row))
    if background:
        from visalign.stimuli import images

        images.colour(background)
        if not source.grounded:
            grounded = " and ".join(each.name for each in SOURCES if each.grounded)
            raise InputError(f"background: {background} is for the sources {grounded}, not {source.name}")
    return source


def listed(row: Row) -> Listed:
    """List a stimulus set without reading its images and without running its stage.

    Parameters
    ----------
    row : mapping
        Row of the stimulus sheet.

    Raises
    ------
    InputError
        All that is wrong with its files, tables and folders, but for what their pixels show.
    """
    return check(row).listed(row)


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Yield the rows of the table of a stimulus set; images that the source makes are written to a folder.

    Raises
    ------
    InputError
        What is wrong with its files, and images that cannot be decoded.
    """
    return check(row).images(row, written)


def files(row: Row) -> list[str]:
    """Files that a stimulus set is made from, tables of labels among them."""
    tables = [row[column] for column in ("labels", "multi_labels") if column in row]
    return [*tables, *of(row).files(row)]
