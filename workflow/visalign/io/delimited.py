"""Delimited text, read strictly: what is not plainly a table, a number or a word is an error with its line.

A ``.csv`` has commas and a decimal point, a ``.tsv`` has tabs and may hold lines of comment (``#``). Text is
UTF-8, with or without a byte order mark; lines end as on any system. Every row has as many cells as the
header, whose names are unlike. Nothing is guessed: neither an encoding, nor a separator, nor an index column.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from visalign.errors import InputError

#: Words for a missing number, in columns where one may be missing; elsewhere they are errors, as any word.
MISSING = frozenset(
    ("", "NA", "N/A", "n/a", "<NA>", "#NA", "#N/A", "#N/A N/A", "NaN", "nan", "-NaN", "-nan", "NULL", "null")
) | {"None", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"([+-]?\d+)(\.0*)?", re.ASCII)
#: What pandas calls a column without a name, here or when it wrote the file.
_NAMELESS = re.compile(r"|Unnamed: \d+")
_LARGEST = 2**63


class Row(NamedTuple):
    """The cells of a row, and the line of the file in which it ends (from 1)."""

    line: int
    cells: list[str]


def number(cell: str, infinite: bool = False) -> float | None:
    """Return a cell as a number, None where it is none; blanks around are allowed, decimal commas are not."""
    cell = cell.strip()
    if _NUMBER.fullmatch(cell) or (infinite and _INFINITE.fullmatch(cell)):
        value = float(cell)
        return value if infinite or math.isfinite(value) else None
    return None


def whole_number(cell: str) -> int | None:
    """Return a cell as a whole number, None where it is none; 3.0 is 3, as tables with gaps write it."""
    match = _WHOLE.fullmatch(cell.strip())
    value = int(match[1]) if match and len(match[1]) < 30 else _LARGEST
    return value if -_LARGEST <= value < _LARGEST else None


def hint(cell: str) -> str:
    """What is likely wrong with a cell that should be a number, as the end of a message."""
    if re.fullmatch(r"\s*[+-]?\d{1,3}(,\d{3})+(\.\d+)?\s*", cell):
        return " (write it without commas)"
    return " (a decimal comma: write a point)" if re.fullmatch(r"\s*[+-]?\d*,\d+\s*", cell) else ""


def nameless(name: str) -> bool:
    """Whether a column has no name, such as the index that pandas and R write."""
    return _NAMELESS.fullmatch(name) is not None


def separator(path: str | Path) -> str:
    """What separates columns: tabs in a .tsv, else commas."""
    return "\t" if Path(path).suffix == ".tsv" else ","


def read_text(path: str | Path, kind: str = "a table") -> str:
    r"""Read a text file: UTF-8 without its byte order mark, lines that end in ``\n``.

    Errors call the file not `kind`.

    Raises
    ------
    InputError
        No such file, another encoding (with line and byte), or a NUL byte.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, not a file") from None
    save = "save the file as UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: not {kind}: line 1, byte 1: the text is UTF-16: {save}")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line, byte = _place(content[: error.start])
        raise InputError(
            f"{path}: not {kind}: line {line}, byte {byte}: 0x{content[error.start]:02x} is not UTF-8 "
            f"(Latin-1 or Windows-1252?): {save}"
        ) from None
    if "\0" in text:
        line, byte = _place(content[: content.index(b"\0")])
        raise InputError(f"{path}: not {kind}: line {line}, byte {byte}: a NUL byte (UTF-16?): {save}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _place(before: bytes) -> tuple[int, int]:
    """Line and byte within it, both from 1, of what follows `before`."""
    before = before.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text with their ends, without splitting all of it for the first."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def rows(path: str | Path, text: str, mark: str | None = None) -> Iterator[Row]:
    """Yield the header and the rows of a text, without empty lines and, in a .tsv, lines of comment.

    What separates columns is `mark`, by default as the suffix says. An unclosed quote is an InputError.
    """
    mark = mark or separator(path)
    numbers: list[int] = []  # of the lines that the reader was given

    def lines() -> Iterator[str]:
        quoted = False  # whether a line begins within a cell
        for n, line in enumerate(_lines(text), 1):
            if quoted or (line.strip(" \n") and not (mark == "\t" and line.startswith("#"))):
                numbers.append(n)
                quoted ^= line.count('"') % 2 == 1
                yield line

    reader = csv.reader(lines(), delimiter=mark, strict=True)
    started = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            line = numbers[min(started, len(numbers) - 1)] if numbers else 1
            reason = "a quote that is not closed" if "unexpected end" in str(error) else str(error)
            raise InputError(f"{path}: not a table: line {line}: {reason}") from None
        if cells is None:
            return
        started = reader.line_num
        if cells:
            yield Row(numbers[started - 1], cells)


def line_of(path: str | Path, row: int) -> int | None:
    """Line of a file that holds data row `row` (from 0); None where there is no such file or row."""
    try:
        for index, found in enumerate(rows(path, read_text(path)), -1):
            if index == row:
                return found.line
    except InputError:
        pass
    return None


def header(path: str | Path, text: str, *, short: bool = False) -> list[str]:
    """Column names, without blanks around, of a text whose every row has as many cells; '' for none.

    Parameters
    ----------
    short : bool
        Rows may have fewer cells, as in sheets, where those at the end of a row are empty.

    Raises
    ------
    InputError
        No header, doubled names, another separator, or a row of another number of cells; names the line.
    """
    found = rows(path, text)
    first = next(found, None)
    if first is None:
        raise InputError(f"{path}: not a table: empty (expected a header with the names of the columns)")
    second = next(found, None)
    names = column_names(path, first, second)
    if not _even(path, text, len(names)):
        for row in rows(path, text):
            if len(row.cells) > len(names) or (len(row.cells) < len(names) and not short):
                raise InputError(
                    f"{path}: not a table: line {row.line}: {len(row.cells)} cells under {len(names)} column "
                    f"names{_why(len(row.cells) - len(names), row, second)}"
                )
    if len(names) == 1 and separator(path) == "," and "\n\n" in text.rstrip("\n "):
        line = text[: text.index("\n\n")].count("\n") + 2
        raise InputError(f"{path}: not a table: line {line}: empty (a missing value? write NaN)")
    return names


def column_names(path: str | Path, first: Row, second: Row | None, mark: str | None = None) -> list[str]:
    """Names in a header, the row above `second`, as `header` gives them."""
    _check_separator(path, first, second, mark or separator(path))
    names = ["" if nameless(name.strip()) else name.strip() for name in first.cells]
    for index, name in enumerate(names):
        if name and name in names[:index]:
            raise InputError(f"{path}: not a table: line {first.line}: two columns are named {name!r}")
    return names


def _even(path: str | Path, text: str, count: int) -> bool:
    """Whether every row has `count` cells; most lines share a pattern of marks, which is parsed once."""
    mark = separator(path)
    others = bytes(set(range(256)) - {ord("\n"), ord('"'), ord(mark)})
    patterns = set(text.encode().translate(None, others).decode().removesuffix("\n").split("\n"))
    quoted = any('"' in pattern for pattern in patterns)
    opening = (text.count(f'{mark}"') + text.count('\n"') + text.startswith('"')) if quoted else 0
    plain = 2 * opening == (text.count('"') if quoted else 0) and not any(p.count('"') % 2 for p in patterns)
    if not plain or (count > 1 and "" in patterns):  # quotes within words, lines within quotes, empty lines
        return all(len(row.cells) == count for row in rows(path, text))
    return {sum(part.count(mark) for part in p.split('"')[::2]) for p in patterns} == {count - 1}


def _check_separator(path: str | Path, first: Row, second: Row | None, own: str) -> None:
    """Raise InputError where a header and the row below it are separated by something else."""
    if first.cells[0].lower().startswith("sep=") or "".join(first.cells).lower() == "sep=":
        raise InputError(f"{path}: not a table: line {first.line}: Excel's 'sep=': delete this line")
    names = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
    for mark in names.keys() - own:
        inside = [any(mark in cell for cell in row.cells) for row in (first, second) if row]
        if all(inside) and (len(first.cells) == 1 or mark == ";"):
            raise InputError(
                f"{path}: not a table: line {first.line}: columns are separated by {names[mark]}, expected "
                f"{names[own]} in a {Path(path).suffix or 'file'} (and decimal points): save it so"
            )


def _why(more: int, row: Row, second: Row | None) -> str:
    """What is likely wrong with a row that has `more` cells than names, as the end of a message."""
    if row.cells[0].startswith("#"):
        return " (a comment? only a .tsv may hold them)"
    if more < 0:
        return " (an empty cell needs its separator too)"
    if more == 1 and second is not None and row.line == second.line:
        return " (an index without a name, or a separator at the end? name every column)"
    return " (decimal commas? write points; a comma within a cell? put it in quotes)"


def text_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], delimiter: str = ",") -> str:
    """Return rows as text of a header and a line per row; a missing value is an empty cell."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
