"""Trials of visual tasks: which stimulus is asked what, and which trials train and test a probe.

A table of trials (CSV) has a row per stimulus and task:

====================  ==================================================================================
``stimulus_id``       a stimulus may be asked about in several tasks
``task``              name
``label``             0 or 1; degrees where every trial of the task has a ``theta``
``split``             train, val, test, transfer; empty in all trials of a task that is cross-validated
``group``             trials of one group are no independent witnesses; empty: the stimulus stands alone
``difficulty``        level, or empty
``pair``              stimuli that were made as a pair; empty: none
``theta``             optional, degrees
====================  ==================================================================================
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from visalign.errors import InputError, collected, raise_any, unknown
from visalign.io.tables import numbers, read_table, words

COLUMNS = ("stimulus_id", "task", "label", "split", "group", "difficulty", "pair")
#: Columns that a table must have; others may be missing.
NEEDED = ("stimulus_id", "task", "label")
SPLITS = ("train", "val", "test", "transfer", "")


@dataclass(frozen=True)
class Trials:
    """Trials in any order, columns of shape (n,): str, but for numbers where said.

    Attributes
    ----------
    label : ndarray of float
        1 and 0, or degrees.
    theta : ndarray of float
        Degrees, NaN where there are none.
    where : str
        File that errors name.
    """

    stimulus_id: np.ndarray
    task: np.ndarray
    label: np.ndarray
    split: np.ndarray
    group: np.ndarray
    difficulty: np.ndarray
    pair: np.ndarray
    theta: np.ndarray
    where: str = "trials"

    def __len__(self) -> int:
        """Return the number of trials."""
        return len(self.stimulus_id)

    @property
    def tasks(self) -> list[str]:
        """Tasks in the order in which they come."""
        return list(dict.fromkeys(self.task.tolist()))

    @property
    def angular(self) -> bool:
        """Whether labels are degrees (of a single task)."""
        return len(self) > 0 and not np.isnan(self.theta).any()

    @property
    def cross_validated(self) -> bool:
        """Whether no trial is for training or for tests only, but for those of transfer."""
        return bool(np.isin(self.split, ("", "transfer")).all())

    def take(self, index: np.ndarray) -> Trials:
        """Trials at an index, or under a mask."""
        arrays = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name != "where"}
        return replace(self, **arrays)

    def of(self, task: str) -> Trials:
        """Trials of one task, sorted by stimulus, so that nothing depends on the order of the file."""
        index = np.flatnonzero(self.task == task)
        if not len(index):
            raise InputError(f"{self.where}: task: {unknown(task, self.tasks)}")
        return self.take(index[np.argsort(self.stimulus_id[index], kind="stable")])

    def asked(self, patterns: str | None) -> list[str]:
        """Tasks that match patterns separated by commas; all without any.

        Raises
        ------
        InputError
            A pattern that no task matches.
        """
        wanted = [pattern.strip() for pattern in (patterns or "").split(",") if pattern.strip()]
        for pattern in wanted:
            if not fnmatch.filter(self.tasks, pattern):
                raise InputError(
                    f"{self.where}: task: no task matches {pattern!r}; there are {', '.join(self.tasks)}"
                )
        matching = [t for t in self.tasks if any(fnmatch.fnmatchcase(t, pattern) for pattern in wanted)]
        return matching if wanted else self.tasks

    def units(self) -> np.ndarray:
        """Number (n,) of what each trial is kept together with: trials of a group, of a pair, and so on."""
        return units(self.group, self.pair)


def units(group: np.ndarray, pair: np.ndarray) -> np.ndarray:
    """Connected components of trials that share a group or a pair.

    Parameters
    ----------
    group, pair : ndarray of str, shape (n,)
        Empty: none.

    Returns
    -------
    ndarray of int, shape (n,)
        Numbered in the order in which they come.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(group)
    rows, columns, offset = [], [], n
    for names in (group, pair):
        named = np.flatnonzero(names != "")
        found, number = np.unique(names[named], return_inverse=True)
        rows.append(named)
        columns.append(offset + number)
        offset += len(found)
    ends = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(ends[0]), dtype=bool), ends), shape=(offset, offset))
    component = connected_components(graph, directed=False)[1][:n]
    _, first, number = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def read_trials(path: str | Path, known: Collection[str] | None = None) -> Trials:
    """Read and check a table of trials.

    Parameters
    ----------
    known : collection of str, optional
        Stimuli that there are.

    Raises
    ------
    InputError
        Of all that `check` finds, and of cells that are no names or numbers.
    """
    table = read_table(path, required=NEEDED, dtype=str, keep_default_na=False)
    for name in COLUMNS:
        if name not in table:
            table[name] = ""
    if not len(table):
        raise InputError(f"{path}: no trials below the header")
    text = {name: np.array([cell.strip() for cell in table[name]], dtype=object) for name in COLUMNS}
    for name in ("stimulus_id", "task"):
        text[name] = np.array(words(table, name, path), dtype=object)
    label = numbers(table, "label", path)
    given = "theta" in table.columns
    theta = numbers(table, "theta", path, missing=True) if given else np.full(len(table), np.nan)
    del text["label"]
    trials = Trials(label=label, theta=theta, where=str(path), **text)
    check(trials, known)
    return trials


