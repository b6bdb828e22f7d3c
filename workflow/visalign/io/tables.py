"""Tables of CSV and TSV, read strictly and written whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.files import write_atomic

if TYPE_CHECKING:  # networks read JSON only, and start half a second sooner without pandas
    import numpy as np
    import pandas as pd


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV with full float precision."""
    write_atomic(path, table.to_csv(index=False))


def read_table(
    path: str | Path,
    required: Iterable[str] = (),
    *,
    every_column: bool = False,
    short: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Read a CSV, or TSV by its suffix, strictly (see `delimited`), and check its columns.

    Columns without a name are left out: those that matter are taken by their names.

    Parameters
    ----------
    required : iterable of str
        Columns that must be there.
    every_column : bool
        Every column counts, so one without a name is an InputError.
    short : bool
        See `delimited.header`.
    **options
        Of ``pandas.read_csv``: ``dtype``, ``keep_default_na``, ``na_values``.

    Returns
    -------
    DataFrame
        Its index is the number of the row in the file, from 0, which errors of `numbers` give as a line.
    """
    import pandas as pd

    text = delimited.read_text(path)
    names = delimited.header(path, text, short=short)
    if every_column and "" in names:
        raise InputError(
            f"{path}: column {names.index('') + 1} has no name (an index? leave it out, or name every column)"
        )
    unnamed = [f"Unnamed: {index}" for index, name in enumerate(names) if not name]
    if delimited.separator(path) == "\t":  # sheets may hold lines of comment
        text = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    try:
        table = pd.read_csv(
            io.BytesIO(text.encode()),
            sep=delimited.separator(path),
            header=0,
            names=[name or f"Unnamed: {index}" for index, name in enumerate(names)],
            comment=None,
            **options,
        ).drop(columns=unnamed)
    except pd.errors.ParserError as error:
        raise InputError(f"{path}: not a table: {str(error).splitlines()[0]}") from None
    for column in required:
        if column not in table.columns:
            raise InputError(f"{path}: no column {column!r} (columns: {', '.join(map(str, table.columns))})")
    return table


def whole_numbers(table: pd.DataFrame, column: str, path: str | Path) -> np.ndarray:
    """Return a column of whole numbers (n,) int64, such as labels.

    Parameters
    ----------
    table : DataFrame
        As `read_table` gives it: the column may have been read as text (``dtype=str``,
        ``keep_default_na=False``) or as numbers.
    path : str or Path
        File that errors name.

    Raises
    ------
    InputError
        A value that is no whole number (3.0 is one, 3.7, 1e3 and empty cells are none); names file, column,
        line and value.
    """
    import numpy as np

    values = table[column].to_numpy()
    if values.dtype.kind == "i":
        return values.astype(np.int64)
    if values.dtype.kind in "fu":  # 2⁵³: from here on floats skip whole numbers
        whole = np.abs(values) < (2**53 if values.dtype.kind == "f" else 2**63)
        whole[whole] = values[whole] % 1 == 0
        if whole.all():
            return values.astype(np.int64)
        _refuse(table, column, path, int(np.argmin(whole)), "a whole number")
    parsed = [delimited.whole_number(str(value)) for value in values]
    if None in parsed:
        _refuse(table, column, path, parsed.index(None), "a whole number")
    return np.array(parsed, dtype=np.int64)


def numbers(
    table: pd.DataFrame, column: str, path: str | Path, missing: bool = False, infinite: bool = False
) -> np.ndarray:
    """Return a column of numbers (n,) float64.

    Parameters
    ----------
    table, path
        As for `whole_numbers`.
    missing : bool
        Whether empty cells and the words of `delimited.MISSING` are missing numbers (NaN), not errors.
    infinite : bool
        Whether ``inf`` is a number.

    Raises
    ------
    InputError
        A value that is no number; names file, column, line and value.
    """
    import numpy as np

    values = table[column].to_numpy()
    if values.dtype.kind in "iuf":
        result = values.astype(np.float64)
        wrong = (np.isnan(result) & (not missing)) | (np.isinf(result) & (not infinite))
    else:
        parsed = [_number(value, missing, infinite) for value in values]
        wrong = np.array([value is None for value in parsed], dtype=bool)
        result = np.array([np.nan if value is None else value for value in parsed], dtype=np.float64)
    if wrong.any():
        _refuse(table, column, path, int(np.argmax(wrong)), "a number")
    return result


def words(table: pd.DataFrame, column: str, path: str | Path) -> list[str]:
    """Return a column of names (n,), read as text, without blanks around; an empty one is an InputError."""
    found = [str(value).strip() for value in table[column]]
    if "" in found:
        _refuse(table, column, path, found.index(""), "a name")
    return found


def _number(value: object, missing: bool, infinite: bool) -> float | None:
    """Return a cell as a number, NaN where it is missing and may be, None where it is none."""
    if isinstance(value, float) and value != value:  # read as missing
        value = ""
    cell = str(value)  # numbers among words; True and False are words
    if missing and cell.strip() in delimited.MISSING:
        return float("nan")
    return delimited.number(cell, infinite)


def _refuse(table: pd.DataFrame, column: str, path: str | Path, position: int, what: str) -> NoReturn:
    """Raise the InputError of a cell that is not `what` it should be."""
    value = table[column].iloc[position]
    row = table.index[position]
    line = delimited.line_of(path, int(row)) if isinstance(row, int) or hasattr(row, "item") else None
    where = f"{path}: {column}: " + ("" if line is None else f"line {line}: ")
    if not str(value).strip() or value != value:
        raise InputError(f"{where}empty, expected {what}")
    shown = repr(value.item() if hasattr(value, "item") else value)
    raise InputError(f"{where}{shown} is not {what}{delimited.hint(str(value))}")
