"""Trials of folders that others made: their metadata, and whether labels are those of their images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from visalign.errors import InputError
from visalign.io import array_files, delimited

#: Images that are looked at, and the least share whose label is that of the solver.
SAMPLED, LEAST = 200, 0.8
_MAGIC = b"\x93NUMPY"


class Trial(NamedTuple):
    """An image file, the task that is asked of it, and its answer; '' is unknown or none."""

    path: Path
    task: str
    label: int
    split: str = ""
    group: str = ""
    difficulty: str = ""


class Found(NamedTuple):
    """Trials of a folder in its order, and what of it is none, named relative to it.

    `unread` are files that no trial shows; `unclear` trials that are left out as their answer is not known.
    """

    trials: list[Trial]
    unread: list[str]
    unclear: tuple[str, ...] = ()


class Line(NamedTuple):
    """A row of metadata: its number from 1, and its cells."""

    number: int
    cells: list[str]


def metadata(path: Path, columns: Sequence[str]) -> Iterator[Line]:
    """Yield the rows of a file of metadata: a NumPy array of text, or text itself, whatever its name.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        What the first cells of a row are; there may be more.

    Raises
    ------
    InputError
        Neither of both, an array that would have to be unpickled, a damaged file, rows that are too short, or
        no rows.
    """
    lines = list(_array_lines(path) if _starts(path, _MAGIC) else _text_lines(path))
    if not lines:
        raise InputError(f"{path}: no rows of metadata")
    for line in lines:
        if len(line.cells) < len(columns):
            raise InputError(
                f"{path}: row {line.number}: {len(line.cells)} cells, fewer than {len(columns)} "
                f"({', '.join(columns)}): a damaged file?"
            )
    yield from lines


def _starts(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _array_lines(path: Path) -> Iterator[Line]:
    array = array_files.read_npy(path)
    if array.dtype.kind not in "US" or array.ndim != 2:
        raise InputError(f"{path}: shape {array.shape}, type {array.dtype}; expected text, a row per image")
    for number, row in enumerate(array, 1):
        yield Line(number, [cell.decode("latin-1") if isinstance(cell, bytes) else str(cell) for cell in row])


def _text_lines(path: Path) -> Iterator[Line]:
    text = delimited.read_text(path, "metadata, neither a NumPy array nor text")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield Line(number, line.split())


def label_of(cell: str, where: str) -> int:
    """Label 0 or 1 of a cell; another value is an InputError."""
    value = delimited.number(cell)
    if value not in (0, 1):
        raise InputError(f"{where}: label: {cell!r} is neither 0 nor 1")
    return int(value)


def collected(
    folder: Path, trials: list[Trial], below: Sequence[Path], unclear: tuple[str, ...] = ()
) -> Found:
    """Trials of a folder, and its other images; several tasks may be asked of an image.

    Parameters
    ----------
    below : sequence of Path
        Folders in which images lie.

    Raises
    ------
    InputError
        No trial, an image that is not there or is there twice.
    """
    if not trials:
        raise InputError(f"{folder}: no images")
    asked: set[tuple[Path, str]] = set()
    for trial in trials:
        if (trial.path, trial.task) in asked:
            raise InputError(f"{trial.path}: two rows of metadata, task {trial.task}")
        asked.add((trial.path, trial.task))
    known = {trial.path for trial in trials}
    there = {path for each in below for path in each.rglob("*.png")}
    absent = [trial.path for trial in trials if trial.path not in there]
    if absent:
        raise InputError(f"{absent[0]}: no such image ({len(absent)} of {len(trials)} are not there)")
    return Found(trials, sorted(path.relative_to(folder).as_posix() for path in there - known), unclear)


def grey(path: Path) -> np.ndarray:
    """Grey levels of an image file, (height, width) uint8; one that cannot be read is an InputError."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: not a readable image: {error}") from None


def check_labels(
    folder: Path, trials: Sequence[Trial], solve: Callable[[Trial], Sequence[int | None]], seed: int = 0
) -> float:
    """Compare labels with what a solver says of some images.

    Parameters
    ----------
    folder : Path
        What errors name.
    trials : sequence of Trial
    solve : callable
        A trial to answers, one per setting of the solver (the best counts); None where it has none.
    seed : int
        Of the choice of the images.

    Returns
    -------
    float
        Largest share of labels over settings that are the solver's answers.

    Raises
    ------
    InputError
        A share below LEAST.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(trials), min(SAMPLED, len(trials)), replace=False)
    agree = [[answer == trials[k].label for answer in solve(trials[k])] for k in chosen]
    share = float(np.mean(agree, axis=0).max())
    if share < LEAST:
        raise InputError(
            f"{folder}: label: {share:.2f} of {len(chosen)} images have the label that their pixels show, "
            f"fewer than {LEAST:.2f}: labels are not those of these images"
        )
    return share