def trials_of(rows: Sequence[Mapping[str, str]], where: str) -> Trials:
    """Trials of rows as a source of stimuli writes them, unchecked.

    Parameters
    ----------
    where : str
        File or folder that errors name.
    """
    text = {name: np.array([row.get(name, "") for row in rows], dtype=object) for name in COLUMNS}
    label = np.array([float(cell) for cell in text.pop("label")])
    theta = np.array([float(row.get("theta") or "nan") for row in rows])
    return Trials(label=label, theta=theta, where=where, **text)


def check(trials: Trials, known: Collection[str] | None = None) -> None:
    """Check trials, and collect all that is wrong with them.

    Raises
    ------
    InputError
        A stimulus that is not among the `known` ones or is asked twice in a task; a split that there is not,
        or is empty in some trials of a task only; a task without training or test trials; labels other than
        0 and 1, or one only in a split; groups or pairs on both sides of a split.
    """
    faults: list[str] = []
    if known is not None:
        names = set(known)
        strange = sorted({name for name in trials.stimulus_id.tolist() if name not in names})
        if strange:
            faults.append(
                f"{trials.where}: stimulus_id: {_some(strange)} {_are(strange)} no stimulus of the set"
            )
    for name in dict.fromkeys(trials.split.tolist()):
        if name not in SPLITS:
            allowed = ", ".join(split or "empty" for split in SPLITS)
            faults.append(f"{trials.where}: split: {name!r} is unknown (known: {allowed})")
    if not faults:
        for task in trials.tasks:
            with collected(faults):
                _check_task(trials.of(task), f"{trials.where}: task {task}")
    raise_any(faults)


def _check_task(trials: Trials, where: str) -> None:
    """Check the trials of one task; `where` begins the messages."""
    twice = [name for name, count in Counter(trials.stimulus_id.tolist()).items() if count > 1]
    if twice:
        raise InputError(f"{where}: stimulus_id: {_some(twice)} {_are(twice)} there more than once")
    empty = int((trials.split == "").sum())
    if empty and not trials.cross_validated:
        raise InputError(
            f"{where}: split: empty in {empty} of {len(trials)} trials: give all one, or none of them but "
            "transfer to cross-validate"
        )
    for split in ("train", "test") if not empty else ():
        if not (trials.split == split).any():
            raise InputError(f"{where}: split: no trial is {split!r}")
    _check_sides(trials, where)
    without = int(np.isnan(trials.theta).sum())
    if not trials.angular and without < len(trials):
        raise InputError(f"{where}: theta: empty in {without} of {len(trials)} trials: give all one, or none")
    if not trials.angular:
        _check_labels(trials, where)


def _check_sides(trials: Trials, where: str) -> None:
    """Refuse groups and pairs that are trained and tested on."""
    unit = trials.units()
    both = np.intersect1d(unit[trials.split == "train"], unit[trials.split == "test"])
    if len(both):
        first = np.flatnonzero(unit == both[0])
        field = "group" if (trials.group[first] != "").any() else "pair"
        names = sorted(set(getattr(trials, field)[first]) - {""})
        raise InputError(
            f"{where}: {field}: {_some(names)} {_are(names)} in train and in test ({len(both)} such): what "
            "was seen in training is no test"
        )


def _check_labels(trials: Trials, where: str) -> None:
    """Refuse labels that are not 0 or 1, and splits that have one of them only."""
    wrong = np.flatnonzero(~np.isin(trials.label, (0, 1)))
    if len(wrong):
        first = wrong[0]
        raise InputError(
            f"{where}: label: {trials.label[first]:g} of {trials.stimulus_id[first]!r} is not 0 or 1 "
            f"({len(wrong)} such; an angle needs a column theta)"
        )
    for split in dict.fromkeys(trials.split.tolist()):
        found = np.unique(trials.label[trials.split == split])
        if len(found) == 1:
            part = f"split {split}" if split else "all trials"
            raise InputError(f"{where}: label: {part}: all are {found[0]:g}: both labels are needed")


def _some(names: list[str]) -> str:
    """Up to three names, and how many more."""
    shown = ", ".join(repr(str(name)) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
