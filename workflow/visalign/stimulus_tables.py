"""Tables of stimulus sets: reading them, their labels, and matching a store to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr

from visalign import stores
from visalign.errors import InputError
from visalign.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


def read(path: str | Path) -> pd.DataFrame:
    """Read the table of a stimulus set; ``path`` and ``mask`` become paths from here.

    Returns
    -------
    DataFrame
        Columns stimulus_id, path, label, category, height, width, sha256, mask.
    """
    table = read_table(path, required=("stimulus_id", "path", "sha256"), dtype={"stimulus_id": str})
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
    values = table["label"].to_numpy()
    wrong = ~((values >= 0) & (values < classes))  # a missing label is wrong too
    if wrong.any():
        first = table[wrong].iloc[0]
        raise InputError(
            f"{where}: label: {first['label']} of {first['stimulus_id']!r} is not in 0..{classes - 1}, "
            "the model's outputs"
        )
    return values.astype(np.int64)


def rows_of(table: pd.DataFrame, stimulus_ids: list[str], where: str | Path) -> np.ndarray:
    """Rows (n,) of a table that hold `stimulus_ids`, in their order; an unknown id is an InputError."""
    position = {name: row for row, name in enumerate(table["stimulus_id"])}
    unknown = [name for name in stimulus_ids if name not in position]
    if unknown:
        raise InputError(f"{where}: stimulus_id: {unknown[0]!r} is not in the stimulus table")
    return np.array([position[name] for name in stimulus_ids])


def check_ids(store: zarr.Group, table: pd.DataFrame, where: str | Path) -> None:
    """Raise InputError unless a store holds the stimuli of a table, in its order."""
    if stores.strings(store) != list(table["stimulus_id"]):
        raise InputError(f"{where}: stimulus_id: not those of the stimulus table, or in another order")
