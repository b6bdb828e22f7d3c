"""Options of the command line: those of settings, as their schema has them, and what several doors share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from visalign.io.schemas import Schema, schema
from visalign.study.schemas import settings_of


def at_least(least: int) -> Callable[[str], int]:
    """Return the type of an option that no setting stands for, a whole number from `least`."""
    return bounded({"type": "integer", "minimum": least})


def add_settings(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, settings: Schema, command: str
) -> None:
    """Add an option for each setting of a schema that a command takes: its type, bounds, default and help.

    Parameters
    ----------
    settings : dict
        Schema of a section of the config, or of a sheet, see `schemas.section` and `schemas.definition`. What
        it requires, the command requires.
    """
    for name, part in settings_of(settings, command).items():
        keywords = described(part)
        if name in settings.get("required", ()):
            keywords["required"] = True
        parser.add_argument(f"--{name.replace('_', '-')}", **keywords)


def add_seed(parser: argparse.ArgumentParser | argparse._ArgumentGroup, help: str = "") -> None:
    """Add the option of the seed, which every section of the config shares."""
    part = schema("config")["properties"]["seed"]
    parser.add_argument("--seed", **described(part | ({"description": help} if help else {})))


def described(part: Schema) -> dict[str, Any]:
    """Keywords of ``add_argument`` for a setting, from its schema."""
    default = part.get("default")
    shown = part["description"].removesuffix(".") + (f" (default: {in_words(default)})" if default else "")
    found = {"default": default, "help": shown.replace("%", "%%")}
    kinds = [kind for kind in part.get("anyOf", [part]) if kind.get("type") != "null"]
    words = tuple(kind["const"] for kind in kinds if "const" in kind)
    [kind] = [kind for kind in kinds if "const" not in kind]
    if kind.get("type") == "array":
        found["nargs"], kind = "+", kind["items"]
    if "enum" in kind:
        return found | {"choices": kind["enum"]}
    if kind.get("type") == "boolean":
        return found | {"type": truth, "metavar": "true|false"}
    if kind.get("type") == "object":
        return found | {"type": json.loads, "metavar": "JSON"}
    if kind.get("type") in ("integer", "number"):
        return found | {"type": bounded(kind, words), "metavar": "|".join((*words, "N"))}
    return found


def in_words(value: object) -> str:
    """Return a value as it would be given on the command line."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def truth(text: str) -> bool:
    """Return an option that is true or false."""
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is not true or false")
    return text == "true"


def bounded(kind: Schema, words: tuple[str, ...] = ()) -> Callable[[str], Any]:
    """Return the type of an option that is a number within the bounds of its schema, or one of `words`."""

    def number(text: str) -> Any:
        if text in words:
            return text
        value = int(text) if kind["type"] == "integer" else float(text)
        for bound, wrong in (
            ("minimum", lambda least: value < least),
            ("exclusiveMinimum", lambda least: value <= least),
            ("maximum", lambda most: value > most),
            ("exclusiveMaximum", lambda most: value >= most),
        ):
            if bound in kind and (wrong(kind[bound]) or value != value):
                raise argparse.ArgumentTypeError(f"{text} is not {BOUNDS[bound]} {kind[bound]}")
        return value

    number.__name__ = "whole number" if kind["type"] == "integer" else "number"
    return number


#: What a bound of a schema asks for, in words.
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def add_dask_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that computes on dask, see `io.dask_client.connect`."""
    group = parser.add_argument_group("dask")
    group.add_argument("--threads", type=at_least(1), default=1, help="worker threads on this machine")
    settings = schema("config")["properties"]["dask"]["properties"]
    group.add_argument("--dask", **described(settings["where"]), metavar="local|ADDRESS|slurm")
    group.add_argument("--dask-options", **described(settings["options"]))
