"""Reader of fixations: the map of an image is the mean of its people's, smoothed by one Gaussian."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.maps.reader import HumanMap, MapFiles, Opened, Reader, Stimuli

if TYPE_CHECKING:
    from visalign.maps.fixations import Fixations


def listed(files: MapFiles) -> list[tuple[str, int | None]]:
    """List the images of the stimulus set; without one, those of the file."""
    from visalign.maps import fixation_files
    from visalign.maps.fixations import check_images

    trials = fixation_files.read(files.path)
    if files.stimuli is None:
        return [(image, None) for image in dict.fromkeys(trial.image for trial in trials)]
    check_images(trials, files.stimuli.labels, files.path)
    return list(files.stimuli.labels.items())


def maps(path: str, fixations: Fixations, stimuli: Stimuli) -> Iterator[HumanMap]:
    """Iterate over the mean maps (64, 64) of each image's people; NaN where none has a fixation on it."""
    import numpy as np
    from tqdm import tqdm

    from visalign.maps import files as map_files
    from visalign.maps import processing
    from visalign.maps.reader import NO_LABEL

    missing = np.full((processing.SIZE, processing.SIZE), np.nan, np.float32)
    unseen = [image for image in stimuli.labels if image not in fixations.by_image]
    if unseen:
        names = map_files.show(unseen)
        print(f"{path}: images without fixations: {len(unseen)} ({names})", file=sys.stderr)
    for image, label in tqdm(stimuli.labels.items(), desc="maps", unit="map"):
        heatmap = fixations.mean_map(image) if image in fixations.by_image else missing
        yield HumanMap(
            image, NO_LABEL if label is None else label, heatmap, f"{path}: {image}", processed=True
        )


def opened(files: MapFiles, labels: Mapping[str, int]) -> Opened:
    """Read the fixations on the images of the stimulus set."""
    from visalign.maps.fixations import Settings, fixations_of

    if files.stimuli is None:
        raise InputError(
            f"{files.path}: the sizes of its images are needed: give the table of the stimulus set"
        )
    fixations, counts = fixations_of(files.path, files.stimuli.sizes, Settings.of(files.settings or {}))
    return Opened(maps(files.path, fixations, files.stimuli), log=(fixations, counts))


def check_shapes(files: MapFiles, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Place the fixations on their images, as reading them will, where the sizes of all are known."""
    from visalign.maps.fixations import Settings, fixations_of

    if files.stimuli and files.stimuli.labels.keys() <= sizes.keys():
        fixations_of(files.path, sizes, Settings.of(files.settings or {}))


FIXATIONS = Reader(
    name="fixations",
    meaning="eye fixations of people, smoothed by a Gaussian: a MATLAB file as of OSIE, or a table "
    "with columns person, image, x, y and, if wanted, duration",
    path="the file of fixations (.mat, .csv, .tsv)",
    listed=listed,
    open=opened,
    check_shapes=check_shapes,
    of_people=True,
    of_stimuli=True,
    title="Fixation alignment",
    smooths=True,
    needs=("sigma",),
    settings=("sigma", "pixels_per_degree", "weighting", "first_fixation", "screen", "shown"),
)
