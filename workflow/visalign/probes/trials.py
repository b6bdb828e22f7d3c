"""Trials of visual tasks: which image is asked what, what is right, and which trials belong together."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from visalign.errors import InputError, unknown
from visalign.io.tables import numbers, read_table

#: Splits that a trial may be of; ``transfer`` is only tested, in a row of scores of its own.
SPLITS = ("train", "val", "test", "transfer", "")
WORDS = ("stimulus_id", "task", "split", "group", "difficulty", "pair")


@dataclass(frozen=True)
class Trials:
    """Trials of one task, ordered by their images' names, so that their order in a table decides nothing.

    Attributes
    ----------
    task : str
    row : ndarray of int, shape (n,)
        Row of features of each trial's image.
    stimulus_id : ndarray of str, shape (n,)
    label : ndarray, shape (n,)
        0 or 1; degrees of an angle task.
    split : ndarray of str, shape (n,)
    group : ndarray of int, shape (n,)
        Trials of one group, or pair, are on one side of every split and resampled together.
    difficulty : ndarray of str, shape (n,)
    """

    task: str
    row: np.ndarray
    stimulus_id: np.ndarray
    label: np.ndarray
    split: np.ndarray
    group: np.ndarray
    difficulty: np.ndarray

    @property
    def is_angle(self) -> bool:
        """Whether labels are degrees."""
        return not np.isin(self.label, (0, 1)).all()

    def of(self, chosen: np.ndarray) -> Trials:
        """Some of the trials."""
        parts = (self.row, self.stimulus_id, self.label, self.split, self.group, self.difficulty)
        return Trials(self.task, *(part[chosen] for part in parts))


def images(path: str | Path) -> list[str]:
    """Images of a table of trials, in the order in which it first shows them."""
    table = read_table(path, required=("stimulus_id",), dtype={"stimulus_id": str}, keep_default_na=False)
    return list(dict.fromkeys(table["stimulus_id"]))


def read(path: str | Path, stimulus_ids: Sequence[str], tasks: Iterable[str] = ()) -> list[Trials]:
    """Read a table of trials, task by task in the order in which they first appear.

    Parameters
    ----------
    path : path
        CSV with columns stimulus_id, task, label, and where known split, group, difficulty, pair.
    stimulus_ids : sequence of str
        Images of which there are features, in the order of their rows.
    tasks : iterable of str
        Shell patterns of the tasks that are wanted; all when empty.

    Raises
    ------
    InputError
        A column that is missing, an image that is not there, a trial twice, a label that is neither 0, 1 nor
        degrees below 360, a split of another name, a pattern without a task, one class only, or a group on
        both sides of the table's own split.
    """
    table = read_table(
        path,
        required=("stimulus_id", "task", "label"),
        dtype=dict.fromkeys(WORDS, str),
        keep_default_na=False,
        na_values={"label": [""]},
    )
    for column in WORDS:
        if column not in table:
            table[column] = ""
    table["label"] = numbers(table, "label", path)
    if not len(table):
        raise InputError(f"{path}: no trials")
    where = {name: row for row, name in enumerate(stimulus_ids)}
    if len(absent := table.loc[~table["stimulus_id"].isin(list(where)), "stimulus_id"]):
        raise InputError(
            f"{path}: stimulus_id: {len(absent)} of {len(table)} trials show images that are not in the "
            f"stimulus set: {unknown(absent.iloc[0], where)}"
        )
    if (wrong := ~table["split"].isin(SPLITS)).any():
        name = table.loc[wrong, "split"].iloc[0]
        raise InputError(f"{path}: split: {name!r} is none of {', '.join(filter(None, SPLITS))}, or empty")
    if (twice := table.duplicated(["stimulus_id", "task"])).any():
        row = table[twice].iloc[0]
        raise InputError(f"{path}: {row['stimulus_id']} is asked {row['task']} twice")
    known = list(dict.fromkeys(table["task"]))
    for pattern in tasks:
        if not fnmatch.filter(known, pattern):
            raise InputError(f"{path}: task: no task matches {pattern!r}; there are {', '.join(known)}")
    wanted = [t for t in known if not tasks or any(fnmatch.fnmatchcase(t, p) for p in tasks)]
    return [_of_task(path, table[table["task"] == task], task, where) for task in wanted]


def _of_task(path: str | Path, table: pd.DataFrame, task: str, where: dict[str, int]) -> Trials:
    table = table.sort_values("stimulus_id", kind="stable")
    found = Trials(
        task,
        np.array([where[name] for name in table["stimulus_id"]]),
        table["stimulus_id"].to_numpy(dtype=object).astype(str),
        table["label"].to_numpy(float),
        table["split"].to_numpy(dtype=object).astype(str),
        joined(table["group"].to_numpy(), table["pair"].to_numpy()),
        table["difficulty"].to_numpy(dtype=object).astype(str),
    )
    place = f"{path}: task {task}"
    if found.is_angle:
        if ((found.label < 0) | (found.label >= 360)).any():
            worst = found.label[(found.label < 0) | (found.label >= 360)][0]
            raise InputError(
                f"{place}: label: {worst:g} is neither 0 or 1 nor an angle from 0 to 360 degrees"
            )
        return found
    _check_split(place, found)
    return found


def _check_split(place: str, found: Trials) -> None:
    """Raise InputError where the table's own split leaves one class, or divides a group."""
    asked = found.split[found.split != "transfer"]
    if len(np.unique(asked == "")) > 1:
        raise InputError(f"{place}: split: empty for some trials only; give all a split, or none")
    for split in np.unique(found.split):
        own = found.label[found.split == split]
        if len(np.unique(own)) < 2:
            name = f"split {split}" if split else "all trials"
            raise InputError(
                f"{place}: label: {name}: all {len(own)} are {own[0]:g}; both classes are needed"
            )
    if "train" not in asked:
        if len(asked) and (asked != "").any():
            raise InputError(f"{place}: split: no trial of the split train")
        return
    if "test" not in asked:
        raise InputError(f"{place}: split: no trial of the split test")
    for group in np.unique(found.group):
        members = found.group == group
        if len(sides := set(found.split[members]) & {"train", "test"}) > 1:
            shown = found.stimulus_id[members][:3]
            raise InputError(
                f"{place}: split: the group of {', '.join(shown)} is in {' and '.join(sorted(sides))}; its "
                "images are no independent witnesses, so a test on them would be none"
            )


def joined(groups: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Number of what belongs together: trials of one group or of one pair, and of what these share.

    Parameters
    ----------
    groups, pairs : ndarray of str, shape (n,)
        '' of trials that are in none.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(groups)
    edges: list[tuple[int, int]] = []
    for names in (groups, pairs):
        first: dict[str, int] = {}
        edges += [(first.setdefault(name, i), i) for i, name in enumerate(names) if name]
    rows, columns = np.array(edges, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1]
