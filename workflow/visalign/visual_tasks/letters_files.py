"""Folders of cluttered letters (cABC) that others made.

====================  ==============================================================================
published generator   ``imgs/B/sample_N.png``, ``segs/``, and ``metadata/B.npy`` or ``combined.npy``
copies of 2025        ``LEVEL/images/{train,test}/{neg,pos}/B/sample_N.png``, without metadata
====================  ==============================================================================

A folder may be one of those, or hold one per level. Labels are compared with the images where there are
``segs``, in which each letter has a grey level of its own; letters overlap, so an image alone does not tell.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

from visalign.errors import InputError
from visalign.visual_tasks import letters_oracle
from visalign.visual_tasks.found_trials import Found, Trial, check_labels, collected, grey, label_of, metadata

TASK = "cluttered-letters"
LEVELS = ("easy", "medium", "hard")
COLUMNS = ("subpath", "segpath", "file", "number", "label")
#: Radius of the black inside of a marker and of its outer edge, as published, at 350 pixels.
PUBLISHED_SIDE, INSIDE, RADIUS = 350, 9.5, 12.5
#: A black patch is the inside of a marker if its area is that of the disc up to this factor.
AREA = 1.35


def read(folder: str | Path, compare: bool = True) -> Found:
    """List the images of a folder with their labels, and compare some with the images where that can be.

    Parameters
    ----------
    folder : str or Path
        In one of the two layouts, or with sub-folders easy, medium, hard that are.
    compare : bool
        Whether images are read at all, to compare labels with them.

    Returns
    -------
    Found
        Difficulty is the level, if a folder says so.

    Raises
    ------
    InputError
        No such layout, damaged metadata, images that are not there, labels that are not those of the images.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of cluttered letters")
    levels = [root / name for name in LEVELS if (root / name).is_dir()]
    trials, below = list[Trial](), []
    for each in levels or [root]:
        images = each / ("imgs" if (each / "metadata").is_dir() else "images")
        if not images.is_dir():
            raise InputError(
                f"{each}: no folder {images.name}: expected imgs/ and metadata/, or "
                "images/{train,test}/{neg,pos}/"
            )
        level = each.name if each.name in LEVELS else ""
        if images.name == "imgs":
            found, parts = _with_metadata(each, level)
            if compare:
                _check(each, found, parts)
            trials += found
        else:
            trials += _by_folders(images, level)
            if compare:
                print(
                    f"{images}: labels were not compared with the images: there are no segs", file=sys.stderr
                )
        below.append(images)
    return collected(root, trials, below)


def _by_folders(images: Path, level: str) -> list[Trial]:
    return [
        Trial(path, TASK, label, split, difficulty=level)
        for split in ("train", "test")
        for label, name in enumerate(("neg", "pos"))
        for path in sorted((images / split / name).rglob("*.png"))
    ]


def _with_metadata(folder: Path, level: str) -> tuple[list[Trial], dict[Path, Path]]:
    """Trials of a folder with metadata, and the file of the parts of each of its images."""
    files = sorted((folder / "metadata").glob("*.npy"), key=lambda file: (len(file.name), file.name))
    parts = [file for file in files if file.stem != "combined"] or files
    if not parts:
        raise InputError(f"{folder / 'metadata'}: no metadata (B.npy or combined.npy)")
    trials, parts_of = [], {}
    for file in parts:
        for line in metadata(file, COLUMNS):
            cells = dict(zip(COLUMNS, line.cells, strict=False))
            label = label_of(cells["label"], f"{file}: row {line.number}")
            path = folder / cells["subpath"] / cells["file"]
            trials.append(Trial(path, TASK, label, difficulty=level))
            parts_of[path] = folder / cells["segpath"] / cells["file"]
    return trials, parts_of


def _check(folder: Path, trials: list[Trial], parts_of: dict[Path, Path]) -> None:
    """Compare labels with the letters on which markers lie, where there are ``segs``."""
    if not (folder / "segs").is_dir():
        print(f"{folder}: labels were not compared with the images: there are no segs", file=sys.stderr)
        return
    collected(folder, trials, [folder / "imgs"])

    def solve(trial: Trial) -> list[int | None]:
        image, parts = grey(trial.path), grey(parts_of[trial.path])
        places = markers(image)
        scale = max(image.shape) / PUBLISHED_SIDE
        return [None if places is None else letters_oracle.answer(numbered(parts), places, RADIUS * scale)]

    check_labels(folder, trials, solve)


def markers(image: np.ndarray) -> np.ndarray | None:
    """Find the centres of two rings that are black inside, by the area and the shape of their insides.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width)

    Returns
    -------
    ndarray, shape (2, 2), or None
        (x, y) in pixels; None where there are not two such patches.
    """
    groups, count = ndimage.label(image < 128)
    wanted = np.pi * (INSIDE * max(image.shape) / PUBLISHED_SIDE) ** 2
    found = []
    for number, window in enumerate(ndimage.find_objects(groups, count), 1):
        inside = groups[window] == number
        height, width = inside.shape
        # A disc fills .79 of its window.
        round_enough = abs(height - width) <= 2 and 0.65 <= inside.mean() <= 0.95
        if round_enough and wanted / AREA <= inside.sum() <= wanted * AREA:
            rows, columns = np.nonzero(inside)
            place = (columns.mean() + window[1].start, rows.mean() + window[0].start)
            found.append((abs(inside.sum() - wanted), place))
    if len(found) < 2:
        return None
    return np.array([place for _, place in sorted(found)[:2]])


def numbered(levels: np.ndarray) -> np.ndarray:
    """Number of the letter at each pixel of an image; its two commonest levels above 0 are letters."""
    counts = np.bincount(levels[levels > 0], minlength=256)
    first, second = np.argsort(-counts, kind="stable")[:2]
    found = np.where(levels > 0, 3, 0).astype(np.uint8)
    found[(levels == first) & (levels > 0)] = 1
    found[(levels == second) & (counts[second] > 0)] = 2
    return found
