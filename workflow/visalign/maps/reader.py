"""What a reader of importance maps is: how it lists the maps of a set, checks and opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from visalign.errors import InputError

if TYPE_CHECKING:  # every start of Snakemake may pass here
    import numpy as np

    from visalign.maps.participants import Log

#: Label of the map of an image that has none.
NO_LABEL = -1


class Stimuli(NamedTuple):
    """The stimulus set of a map set: label of each image (None: it has none), in order; height and width."""

    labels: Mapping[str, int | None]
    sizes: Mapping[str, tuple[int, int]]


class MapFiles(NamedTuple):
    """Where a map set is: its name, path, CSV of labels and click log, as the sheet of maps has them.

    `settings` are the columns that only its reader takes, `stimuli` its images, where they are known.
    """

    name: str
    path: str
    labels: str | None = None
    clicks: str | None = None
    settings: Mapping[str, object] | None = None
    stimuli: Stimuli | None = None


class HumanMap(NamedTuple):
    """One importance map as it was read: `heatmap` float32 (height, width), in any unit; and where from.

    `processed` tells that it has been blurred as every map is, or by its reader, and is not once more. The
    label of an image without one is `NO_LABEL`.
    """

    stimulus_id: str
    label: int
    heatmap: np.ndarray
    source: str
    processed: bool = False


class UnusedFiles(TypedDict):
    """Files of a folder that are no image's map: how many, and the names of the first few."""

    n: int
    first: list[str]


class Opened(NamedTuple):
    """Maps read one at a time, a log of people with what was left out of it, and files that are no map."""

    maps: Iterable[HumanMap]
    log: tuple[Log, dict[str, int]] | None = None
    unused: UnusedFiles | None = None


def unchecked(files: MapFiles, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Check nothing: maps lie beside their images, and are checked as they are read."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A format of importance maps.

    Attributes
    ----------
    name : str
        As in the column ``reader`` of the sheet of maps.
    meaning, path : str
        What it reads, and what the column ``path`` is, for people.
    listed : callable
        Stimulus id and label (None: not known before the maps are read) of each map, in order, without
        decoding any.
    open : callable
        Takes the set's files and the label of each image, which is empty unless `labelled`.
    check_shapes : callable
        Raises InputError, before any map is decoded, where one would be stretched over its image; takes the
        height and width of images by their ids.
    labelled : bool
        Whether images and their labels come from a CSV, the column ``labels``; where it is empty, they are
        those of the stimulus set.
    of_people : bool
        Whether the path is a log of people's clicks or fixations, which the ceiling is computed from too.
    of_table : bool
        Whether the path is a stimulus table, which tells the sizes of the images too.
    of_stimuli : bool
        Whether the images are those of the stimulus set, of which the path may lack some and have others.
    title : str
        Of the panel of scores against its maps; '' for that of the measure.
    smooths : bool
        Whether it smooths the maps itself, on 64 × 64 cells of the whole image: they get no other blur.
    settings, needs : tuple of str
        Columns of the sheet that only it takes; those of them that its rows must fill.
    """

    name: str
    meaning: str
    path: str
    listed: Callable[[MapFiles], list[tuple[str, int | None]]]
    open: Callable[[MapFiles, Mapping[str, int]], Opened]
    check_shapes: Callable[[MapFiles, Mapping[str, tuple[int, int]]], None] = unchecked
    labelled: bool = False
    of_people: bool = False
    of_table: bool = False
    of_stimuli: bool = False
    title: str = ""
    smooths: bool = False
    settings: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def click_log(self, files: MapFiles) -> str | None:
        """Path of the set's log of people, if there is one."""
        return files.path if self.of_people else files.clicks

    def check_settings(self, given: Mapping[str, object], called: Callable[[str], str]) -> None:
        """Raise InputError for settings that are given and not taken, or needed and not given.

        `called` says what a setting is called where it was given.
        """
        for name, value in given.items():
            if value is not None and name not in self.settings:
                raise InputError(f"{called(name)}: {value}, but reader {self.name} takes none")
        for name in self.needs:
            if given.get(name) is None:
                raise InputError(f"{called(name)}: needed by reader {self.name}")
