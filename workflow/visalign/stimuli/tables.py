"""Tables of stimulus sets: reading them, their labels, and matching a store to them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import zarr

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.tables import numbers, read_table
from visalign.labels import multi_labels

if TYPE_CHECKING:
    import pandas as pd


def read(path: str | Path) -> pd.DataFrame:
    """Read the table of a stimulus set; ``path`` and ``mask`` become paths from here.

    Returns
    -------
    DataFrame
        Columns stimulus_id, path, label, category, height, width, sha256, mask, and multi_labels of some.
    """
    needed = ("stimulus_id", "path", "sha256")
    # A stimulus may be called 007 or NA: neither a number nor a missing value.
    words = dict.fromkeys((*needed, "category", "mask", "multi_labels"), str)
    empty = {name: [""] for name in ("path", "label", "category", "height", "width", "mask")}
    table = read_table(path, required=needed, dtype=words, keep_default_na=False, na_values=empty)
    base = Path(path).parent
    for column in ("path", "mask"):
        if column in table:
            table[column] = [
                str(base / value) if isinstance(value, str) else value for value in table[column]
            ]
    return table


def labels(table: pd.DataFrame, classes: int, where: str | Path) -> np.ndarray:
    """Labels (n,) int64 of a table, all within 0..classes − 1.

    Raises
    ------
    InputError
        A missing label or one that is not an output of the model.
    """
    values = numbers(table, "label", where, missing=True)
    wrong = ~((values >= 0) & (values < classes) & (values % 1 == 0))  # a missing label is wrong too
    if wrong.any():
        first = table[wrong].iloc[0]
        raise InputError(
            f"{where}: label: {first['label']} of {first['stimulus_id']!r} is not in 0..{classes - 1}, "
            "the model's outputs"
        )
    return values.astype(np.int64)


def all_labels(table: pd.DataFrame, classes: int, where: str | Path) -> list[list[int]] | None:
    """All classes of each image, the first `multi_labels.MOST` of them; None where no table has any.

    Raises
    ------
    InputError
        A cell that is not class numbers within 0..classes − 1 separated by spaces.
    """
    if "multi_labels" not in table:
        return None
    cells = zip(table["stimulus_id"], table["multi_labels"], strict=True)
    found = [multi_labels.parse(cell, classes, f"{where}: {name!r}") for name, cell in cells]
    return [own[: multi_labels.MOST] for own in found]


def unmatched(names: Sequence[str], known: Sequence[str], place: str) -> str | None:
    """Why `names` are not all among `known`: how many are not, the first, and what it is called there.

    Parameters
    ----------
    names, known : sequence of str
        Stimulus ids.
    place : str
        Where the known ones are, such as "the stimulus set scenes".

    Returns
    -------
    str or None
        The end of an error; None where all match.
    """
    there = set(known)
    missing = list(dict.fromkeys(name for name in names if name not in there))
    if not missing:
        return None
    first, stem = missing[0], _stem(missing[0])
    # Names that differ in folder, suffix or case alone are found first, and among many.
    same = [name for name in known if _stem(name) == stem]
    near = same or difflib.get_close_matches(first, list(known)[:10_000], 1) or list(known)[:1]
    called = f": there is {near[0]!r} (one of {len(known)})" if near else ", which is empty"
    return f"stimulus_id: {len(missing)} of {len(set(names))} not in {place}, first {first!r}{called}"


def _stem(name: str) -> str:
    """A name without folder and suffix, in lower case."""
    return PurePosixPath(name).name.rsplit(".", 1)[0].casefold()


def positions(known: Sequence[str], names: Sequence[str], where: str | Path, place: str) -> np.ndarray:
    """Positions (n,) of `names` among `known`; those that are not there are an InputError of file `where`."""
    if reason := unmatched(names, known, place):
        raise InputError(f"{where}: {reason}")
    position = {name: index for index, name in enumerate(known)}
    return np.array([position[name] for name in names], dtype=np.intp)


def rows_of(table: pd.DataFrame, stimulus_ids: list[str], where: str | Path) -> np.ndarray:
    """Rows (n,) of a table that hold `stimulus_ids`, in their order; an unknown id is an InputError."""
    return positions(list(table["stimulus_id"]), stimulus_ids, where, "the stimulus table")


def pictures(path: str | Path, stimulus_ids: Sequence[str], where: str | Path) -> np.ndarray:
    """Checksum (n,) of the picture of each stimulus, from the table at `path`; errors name `where`."""
    table = read(path)
    rows = positions(list(table["stimulus_id"]), stimulus_ids, where, f"the stimulus table {path}")
    return table["sha256"].to_numpy(dtype=str)[rows]


def shared_pictures(table: pd.DataFrame, other: pd.DataFrame) -> list[tuple[str, str]]:
    """Ids in both tables of each stimulus of `table` whose file, under whatever name, is one of `other`."""
    known = dict(zip(other["sha256"], other["stimulus_id"], strict=True))
    pairs = zip(table["stimulus_id"], table["sha256"], strict=True)
    return [(stimulus_id, known[sha256]) for stimulus_id, sha256 in pairs if sha256 in known]


def check_ids(store: zarr.Group, table: pd.DataFrame, where: str | Path) -> None:
    """Raise InputError unless a store holds the stimuli of a table, in its order."""
    check_order(stores.strings(store), list(table["stimulus_id"]), where, "the store")


def check_order(have: Sequence[str], want: Sequence[str], where: str | Path, place: str) -> None:
    """Raise InputError of file `where` unless what `place` has are the ids of a table, in its order."""
    for names, known, there in ((want, have, place), (have, want, "the stimulus table")):
        if reason := unmatched(names, known, there):
            raise InputError(f"{where}: {reason}")
    if list(have) != list(want):
        pairs = (pair for pair in zip(want, have, strict=False) if pair[0] != pair[1])
        first, other = next(pairs, (len(want), len(have)))
        raise InputError(
            f"{where}: stimulus_id: those of the stimulus table, but in another order: {first!r} where "
            f"{place} has {other!r}"
        )
