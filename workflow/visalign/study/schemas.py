"""Schemas of config and sheets, completed by what is declared in code, such as measures and comparisons."""

from __future__ import annotations

import copy
import functools
from typing import Any

from visalign import comparisons
from visalign.io.sheets import schema
from visalign.measures import HEADLINES, MEASURES


@functools.cache
def definition(name: str) -> dict[str, Any]:
    """Return the schema of the config or of a sheet, complete."""
    found = copy.deepcopy(schema(name))
    return of_config(found) if name == "config" else found


def of_config(found: dict[str, Any]) -> dict[str, Any]:
    """Complete the schema of the config, in place."""
    sections = found["properties"]
    for measure in MEASURES:
        sections.setdefault(measure.name, section(measure.title))
    sections["neural"]["properties"]["metrics"]["items"]["enum"] = comparisons.names()
    panels = {
        headline.panel: {"description": f"{headline.title}.", "type": "string"} for headline in HEADLINES
    }
    overlay = sections["trend"]["properties"]["overlay"]["properties"]
    for columns in ("y", "conventions"):
        overlay[columns]["properties"] = panels
    return found


def section(title: str) -> dict[str, Any]:
    """Schema of the section of a measure that has no settings of its own."""
    enabled = {"description": "Run this stage.", "type": "boolean", "default": True}
    return {
        "description": f"{title}.",
        "type": "object",
        "additionalProperties": False,
        "default": {},
        "properties": {"enabled": enabled},
    }
