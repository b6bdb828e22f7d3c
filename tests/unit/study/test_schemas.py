"""Claims about schemas: the types of rows and of the config are theirs."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints, is_typeddict

import pytest

from visalign.io import rows
from visalign.io.files import Json
from visalign.study import config
from visalign.study.schemas import definition
from visalign.trend.overlay import Settings

TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "null": type(None)}
SHEETS: dict[str, Any] = {
    "models": rows.ModelRow,
    "train": rows.RecipeRow,
    "stimuli": rows.StimuliRow,
    "recordings": rows.RecordingRow,
    "maps": rows.MapsRow,
}


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_row_has_the_columns_and_types_of_its_schema(sheet):
    schema, row = definition(sheet), SHEETS[sheet]
    columns = schema["properties"]
    assert get_type_hints(row) == {name: TYPES[part.get("type", "string")] for name, part in columns.items()}
    given = {name for name, part in columns.items() if "default" in part}
    assert row.__required_keys__ == given | set(schema["required"])


def type_of(part: dict[str, Any]) -> Any:
    """Type of what a schema allows; of objects none."""
    if "anyOf" in part:
        return functools.reduce(operator.or_, map(type_of, part["anyOf"]))
    if part.get("type") == "array":
        return list[type_of(part["items"])]
    kinds = part.get("type", "string")
    return functools.reduce(
        operator.or_, map(TYPES.__getitem__, [kinds] if isinstance(kinds, str) else kinds)
    )


def typed_parts(kind: Any, schema: dict[str, Any], where: str) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield place, type and schema of the config, or of a part of it, and of all within."""
    yield where, kind, schema
    if not is_typeddict(kind):
        schema, inner = schema.get("additionalProperties"), get_args(kind)[-1:]
        if inner and is_typeddict(inner[0]):
            yield from typed_parts(inner[0], schema, where)
        return
    for name, hint in get_type_hints(kind, localns={"Json": Json, "Settings": Settings}).items():
        yield from typed_parts(hint, schema["properties"].get(name, {}), f"{where}.{name}")


PARTS = {
    where: (kind, schema)
    for where, kind, schema in typed_parts(config.Config, definition("config"), "config")
}


@pytest.mark.parametrize("where", PARTS)
def test_what_is_read_of_the_config_has_the_types_of_its_schema(where):
    kind, schema = PARTS[where]
    if not is_typeddict(kind):
        assert schema.get("type") == "object" or kind == type_of(schema)
        return
    keys, columns = set(kind.__annotations__), schema["properties"]
    assert keys <= set(columns)
    given = {name for name, part in columns.items() if "default" in part}
    assert kind.__required_keys__ == keys & (given | set(schema.get("required", ())))
