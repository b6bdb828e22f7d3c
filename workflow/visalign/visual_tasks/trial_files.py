"""Trials of visual tasks in folders that others made: one row for each question that an image is asked."""

from __future__ import annotations

from typing import NamedTuple

#: Columns of a table of trials, in order.
COLUMNS = ("stimulus_id", "task", "label", "split", "group", "difficulty", "pair")


class TrialFile(NamedTuple):
    """One trial of a real folder.

    Attributes
    ----------
    path : str
        Of the image, relative to the folder, with ``/``; it is also the stimulus's id.
    task : str
    label : float
        0 or 1, or degrees.
    split : str
        train, val, test, transfer, or '' where the folder has none.
    group : str
        Images of one group are no independent witnesses; '' of one that stands alone.
    difficulty : str
        '' where not known.
    """

    path: str
    task: str
    label: float
    split: str = ""
    group: str = ""
    difficulty: str = ""
