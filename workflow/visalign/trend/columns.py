"""Two numeric columns of any table, or of two tables joined on a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io import delimited, tables

#: Columns that name a row when the user does not say which does.
NAME_COLUMNS = ("model", "model_name", "name")


@dataclass(frozen=True)
class Pairs:
    """The rows of a table that have both values, and how many have not."""

    x: np.ndarray  # (n,)
    y: np.ndarray  # (n,)
    names: list[str]
    families: list[str]  # '' where no family column was named
    n_unmatched: int  # rows of either table without a partner in the other
    n_missing: int  # rows whose x or y is missing (`delimited.MISSING`) or not finite
    n_excluded: int  # rows taken out by the user's conditions


class Covariates(TypedDict, total=False):
    """What is known of the models beside accuracy and score, as ``association.describe`` takes it."""

    parameters: np.ndarray
    sides: np.ndarray
    training_data: Sequence[str]


def inner_join(path: str, other: str, on: str) -> tuple[pd.DataFrame, int]:
    """Join two tables on ``LEFT[=RIGHT]``; return (rows with a partner, number of rows without).

    A column of both tables keeps its name for the first and gets the suffix ``_joined`` for the second.
    """
    left_key, _, right_key = on.partition("=")
    right_key = right_key or left_key
    sides = []
    for file, key in ((path, left_key), (other, right_key)):
        table = read(file, key)
        table[key] = table[key].str.strip()
        names = table[key][table[key] != ""]
        if names.duplicated().any():
            raise InputError(f"{file}: column {key!r} has {names[names.duplicated()].iloc[0]!r} twice")
        sides.append(table)
    left, right = (side[side[key] != ""] for side, key in zip(sides, (left_key, right_key), strict=True))
    joined = left.merge(right, left_on=left_key, right_on=right_key, suffixes=("", "_joined"))
    joined.index = joined.index.astype(str)  # rows of no one file
    return joined, len(sides[0]) + len(sides[1]) - 2 * len(joined)


def read(file: str, *required: str) -> pd.DataFrame:
    """Read a table as text: a model may be called 007 or NA, neither a number nor a missing value."""
    return tables.read_table(file, required=required, dtype=str, keep_default_na=False)


def column(table: pd.DataFrame, name: str, file: str) -> pd.Series:
    """Return a column, or say which there are."""
    if name not in table.columns:
        raise InputError(f"{file}: no column {name!r} (columns: {', '.join(map(str, table.columns))})")
    return table[name]


def numeric(table: pd.DataFrame, name: str, file: str) -> np.ndarray:
    """Return a column as floats, NaN where missing; text in it is an error that names line and value."""
    column(table, name, file)
    return tables.numbers(table, name, file, missing=True, infinite=True)


def without(table: pd.DataFrame, conditions: Sequence[str], file: str) -> pd.DataFrame:
    """Drop the rows that meet any ``COLUMN=VALUE``; a condition that no row meets is an error."""
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals:
            raise InputError(f"--exclude {condition!r}: give COLUMN=VALUE")
        meets = np.array([same(cell, value) for cell in column(table, name, file).astype(str)], dtype=bool)
        if not meets.any():
            raise InputError(f"--exclude {condition!r}: no row of {file} has that value")
        table = table[~meets]
    return table


def same(cell: str, value: str) -> bool:
    """Whether a cell is a value, as a word or as a number."""
    number = delimited.number(value)
    return cell.strip() == value or (number is not None and delimited.number(cell) == number)


def read_pairs(
    path: str,
    x: str,
    y: str,
    *,
    join: str | None = None,
    on: str | None = None,
    label: str | None = None,
    family: str | None = None,
    exclude: Sequence[str] = (),
) -> Pairs:
    """Read columns `x` and `y` of a table, joined with another where one is named."""
    if bool(join) != bool(on):
        raise InputError("--join and --on go together: --join OTHER.csv --on LEFT[=RIGHT]")
    if join and on:
        table, n_unmatched = inner_join(path, join, on)
        file = f"{path} joined with {join}"
        label = label or on.partition("=")[0]
    else:
        table, n_unmatched, file = read(path), 0, path
        label = label or next((name for name in NAME_COLUMNS if name in table.columns), None)
    kept = without(table, exclude, file)
    values = np.column_stack([numeric(kept, name, file) for name in (x, y)])
    families = column(kept, family, file) if family else pd.Series([""] * len(kept))
    finite = np.isfinite(values).all(axis=1)
    if label:
        column(kept, label, file)
    names = tables.words(kept[finite], label, file) if label else [f"row {i + 1}" for i in kept.index[finite]]
    return Pairs(
        x=values[finite, 0],
        y=values[finite, 1],
        names=names,
        families=list(families[finite]),
        n_unmatched=n_unmatched,
        n_missing=int(np.sum(~finite)),
        n_excluded=len(table) - len(kept),
    )


def covariates(table: pd.DataFrame, file: str) -> Covariates:
    """Return the covariates that a table has, as ``describe`` takes them; sides are its ``input_size``."""
    found: Covariates = {}
    if "parameters" in table.columns:
        found["parameters"] = positive(table, "parameters", file)
    if "input_size" in table.columns:
        found["sides"] = positive(table, "input_size", file)
    if "training_data" in table.columns:
        found["training_data"] = list(table["training_data"].fillna("").astype(str))
    return found


def positive(table: pd.DataFrame, column: str, file: str) -> np.ndarray:
    """Return a column as floats, NaN where missing; a number that is not positive is an error."""
    values = numeric(table.replace("", np.nan), column, file)
    for wrong in values[values <= 0]:
        raise InputError(f"{file}: column {column!r}: {wrong:g} is not positive")
    return values
