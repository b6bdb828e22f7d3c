"""Answers of people to visual tasks, their accuracy, and how far a model is from it on the same images.

A table of answers (CSV) has a row per participant and stimulus: ``participant``, ``stimulus_id``,
``response``, ``label`` (what is right in the file's own coding, which may not be that of the trials),
``timed_out``, and ``task`` where the file has several. Who did not answer in time was wrong.

A folder holds the answers to the 3D-PC as they were recorded, a file a person: ``depth/*.csv`` and
``perspective/*.csv`` (see `three_d_pc.answers`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from visalign.errors import InputError, unknown
from visalign.io.tables import numbers, read_table, words
from visalign.probes.trials import Trials
from visalign.stats.defined import mean_of_defined
from visalign.visual_tasks import three_d_pc

COLUMNS = ("participant", "stimulus_id", "response", "label", "timed_out")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Answers:
    """Answers, columns of shape (n,).

    Attributes
    ----------
    participant, stimulus_id, task : ndarray of str
        Task '' where the file has no such column: its answers are to any task.
    right : ndarray of bool
        False where `timed_out`.
    timed_out : ndarray of bool
    where : str
        File that errors name.
    repeated : dict
        Task to how many further answers of a participant to the same stimulus were left out in reading.
    """

    participant: np.ndarray
    stimulus_id: np.ndarray
    task: np.ndarray
    right: np.ndarray
    timed_out: np.ndarray
    where: str = "people"
    repeated: dict[str, int] = field(default_factory=dict)


class People(NamedTuple):
    """Answers to the images of a task.

    ``right`` (participants, n): 1 or 0, NaN where not asked; ``participants``: their names; ``timed_out``:
    answers that came too late, among those; ``elsewhere``: stimuli that people saw and that are not asked
    here, ``n_elsewhere`` answers in all; ``repeated``: answers left out since a first one was there.
    """

    right: np.ndarray
    participants: list[str]
    timed_out: int
    elsewhere: list[str]
    n_elsewhere: int
    repeated: int = 0

    @property
    def said(self) -> str:
        """What a status should say of them; '' for nothing."""
        said = [f"{self.timed_out} time-outs count as wrong"] if self.timed_out else []
        if self.n_elsewhere:
            some = ", ".join(self.elsewhere[:3]) + (", …" if len(self.elsewhere) > 3 else "")
            said.append(
                f"{self.n_elsewhere} answers to {len(self.elsewhere)} other stimuli left out ({some})"
            )
        if self.repeated:
            said.append(f"{self.repeated} repeated answers left out")
        return "; ".join(said)


def read_answers(path: str | Path, trials: Trials) -> Answers:
    """Read a table of answers, or a folder of those to the 3D-PC.

    Parameters
    ----------
    trials : Trials
        What models are asked.

    Raises
    ------
    InputError
        As of `read_table_of_answers` and `read_folder`; or none of the answers is to a trial.
    """
    found = read_folder(Path(path), trials) if Path(path).is_dir() else read_table_of_answers(path)
    asked = set(zip(trials.task.tolist(), trials.stimulus_id.tolist(), strict=True))
    shown = set(trials.stimulus_id.tolist())
    pairs = zip(found.task.tolist(), found.stimulus_id.tolist(), strict=True)
    if not any((task, name) in asked if task else name in shown for task, name in pairs):
        raise InputError(
            f"{path}: stimulus_id: none of {len(found.stimulus_id)} answers is to a trial of {trials.where}, "
            f"such as {found.stimulus_id[0]!r}"
        )
    return found


def read_folder(path: Path, trials: Trials) -> Answers:
    """Read the answers to the 3D-PC as they were recorded, of which nothing personal is kept.

    Raises
    ------
    InputError
        No file of answers, or what is wrong with one, see `three_d_pc.answers`.
    """
    tables, repeated = [], dict[str, int]()
    for task, names in three_d_pc.TASKS.items():
        files = [file for name in names for file in sorted((path / name).glob("*.csv"))]
        if not files:
            continue
        shown = trials.stimulus_id[trials.task == task].tolist()
        table, repeated[task] = three_d_pc.answers(files, shown)
        tables.append(table.assign(task=task))
    if not tables:
        raise InputError(f"{path}: no files of answers: expected depth/*.csv or perspective/*.csv")
    table = pd.concat(tables, ignore_index=True)
    participant, stimulus, asked = (
        table[name].astype(str).to_numpy(dtype=object) for name in ("participant", "stimulus_id", "task")
    )
    late = table["timed_out"].to_numpy(dtype=bool)
    right = (table["response"] == table["label"]).to_numpy() & ~late
    return Answers(participant, stimulus, asked, right, late, str(path), repeated)


def read_table_of_answers(path: str | Path) -> Answers:
    """Read a table of answers.

    Raises
    ------
    InputError
        A missing column, a cell that is no name, number or truth, an answer that is missing without a
        time-out, a participant who answered twice, or no answers at all.
    """
    table = read_table(path, required=COLUMNS, dtype=str, keep_default_na=False)
    if not len(table):
        raise InputError(f"{path}: no answers below the header")
    participant, stimulus = (np.array(words(table, name, path), dtype=object) for name in COLUMNS[:2])
    task = np.array([cell.strip() for cell in table["task"]] if "task" in table else [""] * len(table))
    cells = [cell.strip().lower() for cell in table["timed_out"]]
    for cell in cells:
        if cell not in _TRUTHS:
            raise InputError(f"{path}: timed_out: {unknown(cell, ['true', 'false'])}")
    late = np.array([_TRUTHS[cell] for cell in cells])
    label, response = numbers(table, "label", path), numbers(table, "response", path, missing=True)
    missing = np.flatnonzero(np.isnan(response) & ~late)
    if len(missing):
        first = missing[0]
        raise InputError(
            f"{path}: response: empty for participant {participant[first]!r}, stimulus {stimulus[first]!r} "
            f"({len(missing)} such): no answer in time is timed_out true"
        )
    counted = Counter(zip(task.tolist(), participant.tolist(), stimulus.tolist(), strict=True))
    (_, who, what), times = counted.most_common(1)[0]
    if times > 1:
        raise InputError(
            f"{path}: stimulus_id: participant {who!r} answered {what!r} {times} times: keep one"
        )
    return Answers(participant, stimulus, task, (response == label) & ~late, late, str(path))


def answers_to(answers: Answers, task: str, stimuli: Sequence[str]) -> People:
    """Lay out the answers to a task by participant and stimulus.

    Parameters
    ----------
    stimuli : sequence of str, length n
    """
    own = np.flatnonzero((answers.task == task) | (answers.task == ""))
    column = {name: number for number, name in enumerate(stimuli)}
    place = np.array([column.get(name, -1) for name in answers.stimulus_id[own].tolist()], dtype=int)
    here, place = own[place >= 0], place[place >= 0]
    away = np.setdiff1d(own, here)
    names = list(dict.fromkeys(answers.participant[here].tolist()))
    row = {name: number for number, name in enumerate(names)}
    right = np.full((len(names), len(column)), np.nan)
    right[[row[name] for name in answers.participant[here].tolist()], place] = answers.right[here]
    elsewhere = sorted(set(answers.stimulus_id[away].tolist()))
    repeated = answers.repeated.get(task, 0)
    return People(right, names, int(answers.timed_out[here].sum()), elsewhere, len(away), repeated)


def accuracy(right: np.ndarray) -> float:
    """Mean over participants of their mean over the images they saw; NaN without any.

    Parameters
    ----------
    right : ndarray, shape (participants, n)
        NaN where not asked.
    """
    return float(mean_of_defined(mean_of_defined(right, axis=1))) if right.size else float("nan")


def accuracy_draws(right: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Accuracy (draws,) of participants drawn with replacement on images that each draw has `weights` times.

    Parameters
    ----------
    weights : ndarray, shape (draws, n)
    """
    asked = ~np.isnan(right)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = (weights @ np.nan_to_num(right).T) / (weights @ asked.T)
    drawn = rng.integers(len(right), size=each.shape)
    return mean_of_defined(np.take_along_axis(each, drawn, axis=1), axis=1)
