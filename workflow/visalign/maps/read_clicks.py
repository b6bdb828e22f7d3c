"""Reader of a click log: the map of an image is the mean of its participants'."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from visalign.maps.reader import HumanMap, MapFiles, Opened, Reader

if TYPE_CHECKING:
    from visalign.maps.clicks import ClickLog


def listed(files: MapFiles) -> list[tuple[str, int | None]]:
    """List the images of the labels, or of the stimulus set, some of which its filters must leave."""
    from visalign.maps import files as map_files
    from visalign.maps.filtered_clicks import read_clicks

    labels = map_files.images_of(files)
    read_clicks(files.path, labels or None, files.labels or "the stimulus set")
    return list(labels.items())


def maps(path: str, log: ClickLog, labels: Mapping[str, int]) -> Iterator[HumanMap]:
    """Iterate over the mean maps (256, 256) of each image's participants; NaN where the filters left none."""
    import numpy as np
    from tqdm import tqdm

    from visalign.maps import clicks
    from visalign.maps import files as map_files

    groups = clicks.clicks_by_image(log)
    missing = np.full((clicks.SIZE, clicks.SIZE), np.nan, np.float32)
    unclicked = [image for image in labels if image not in groups]
    if unclicked:
        names = map_files.show(unclicked)
        print(f"{path}: images on which no clicks are left: {len(unclicked)} ({names})", file=sys.stderr)
    for image, label in tqdm(labels.items(), desc="maps", unit="map"):
        heatmap = clicks.group_map(groups[image]) if image in groups else missing
        yield HumanMap(image, label, heatmap, f"{path}: {image}")


def opened(files: MapFiles, labels: Mapping[str, int]) -> Opened:
    """Read and filter the log, of the images."""
    from visalign.maps.filtered_clicks import read_clicks

    log, counts = read_clicks(files.path, labels, files.labels or "the stimulus set")
    return Opened(maps(files.path, log, labels), log=(log, counts))


def check_shapes(files: MapFiles, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Compare the square that participants clicked on with the sizes of the images."""
    from visalign.maps import clicks
    from visalign.maps import files as map_files

    shape = (clicks.SIZE, clicks.SIZE)
    advice = "give the images that participants clicked on, which were of this size"
    for image in map_files.images_of(files):
        if image in sizes:
            map_files.check_shape(f"{files.path}: {image}", shape, sizes[image], advice)


CLICKS = Reader(
    name="clicks",
    meaning="a click log (npz) on images of 256 × 256 pixels, whose participants' maps are averaged",
    path="the click log",
    listed=listed,
    open=opened,
    check_shapes=check_shapes,
    labelled=True,
    of_people=True,
)
