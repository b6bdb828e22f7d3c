"""Schemas of config and sheets, completed by what is declared in code, such as measures and comparisons.

A section of the config has its schema in ``workflow/schemas/stages``; it gives the defaults of the config,
and by ``commands`` the options of commands, see `study.options`, and what rules pass to them, see
`study.settings`. ``cost: true`` marks a setting that changes no result, and hence reruns nothing.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping

from visalign import comparisons
from visalign.comparisons import Option
from visalign.io.schemas import Schema, schema
from visalign.maps import readers as map_readers
from visalign.measures import HEADLINES, MEASURES
from visalign.recordings import readers as recording_readers
from visalign.stimuli import sources


@functools.cache
def definition(name: str) -> Schema:
    """Return the schema of the config or of a sheet, complete."""
    found = copy.deepcopy(schema(name))
    if name == "config":
        refer = [section for section, part in found["properties"].items() if "$ref" in part]
        found["properties"] |= {section: of_section(section) for section in refer}
        for measure in MEASURES:
            found["properties"].setdefault(measure.name, switch(measure.title))
    if name == "stimuli":
        meanings = {source.name: source.meaning for source in sources.SOURCES}
        choose(found, "source", meanings, {source.name: source.needs for source in sources.SOURCES})
    if name == "maps":
        meanings = {reader.name: reader.meaning for reader in map_readers.READERS}
        choose(found, "reader", meanings, map_readers.needs())
        found["properties"]["path"]["description"] = map_readers.paths()
    if name == "recordings":
        meanings = {reader.name: reader.meaning for reader in recording_readers.READERS}
        needs = {reader.name: reader.needs for reader in recording_readers.READERS}
        choose(found, "reader", meanings, needs)
    return found


def choose(
    found: Schema, column: str, meanings: dict[str, str], needs: Mapping[str, tuple[str, ...]]
) -> None:
    """Complete the schema of a sheet by what a column may hold, and the columns that each value needs."""
    described = "; ".join(f"{name}: {meaning}" for name, meaning in meanings.items()) + "."
    found["properties"][column] = {"description": described, "enum": list(meanings)}
    found["allOf"] = [
        {"if": {"properties": {column: {"const": name}}}, "then": {"required": list(columns)}}
        for name, columns in needs.items()
        if columns
    ]


@functools.cache
def of_section(name: str) -> Schema:
    """Return the schema of a section of the config, complete."""
    found = copy.deepcopy(schema(f"stages/{name}"))
    del found["$schema"], found["title"]
    if name == "neural":
        own = found["properties"]
        first = {key: own.pop(key) for key in ("enabled", "metrics")}
        first["metrics"]["items"] = {"enum": comparisons.names()}
        options = {option.name: of_option(option) for option in comparisons.options()}
        found["properties"] = first | options | own
    if name == "trend":
        overlay = found["properties"]["overlay"]["properties"]
        for columns in ("y", "conventions"):
            overlay[columns]["properties"] = {
                headline.panel: {"description": f"{headline.title}.", "type": "string"}
                for headline in HEADLINES
            }
            stages = "|".join(measure.name for measure in MEASURES if measure.headlines)
            meaning = "Of one benchmark, such as probes/tasks/depth."
            overlay[columns]["patternProperties"] = {
                f"^({stages})/": {"description": meaning, "type": "string"}
            }
    return found


def section(path: str) -> Schema:
    """Return the schema of a section of the config, or of a part of one: ``simulate.recordings``."""
    name, *parts = path.split(".")
    found = of_section(name)
    for part in parts:
        found = found["properties"][part]
    return found.get("additionalProperties") or found


def settings_of(settings: Schema, command: str) -> dict[str, Schema]:
    """Return the settings of a schema that a command takes as options, in their order.

    A setting says so by ``commands``; where it does not, by that of its section, but for whether a stage runs
    and for names of sheets.
    """
    whole = settings.get("commands", [])
    return {
        name: part
        for name, part in settings["properties"].items()
        if command in part.get("commands", [] if name in ("enabled", "sheet") else whole)
    }


def of_option(option: Option) -> Schema:
    """Schema of an option of comparisons."""
    kind: Schema = {"type": "integer", "minimum": option.least}
    if option.choices:
        kind = {"enum": list(option.choices)}
    described = option.help[0].upper() + option.help[1:].removesuffix(".") + "."
    return {"description": described, "default": option.default} | kind


def switch(title: str) -> Schema:
    """Schema of the section of a measure that has no settings but whether it is on."""
    enabled = {"description": "Run this stage.", "type": "boolean", "default": True}
    return {
        "description": f"{title}.",
        "type": "object",
        "additionalProperties": False,
        "default": {},
        "properties": {"enabled": enabled},
    }
