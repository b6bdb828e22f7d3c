"""What a reader of importance maps is: how it lists the maps of a set, checks and opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:  # every start of Snakemake may pass here
    import numpy as np

    from visalign.maps.filtered_clicks import FilteredLog


class MapFiles(NamedTuple):
    """Where a map set is: its name, path, CSV of labels and click log, as the sheet of maps has them."""

    name: str
    path: str
    labels: str | None = None
    clicks: str | None = None


class HumanMap(NamedTuple):
    """One importance map as it was read: `heatmap` float32 (height, width), in any unit; and where from.

    `processed` tells that it has been blurred as every map is, and is not once more.
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
    """Maps read one at a time, a filtered click log if there is one, and files that are no image's map."""

    maps: Iterable[HumanMap]
    log: FilteredLog | None = None
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
        Whether images and their labels come from a CSV, the column ``labels``.
    of_clicks : bool
        Whether the path is a click log, which the ceiling is computed from too.
    of_table : bool
        Whether the path is a stimulus table, which tells the sizes of the images too.
    """

    name: str
    meaning: str
    path: str
    listed: Callable[[MapFiles], list[tuple[str, int | None]]]
    open: Callable[[MapFiles, Mapping[str, int]], Opened]
    check_shapes: Callable[[MapFiles, Mapping[str, tuple[int, int]]], None] = unchecked
    labelled: bool = False
    of_clicks: bool = False
    of_table: bool = False

    def click_log(self, files: MapFiles) -> str | None:
        """Path of the set's click log, if there is one."""
        return files.path if self.of_clicks else files.clicks
