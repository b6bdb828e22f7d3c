"""People's answers to the trials of a task: who was right where, and how sure their accuracy is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io.tables import numbers, read_table
from visalign.probes.trials import Trials
from visalign.stats.bootstrap import resample_counts


@dataclass(frozen=True)
class People:
    """Answers to the trials of one task that people saw.

    Attributes
    ----------
    stimulus_id : ndarray of str, shape (n_trials,)
        Images that somebody answered.
    right, answered : ndarray of bool, shape (n_people, n_trials)
        Time-outs are answered and wrong.
    timed_out : int
        How many answers came too late.
    unknown : int
        Answers to images that the task does not have, which are left out.
    """

    stimulus_id: np.ndarray
    right: np.ndarray
    answered: np.ndarray
    timed_out: int
    unknown: int

    def of(self, chosen: np.ndarray) -> People:
        """Answers to some of the images; people who answered none of them are left out."""
        answered = self.answered[:, chosen]
        there = answered.any(axis=1)
        return People(
            self.stimulus_id[chosen],
            self.right[there][:, chosen],
            answered[there],
            self.timed_out,
            self.unknown,
        )

    def accuracy(self, counts: np.ndarray | None = None, weights: np.ndarray | None = None) -> np.ndarray:
        """Mean over people of their accuracies.

        Parameters
        ----------
        counts : ndarray, shape (n_draws, n_trials), optional
            How often each trial counts.
        weights : ndarray, shape (n_draws, n_people), optional
            How often each person counts.

        Returns
        -------
        ndarray, shape (n_draws,)
        """
        counts = np.ones((1, self.right.shape[1])) if counts is None else counts
        weights = np.ones((len(counts), len(self.right))) if weights is None else weights
        seen = counts @ self.answered.T.astype(float)
        with np.errstate(invalid="ignore"):
            each = (counts @ (self.right & self.answered).T.astype(float)) / seen
        weights = np.where(seen > 0, weights, 0)
        return (np.nan_to_num(each) * weights).sum(axis=1) / weights.sum(axis=1)

    def resampled(self, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Accuracies (n_draws,) with trials resampled as given and people at random."""
        return self.accuracy(counts, resample_counts(len(self.right), rng, len(counts)))


def read(path: str | Path, trials: Trials) -> People | None:
    """Read people's answers to the trials of a task.

    Parameters
    ----------
    path : path
        CSV with columns participant, stimulus_id, response, label; task, where there are several; timed_out.
        Only the first answer of a person to an image may be there.

    Returns
    -------
    People or None
        None where nobody answered a trial of this task.

    Raises
    ------
    InputError
        A column that is missing, a response or label other than 0 and 1, a label that is not the trial's, two
        answers of a person to an image, a ``timed_out`` that is neither true nor false.
    """
    table = read_table(
        path,
        required=("participant", "stimulus_id", "response", "label"),
        dtype={"participant": str, "stimulus_id": str, "task": str, "timed_out": str},
    )
    if "task" in table:
        table = table[table["task"] == trials.task].reset_index(drop=True)
    if not len(table):
        return None
    late = _late(table, path)
    label = numbers(table, "label", path)
    response = numbers(table.assign(response=table["response"].mask(late, 0)), "response", path)
    for column, values in (("label", label), ("response", response)):
        if (wrong := ~np.isin(values, (0, 1))).any():
            raise InputError(f"{path}: {column}: {values[wrong][0]:g} is not 0 or 1")
    where = {name: position for position, name in enumerate(trials.stimulus_id)}
    position = np.array([where.get(name, -1) for name in table["stimulus_id"]])
    known = position >= 0
    if not known.any():
        name = table["stimulus_id"].iloc[0]
        raise InputError(f"{path}: stimulus_id: no answer is to a trial of {trials.task}, such as {name!r}")
    if (twice := table[known].duplicated(["participant", "stimulus_id"])).any():
        row = table[known][twice].iloc[0]
        raise InputError(
            f"{path}: participant {row['participant']} answered {row['stimulus_id']} twice; keep the first"
        )
    if (other := label[known] != trials.label[position[known]]).any():
        name = table.loc[known, "stimulus_id"][other].iloc[0]
        raise InputError(
            f"{path}: label: that of {name} is {label[known][other][0]:g}, the trial's is not; are answers "
            "inverted (1 - label)?"
        )
    trial, place = np.unique(position[known], return_inverse=True)
    participants, person = np.unique(table.loc[known, "participant"], return_inverse=True)
    right, answered = (np.zeros((len(participants), len(trial)), dtype=bool) for _ in range(2))
    answered[person, place] = True
    right[person, place] = (response == label)[known] & ~late[known]
    return People(trials.stimulus_id[trial], right, answered, int(late[known].sum()), int((~known).sum()))


def _late(table: pd.DataFrame, path: str | Path) -> np.ndarray:
    if "timed_out" not in table:
        return np.zeros(len(table), dtype=bool)
    words = table["timed_out"].fillna("").str.lower()
    meaning = {"true": True, "1": True, "false": False, "0": False, "": False}
    if (wrong := ~words.isin(list(meaning))).any():
        raise InputError(f"{path}: timed_out: {table.loc[wrong, 'timed_out'].iloc[0]!r} is not true or false")
    return np.array([meaning[word] for word in words])
