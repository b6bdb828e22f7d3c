"""Reader of a folder of maps, named as the images are."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from visalign.maps.reader import HumanMap, MapFiles, Opened, Reader, UnusedFiles

if TYPE_CHECKING:
    from pathlib import Path


def listed(files: MapFiles) -> list[tuple[str, int | None]]:
    """List the images of the labels, or of the stimulus set, each of which must have a map."""
    from visalign.maps import files as map_files

    labels = map_files.images_of(files)
    map_files.find(files.path, labels)
    return list(labels.items())


def maps(files: Mapping[str, Path], labels: Mapping[str, int]) -> Iterator[HumanMap]:
    """Iterate over the maps of a folder, see `maps.files.find`."""
    from tqdm import tqdm

    from visalign.maps import files as map_files

    for name, file in tqdm(files.items(), desc="maps", unit="map"):
        yield HumanMap(name, labels[name], map_files.read(file), str(file))


def unused_files(folder: str, files: Mapping[str, Path]) -> UnusedFiles:
    """Count the files of a folder that are no image's map, and say so; the first few are named."""
    from visalign.maps import files as map_files

    names = map_files.unused(folder, files.values())
    if names:
        print(
            f"{folder}: files that are no image's map: {len(names)} ({map_files.show(names)})",
            file=sys.stderr,
        )
    return {"n": len(names), "first": names[: map_files.SHOWN]}


def opened(files: MapFiles, labels: Mapping[str, int]) -> Opened:
    """Open the maps of the images."""
    from visalign.maps import files as map_files

    found = map_files.find(files.path, labels)
    return Opened(maps(found, labels), unused=unused_files(files.path, found))


def check_shapes(files: MapFiles, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Compare the headers of maps with the sizes of their images."""
    from visalign.maps import files as map_files

    labels = map_files.images_of(files)
    map_files.check_shapes(map_files.find(files.path, labels), sizes)


FOLDER = Reader(
    name="folder",
    meaning="grey images or .npy of the images' names and shapes, at any scale",
    path="folder of maps",
    listed=listed,
    open=opened,
    check_shapes=check_shapes,
    labelled=True,
)
