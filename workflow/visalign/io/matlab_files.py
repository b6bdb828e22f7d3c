"""Variables of MATLAB files, named as MATLAB names them: ``X``, ``S.field``, ``S(2).field``, ``C{3}``.

Without an index a name stands for all elements of a structure or cell array, in their order: ``S.field`` are
the fields of every element. Indices count from 1 and down the columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from visalign.errors import InputError

#: A name, and an index or none.
STEP = re.compile(r"([A-Za-z]\w*)(?:\((\d+)\)|\{(\d+)\})?")


class Step(NamedTuple):
    """One part of a name, such as ``S(2)``; `number` counts from 1, None for all elements."""

    name: str
    number: int | None


class Element(NamedTuple):
    """A value of a file: its full name, and what a field ``name`` beside it says ('' where there is none)."""

    name: str
    value: np.ndarray
    label: str


def parse(name: str) -> list[Step]:
    """Parse a name into its steps; anything else is an InputError."""
    steps = []
    for part in name.split("."):
        match = STEP.fullmatch(part.strip())
        index = int(match[2] or match[3] or 0) if match else 0
        if not match or (index < 1 and (match[2] or match[3])):
            raise InputError(
                f"variable: {name!r} is not a name as of MATLAB, such as X, S.field, S(2).field or C{{3}}"
            )
        steps.append(Step(match[1], index or None))
    return steps


def read(path: str | Path, name: str) -> list[Element]:
    """Read the values of a name, in their order.

    Raises
    ------
    InputError
        No file, none that can be read, a name that is none or that the file does not have; the names that
        there are stand with it.
    """
    first, *fields = parse(name)
    own = variables(path, first.name)
    if first.name not in own:
        there = ", ".join(variables(path)) or "none"
        raise InputError(f"{path}: variable: no {first.name!r} (variables: {there})")
    found = elements(path, Element(first.name, own[first.name], ""), first.number)
    for step in fields:
        found = [
            inner for each in found for inner in elements(path, field(path, each, step.name), step.number)
        ]
    return found


def variables(path: str | Path, *names: str) -> dict[str, np.ndarray]:
    """Read all variables of a file of version 7 or older, or those of `names` that it has.

    Raises
    ------
    InputError
        No file, one of version 7.3, or none that can be read.
    """
    from scipy.io import loadmat

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        found = loadmat(path, appendmat=False, variable_names=names or None)
    except NotImplementedError:
        raise InputError(
            f"{path}: a MATLAB file of version 7.3: save it with save(FILE, VARIABLES, '-v7')"
        ) from None
    except Exception as error:  # SciPy raises nearly anything on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable MATLAB file: {reason}") from None
    return {name: np.asarray(value) for name, value in found.items() if not name.startswith("__")}


def numeric(path: str | Path) -> Iterator[Element]:
    """Yield every array of numbers of a file, also those within structures and cells."""
    found = [
        inner
        for name, value in variables(path).items()
        for inner in elements(path, Element(name, value, ""), None)
    ]
    while found:
        each = found.pop(0)
        if each.value.dtype.names:
            fields = [field(path, each, name) for name in each.value.dtype.names]
            found = [inner for one in fields for inner in elements(path, one, None)] + found
        elif each.value.dtype.kind in "biuf":
            yield each


def elements(path: str | Path, of: Element, index: int | None) -> list[Element]:
    """Elements of a structure or cell array, or the one of an index; numbers and words are one.

    An element of a structure array is one of size 1, of a cell array what the cell holds.
    """
    value = of.value
    if value.dtype != object and not value.dtype.names:
        if index not in (None, 1):
            raise InputError(
                f"{path}: variable: {of.name} is an array of numbers or words, it has no ({index})"
            )
        return [of]
    flat = value.ravel(order="F")
    if index is not None and index > len(flat):
        raise InputError(f"{path}: variable: {of.name}({index}): there are {len(flat)}")
    chosen = range(len(flat)) if index is None else [index - 1]
    opening, closing = "()" if value.dtype.names else "{}"
    found = []
    for place in chosen:
        name = of.name if len(flat) == 1 else f"{of.name}{opening}{place + 1}{closing}"
        one = flat[place : place + 1] if value.dtype.names else np.asarray(flat[place])
        found.append(Element(name, one, of.label))
    return found


def field(path: str | Path, of: Element, name: str) -> Element:
    """Field of a structure of one element."""
    names = of.value.dtype.names or ()
    if name not in names:
        there = f"fields: {', '.join(names)}" if names else "it is no structure"
        raise InputError(f"{path}: variable: {of.name} has no field {name!r} ({there})")
    label = text(np.asarray(of.value[0]["name"])) if "name" in names else ""
    return Element(f"{of.name}.{name}", np.asarray(of.value[0][name]), label)


def text(value: np.ndarray) -> str:
    """Word that an array of characters holds; '' where it holds none."""
    return "".join(map(str, value.ravel())) if value.dtype.kind == "U" else ""
