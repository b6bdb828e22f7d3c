"""What a source of stimuli is: how its images are listed, and how they are made, from a row of the sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from visalign.io.rows import StimuliRow

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow

#: A row of the stimulus sheet; empty cells may be absent or ''.
Row = StimuliRow


class Labelled(TypedDict, total=False):
    """What a row says of the classes that its images show."""

    label_space: str


class Listed(NamedTuple):
    """A stimulus set as it will be.

    `label` is None where images have none, or where it would take reading them; `files` are those that lie on
    disk already, else None; `unread` names files beside them that will not be read; `trials` is what is asked
    of the images, rows of ``trials.csv`` by column, where that is known before they are made.
    """

    stimulus_id: list[str]
    label: list[int] | None
    files: list[Path] | None
    unread: list[str]
    trials: list[dict[str, str]] | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the images of a stimulus set come from.

    Attributes
    ----------
    name : str
        In the column ``source`` of the sheet, and on the command line.
    meaning : str
        What the schema of the sheet says of it.
    described : str
        What a methods section calls it; columns of the row in braces.
    listed : callable
        Row to `Listed`, without decoding an image.
    images : callable
        (row, folder to write images to) to the rows of the stimulus table, in the same order.
    counted : callable
        Row to the number of images that its columns ask for; of sets that lie on disk, a guess.
    columns : tuple of str
        Of the sheet that it reads, beside those that every source has.
    needs : tuple of str
        Those of them without which there are no images.
    files : callable
        Row to the files that the set is made from, and whose change makes it anew; a folder or a pattern
        is none: its listing tells of changes.
    grounded : bool
        Whether its images may be transparent, so that their ground can be declared.
    asks : bool
        Whether it writes ``trials.csv``, what is asked of its images, beside them.
    check_labels : callable
        Label space to an InputError where the labels cannot be of it.
    """

    name: str
    meaning: str
    described: str
    listed: Callable[[Row], Listed]
    images: Callable[[Row, Path], Iterator[StimulusRow]]
    counted: Callable[[Row], int] = lambda row: row["count"]
    columns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    files: Callable[[Row], list[str]] = lambda row: []
    grounded: bool = False
    asks: bool = False
    check_labels: Callable[[str], None] = lambda label_space: None

    def describe(self, row: Row) -> str:
        """Say in a methods section what the set of a row is."""
        return self.described.format_map(row)


def space(row: Labelled) -> str:
    """Label space of a row, '' for the unlabelled."""
    label_space = row.get("label_space")
    return "" if label_space in (None, "none") else str(label_space)
