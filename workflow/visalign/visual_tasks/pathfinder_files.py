"""Folders of Pathfinder images that others made.

====================  ==============================================================================
published generator   ``imgs/B/sample_N.png`` and ``metadata/B.npy`` or ``combined.npy``, arrays of text
Long Range Arena      the same, but ``metadata/B.npy`` is text, cells separated by blanks
copies of 2025        ``curv_contour_length_L/imgs/{neg,pos}/*.png``, without metadata
====================  ==============================================================================

A folder may also hold several of one kind, such as ``curv_baseline`` and ``curv_contour_length_9``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from visalign.errors import InputError
from visalign.io import delimited
from visalign.visual_tasks import pathfinder_oracle
from visalign.visual_tasks.found_trials import Found, Trial, check_labels, collected, grey, label_of, metadata

TASK = "pathfinder"
COLUMNS = (
    *("subpath", "file", "number", "label", "continuity", "length", "distractor_length"),
    *("dash", "thickness", "margin"),
)
_LENGTH = re.compile(r"curv_contour_length_(\d+)")
#: Thickness of dashes and half the gap between them in images without metadata, as published, at 300 pixels.
PUBLISHED_SIDE, THICKNESS, MARGIN = 300, 2.0, 3.0
#: Gaps that are tried, as shares of the margin: images may have been enlarged or reduced since.
GAPS = (0.5, 0.75, 1.0, 1.25, 1.5)
#: What is added to each, in pixels: edges of thin dashes are blunt.
ALLOWED = 0.375
#: Smaller images are not compared with their labels, as gaps between dashes are below two pixels.
SMALLEST = 96


class Drawing(NamedTuple):
    """Sizes in pixels with which an image was drawn; None if no metadata say so."""

    thickness: float | None = None
    margin: float | None = None


def read(folder: str | Path, compare: bool = True) -> Found:
    """List the images of a folder with their labels, and compare some labels with the images.

    Parameters
    ----------
    folder : str or Path
        In one of the three layouts, or with sub-folders that are.
    compare : bool
        Whether images are read at all, to compare labels with them.

    Returns
    -------
    Found
        Difficulty is the number of dashes of a target.

    Raises
    ------
    InputError
        No such layout, damaged metadata, images that are not there, labels that are not those of the images.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of Pathfinder images")
    sets = [root] if (root / "imgs").is_dir() else sorted(each.parent for each in root.glob("*/imgs"))
    if not sets:
        raise InputError(
            f"{root}: no folder imgs, nor sub-folders that have one: expected imgs/ and metadata/, or "
            "curv_contour_length_L/imgs/{neg,pos}/"
        )
    trials: list[Trial] = []
    for each in sets:
        found = _with_metadata(each) if (each / "metadata").is_dir() else _by_folders(each)
        collected(each, [trial for trial, _ in found], [each / "imgs"])
        if compare:
            _check(each, found)
        trials += [trial for trial, _ in found]
    return collected(root, trials, [each / "imgs" for each in sets])


def _with_metadata(folder: Path) -> list[tuple[Trial, Drawing]]:
    """Trials of a folder with metadata, of all its parts, or else of the one for all."""
    files = sorted((folder / "metadata").glob("*.npy"), key=lambda file: (len(file.name), file.name))
    parts = [file for file in files if file.stem != "combined"] or files
    if not parts:
        raise InputError(f"{folder / 'metadata'}: no metadata (B.npy or combined.npy)")
    return [
        _trial(folder, file, line.number, line.cells) for file in parts for line in metadata(file, COLUMNS)
    ]


def _trial(folder: Path, file: Path, number: int, row: list[str]) -> tuple[Trial, Drawing]:
    cells, where = dict(zip(COLUMNS, row, strict=False)), f"{file}: row {number}"
    sizes = {}
    for column in ("length", "thickness", "margin"):
        value = delimited.number(cells[column])
        if value is None or value <= 0:
            raise InputError(f"{where}: {column}: {cells[column]!r} is not a positive number")
        sizes[column] = value
    path = folder / cells["subpath"] / cells["file"]
    label = label_of(cells["label"], where)
    trial = Trial(path, TASK, label, difficulty=f"{sizes['length']:g}")
    return trial, Drawing(sizes["thickness"], sizes["margin"])


def _by_folders(folder: Path) -> list[tuple[Trial, Drawing]]:
    """Trials of a folder whose sub-folders are the labels, its name the length."""
    length = _LENGTH.fullmatch(folder.name)
    if length is None or not any((folder / "imgs" / name).is_dir() for name in ("neg", "pos")):
        raise InputError(
            f"{folder}: no metadata/, so expected curv_contour_length_L/imgs/{{neg,pos}}/, L the length"
        )
    trials = [
        Trial(path, TASK, label, difficulty=length[1])
        for label, name in enumerate(("neg", "pos"))
        for path in sorted((folder / "imgs" / name).glob("*.png"))
    ]
    return [(trial, Drawing()) for trial in trials]


def _check(folder: Path, found: list[tuple[Trial, Drawing]]) -> None:
    """Compare labels with what the oracle says, which finds the markers in the images."""
    first, drawings = grey(found[0][0].path), dict(found)
    if min(first.shape) < SMALLEST:
        print(
            f"{folder}: labels were not compared with the images: below {SMALLEST} pixels a side gaps within "
            "contours and between them cannot be told apart",
            file=sys.stderr,
        )
        return

    def solve(trial: Trial) -> list[int | None]:
        image, drawing = grey(trial.path), drawings[trial]
        scale = max(image.shape) / PUBLISHED_SIDE
        thickness, margin = drawing.thickness or THICKNESS * scale, drawing.margin or MARGIN * scale
        markers = pathfinder_oracle.markers(image, thickness)
        if markers is None:
            return [None] * len(GAPS)
        reaches = [share * margin + ALLOWED for share in GAPS]
        return list(pathfinder_oracle.answers(image, markers, reaches, thickness))

    check_labels(folder, [trial for trial, _ in found], solve)
