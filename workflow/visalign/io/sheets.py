"""Reading the config and the sheets of a study, strictly, against their schemas.

It imports nothing heavy, since every start of Snakemake pays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from visalign.errors import InputError, collected, raise_any
from visalign.io import delimited
from visalign.io.files import Json
from visalign.io.schemas import Schema, fill_defaults, schema
from visalign.io.yaml_text import read_yaml

#: Rows of a sheet by name, each of that type of `rows` which its schema makes.
Rows = dict[str, Any]


def read_config(path: str | Path) -> Any:
    """Read a config, YAML or JSON (in which YAML takes 1e-05 for a word), strictly."""
    text = delimited.read_text(path, "YAML")
    try:
        return json.loads(text) if text.startswith("{") else read_yaml(path)
    except json.JSONDecodeError:
        return read_yaml(path)  # YAML may begin so as well


def validate(value: Any, definition: str | Schema, where: str) -> Any:
    """Check `value` against a schema, or the one of a name, and fill in its defaults.

    Raises
    ------
    InputError
        A line for each fault, which names the file, the field and the value.
    """
    raise_any([message for error in schema_errors(value, definition) for message in told(error, where)])
    return value


def schema_errors(value: Any, definition: str | Schema) -> list[jsonschema.ValidationError]:
    """Fill in the defaults of a schema and return what it does not allow, in the order of the fields."""
    definition = schema(definition) if isinstance(definition, str) else definition
    fill_defaults(value, definition)
    errors = jsonschema.Draft202012Validator(definition).iter_errors(value)
    return sorted(errors, key=lambda error: list(map(str, error.path)))


def unknown_keys(error: jsonschema.ValidationError) -> list[str]:
    """Keys that a schema does not know, where it is them that an error is about."""
    if error.validator != "additionalProperties":
        return []
    return sorted(set(error.instance) - set(error.schema.get("properties", {})), key=str)


def told(error: jsonschema.ValidationError, where: str) -> list[str]:
    """Tell a fault: file, field and value, a line for each key that is unknown."""
    path = [str(part) for part in error.absolute_path]
    known = ", ".join(sorted(error.schema.get("properties", {})))
    unknown = [
        f"{where}: {'.'.join([*path, str(key)])}: unknown key (known: {known})" for key in unknown_keys(error)
    ]
    return unknown or [f"{where}: {'.'.join(path) or '(top level)'}: {error.message}"]


def usable_config(config: Json, definition: Schema, where: str, faults: list[str]) -> None:
    """Check the config in place: faults are collected, and defaults take the place of what is wrong.

    Raises
    ------
    InputError
        Something is wrong that has no default.
    """
    errors = schema_errors(config, definition)
    faults += [message for error in errors for message in told(error, where)]
    for error in errors:
        keys = [[*error.absolute_path, key] for key in unknown_keys(error)] or [list(error.absolute_path)]
        for path in filter(None, keys):
            remove(config, path)
    if errors and schema_errors(config, definition):
        raise InputError(*faults)


def remove(value: Any, path: list[str | int]) -> None:
    """Remove the key of nested objects that a path leads to, of a list the list."""
    *parents, last = path
    for key in parents:
        if not isinstance(value.get(key), dict):
            last = key
            break
        value = value[key]
    value.pop(last, None)


@dataclass
class Sheet:
    """A sheet as far as it can be read: its rows that are right, and the names of the others."""

    rows: Rows = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    readable: bool = False

    def knows(self, name: str) -> bool:
        """Whether a name may be that of a row."""
        return not self.readable or name in self.rows or name in self.faulty


def read_sheet(path: str | Path, definition: str | Schema, key: str) -> Rows:
    """Read and check a sheet (TSV) against a schema; returns its rows by the value of column `key`.

    Raises
    ------
    InputError
        Missing file, no rows, unknown column, bad value, duplicate key: file, line, field, value; of all
        rows.
    """
    faults: list[str] = []
    rows = read_rows(path, definition, key, faults).rows
    raise_any(faults)
    if not rows:
        raise InputError(f"{path}: no rows (expected a header and at least one {key})")
    return rows


def read_rows(path: str | Path, definition: str | Schema, key: str, faults: list[str]) -> Sheet:
    """Read a sheet as `read_sheet`, but collect what is wrong with single rows; it may have none."""
    path, definition = Path(path), schema(definition) if isinstance(definition, str) else definition
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    properties = definition["properties"]
    rows: Rows = {}
    faulty: set[str] = set()
    text = delimited.read_text(path)
    header, *lines = list(delimited.rows(path, text, "\t")) or [delimited.Row(1, [key])]
    names = delimited.column_names(path, header, lines[0] if lines else None, "\t")
    unknown = [name for name in names if name and name not in properties]
    known = ", ".join(sorted(properties))
    raise_any([f"{path}:{header.line}: {name}: unknown column (known: {known})" for name in unknown])
    for number, cells in lines:
        where, before = f"{path}:{number}", len(faults)
        if len(cells) > len(names):
            faults.append(f"{where}: {len(cells)} cells under {len(names)} column names")
            continue
        row: Json = {}
        for name, cell in zip(names, map(str.strip, cells), strict=False):
            if cell and not name:
                faults.append(f"{where}: {cell!r} is in a column without a name")
            elif cell:
                with collected(faults):
                    row[name] = cast(cell, properties[name], f"{where}: {name}")
        if not row and len(faults) == before:  # a line of tabs only
            continue
        if len(faults) == before:
            with collected(faults):
                validate(row, definition, where)
        if row.get(key) in rows:
            faults.append(f"{where}: {key}: {row[key]!r} is there twice")
        elif len(faults) > before:
            faulty.add(str(row.get(key)))
        else:
            rows[row[key]] = row
    return Sheet(rows, faulty, readable=True)


def read_published(table: str, model: str, top1: str) -> dict[str, float]:
    """Read published top-1 accuracies, by model name, from two columns of a CSV table.

    An accuracy is empty, or a word for a missing number, where there is none.
    """
    text = delimited.read_text(table)
    names = delimited.header(table, text)
    for column in (model, top1):
        if column not in names:
            raise InputError(f"{table}: no column {column!r} (columns: {', '.join(filter(None, names))})")
    published: dict[str, float] = {}
    for number, cells in list(delimited.rows(table, text))[1:]:
        name, cell = (cells[names.index(column)].strip() for column in (model, top1))
        if cell in delimited.MISSING:
            continue
        value = cast(cell, {"type": "number"}, f"{table}:{number}: {top1}")
        if published.setdefault(name, value) != value:
            raise InputError(f"{table}:{number}: {model}: {name!r} is there twice, with another {top1}")
    return published


def cast(cell: str, part: Schema, where: str) -> Any:
    """Turn a cell into the type that its schema asks for."""
    types = part.get("type", "string")
    if types in ("integer", "number"):
        value = delimited.whole_number(cell) if types == "integer" else delimited.number(cell)
        if value is None:
            raise InputError(f"{where}: {cell!r} is not a {types}{delimited.hint(cell)}")
        return value
    if types == "boolean":
        if cell.lower() not in ("true", "false"):
            raise InputError(f"{where}: {cell!r} is not true or false")
        return cell.lower() == "true"
    return cell
