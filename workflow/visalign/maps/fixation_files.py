"""Files of fixations: a MATLAB file by image and person, or a table with one row per fixation.

A MATLAB file, of version 7 or older, holds one cell or struct array, one entry per image (as of OSIE; Xu and
others 2014, Journal of Vision 14(1), 28):

==============================  ==================================================================
``img``                         name of the image
``subjects``                    cell array, one struct per person, in an order of people of its own
``subjects.fix_x``, ``.fix_y``  positions of the fixations, in the order of time, in pixels
``subjects.fix_duration``       durations (optional)
==============================  ==================================================================

A table (.csv, .tsv) has columns ``person``, ``image``, ``x``, ``y`` and may have ``duration``; the rows of a
person on an image are in the order of time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.tables import numbers, read_table, words

#: Name of the variable of a MATLAB file that has several.
VARIABLE = "fixations"
TABLES = (".csv", ".tsv")
#: Fields of a person in a MATLAB file.
X, Y, DURATION = "fix_x", "fix_y", "fix_duration"


class Trial(NamedTuple):
    """The fixations of a person on an image, in the order of time.

    Attributes
    ----------
    image, person : str
    xy : ndarray of float, shape (n_fixations, 2)
        As in the file, in pixels; NaN where a fixation has no position.
    duration : ndarray of float, shape (n_fixations,)
        In the unit of the file; NaN where it is not known.
    """

    image: str
    person: str
    xy: np.ndarray
    duration: np.ndarray


def read(path: str | Path) -> list[Trial]:
    """Read the fixations of all people on all images, in the order of the file.

    Raises
    ------
    InputError
        No such file, another format, an image twice in a MATLAB file, positions that are infinite or no
        numbers, x without y, durations that are negative or infinite; names file, field and place.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of fixations")
    if path.suffix.lower() in TABLES:
        return from_table(path)
    if path.suffix.lower() == ".mat":
        return from_matlab(path)
    raise InputError(f"{path}: fixations are in a MATLAB file (.mat) or a table ({', '.join(TABLES)})")


def from_table(path: Path) -> list[Trial]:
    """Read a table with one row per fixation."""
    text = {"person": str, "image": str}
    table = read_table(path, required=("person", "image", "x", "y"), dtype=text, keep_default_na=False)
    image, person = (np.array(words(table, column, path), dtype=object) for column in ("image", "person"))
    columns = [numbers(table, column, path, missing=True) for column in ("x", "y")]
    xy, duration = np.column_stack(columns), np.full(len(table), np.nan)
    if "duration" in table:
        duration = numbers(table, "duration", path, missing=True)
    halved = np.isnan(xy).sum(axis=1) == 1
    if halved.any():
        line = delimited.line_of(path, int(halved.argmax()))
        raise InputError(f"{path}: x, y: line {line}: one of the two is empty")
    if (duration < 0).any():
        row = int((duration < 0).argmax())
        line = delimited.line_of(path, row)
        raise InputError(f"{path}: duration: line {line}: {duration[row]:g} is negative")
    rows: dict[tuple[str, str], list[int]] = {}
    for row, trial in enumerate(zip(image.tolist(), person.tolist(), strict=True)):
        rows.setdefault(trial, []).append(row)
    return [Trial(*trial, xy[own], duration[own]) for trial, own in rows.items()]


# --- MATLAB ---


def from_matlab(path: Path) -> list[Trial]:
    """Read a MATLAB file with one entry per image; people are numbered from 1 in the order of each image."""
    trials: list[Trial] = []
    seen: set[str] = set()
    for position, entry in enumerate(several(variable(path)), 1):
        where = f"{path}: entry {position}"
        image = field(entry, "img", where)
        if not isinstance(image, str) or not image.strip():
            raise InputError(f"{where}: img: {image!r} is no name of an image")
        image = image.strip()
        if image in seen:
            raise InputError(f"{where}: img: {image!r} is there twice")
        seen.add(image)
        for number, person in enumerate(several(field(entry, "subjects", where)), 1):
            trials.append(of_person(person, image, str(number), f"{path}: {image}: person {number}"))
    if not trials:
        raise InputError(f"{path}: holds no fixations")
    return trials


def variable(path: Path) -> Any:
    """Return the variable of a MATLAB file that holds fixations: arrays of objects, and structs."""
    from scipy.io import loadmat

    try:
        # simplify_cells leaves structs behind an empty cell as they are.
        found = loadmat(path, squeeze_me=True, struct_as_record=False)
    except NotImplementedError:
        raise InputError(f"{path}: a MATLAB file of version 7.3: save it with -v7") from None
    except Exception as error:  # the library raises nearly anything on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable MATLAB file: {reason}") from None
    held = {name: value for name, value in found.items() if not name.startswith("__")}
    if VARIABLE not in held and len(held) != 1:
        raise InputError(f"{path}: no variable {VARIABLE!r} (variables: {', '.join(held) or 'none'})")
    return held[VARIABLE] if VARIABLE in held else next(iter(held.values()))


def several(value: Any) -> list[Any]:
    """Return the cells of an array; one that has a single cell is read as that cell, one of none as empty."""
    return list(value.ravel()) if isinstance(value, np.ndarray) else [value]


def field(entry: Any, name: str, where: str) -> Any:
    """Return a field of a struct; InputError where there is none."""
    if name not in fields(entry):
        there = ", ".join(fields(entry)) or f"none, it is {type(entry).__name__}"
        raise InputError(f"{where}: no field {name!r} (fields: {there})")
    return getattr(entry, name)


def fields(entry: Any) -> list[str]:
    """Return the fields of a struct as SciPy reads it; nothing else has any."""
    return list(getattr(entry, "_fieldnames", ()))


def of_person(person: Any, image: str, number: str, where: str) -> Trial:
    """Return the fixations of a person on an image; errors name `where`."""
    if isinstance(person, np.ndarray) and not person.size:  # an empty cell: saw nothing of it
        return Trial(image, number, np.zeros((0, 2)), np.zeros(0))
    x, y = (row(field(person, name, where), f"{where}: {name}") for name in (X, Y))
    if x.shape != y.shape:
        raise InputError(f"{where}: {X} and {Y}: {len(x)} and {len(y)} numbers")
    duration = np.full(len(x), np.nan)
    if DURATION in fields(person):
        duration = row(getattr(person, DURATION), f"{where}: {DURATION}")
    if duration.shape != x.shape:
        raise InputError(f"{where}: {DURATION}: {len(duration)} numbers for {len(x)} fixations")
    halved, xy = np.isnan(x) != np.isnan(y), np.column_stack([x, y])
    for name, values, wrong, reason in (
        (f"{X}, {Y}", x, halved, "one of the two is missing"),
        (X, x, np.isinf(x), "not finite"),
        (Y, y, np.isinf(y), "not finite"),
        (DURATION, duration, np.isinf(duration), "not finite"),
        (DURATION, duration, duration < 0, "negative"),
    ):
        if wrong.any():
            at = int(wrong.argmax())
            raise InputError(f"{where}: {name}: fixation {at + 1}: {values[at]:g}: {reason}")
    return Trial(image, number, xy, duration)


def row(values: Any, where: str) -> np.ndarray:
    """Return numbers as a row of float64."""
    found = np.asarray(values)
    if found.dtype.kind not in "iuf" and found.size:
        raise InputError(f"{where}: {found.dtype} values, not numbers")
    return found.astype(np.float64).ravel()
