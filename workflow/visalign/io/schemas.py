"""Schemas of config and sheets as they are on disk, and the defaults that they give.

It imports nothing heavy and no validator: every command takes its options from schemas.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import yaml

#: A JSON schema or a part of one.
Schema = dict[str, Any]
SCHEMAS = Path(__file__).parents[2] / "schemas"
#: libyaml's where PyYAML was built with it: ten times as fast.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def schema(name: str) -> Schema:
    """Read a schema of ``workflow/schemas``."""
    return yaml.load((SCHEMAS / f"{name}.schema.yaml").read_text(), LOADER)


def row_defaults(schema_name: str) -> dict[str, object]:
    """What empty cells of a sheet hold, by column."""
    row: dict[str, object] = {}
    fill_defaults(row, schema(schema_name))
    return row


def fill_defaults(value: Any, definition: Schema) -> None:
    """Set missing keys of nested objects to the defaults of their schema, in place."""
    if not isinstance(value, dict):
        return
    for key, part in definition.get("properties", {}).items():
        if key not in value and "default" in part:
            value[key] = json.loads(json.dumps(part["default"]))
        if key in value:
            fill_defaults(value[key], part)
    if isinstance(definition.get("additionalProperties"), dict):
        for key in value:
            if key not in definition.get("properties", {}):
                fill_defaults(value[key], definition["additionalProperties"])
