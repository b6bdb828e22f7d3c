"""YAML as people mean it: a value that YAML would turn into another than is written is an error."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from visalign.errors import InputError
from visalign.io import delimited

#: Whole and other numbers that are not what they look like: octal, with underscores, to the base of 60.
_DISGUISED = re.compile(
    r"[+-]?(0[0-7_]+|0[bx][0-9a-fA-F_]+|\d[\d.]*_[\d_.]*|\d+(:[0-5]?\d)+(\.\d*)?)", re.ASCII
)


class _Loader(yaml.SafeLoader):
    """Refuses doubled keys, keys that are no words, and numbers in disguise."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping, whose keys are unlike words."""
        self.flatten_mapping(node)
        seen: set[str] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                shown = getattr(key, "value", name)
                raise _refusal(key, f"the key {shown} is no word in YAML: write it in quotes, '{shown}'")
            if name in seen:
                raise _refusal(key, f"{name!r} is there twice")
            seen.add(name)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: Any) -> Any:
        """Return a scalar; a number must be what it looks like."""
        value = super().construct_scalar(node)
        number = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
        if number and node.style is None and _DISGUISED.fullmatch(value):
            raise _refusal(
                node, f"{value} would be another number in YAML: write it in quotes, '{value}', or plainly"
            )
        return value


def _refusal(node: yaml.Node, reason: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, reason, node.start_mark)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file strictly.

    Raises
    ------
    InputError
        No such file, not UTF-8, not YAML, a doubled key, or a value that YAML would change (010 is 8, 1:30 is
        90); names the line.
    """
    text = delimited.read_text(path, "YAML")
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(f"{path}: not YAML: {line}{reason}") from None
