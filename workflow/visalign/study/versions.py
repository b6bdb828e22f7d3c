"""Versions of commands: one rises when what its command writes changes, and makes the jobs rerun."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parents[1]


@cache
def versions(module: str) -> dict[str, int]:
    """Return VERSIONS of a stage or tool, command -> number, without importing what it computes with."""
    [path] = [path for room in ("stages", "tools") for path in (LIBRARY / room).glob(f"{module}.py")]
    declared = re.search(r"^VERSIONS = (\{.*?\})$", path.read_text(), re.M | re.S)
    if declared is None:
        raise TypeError(f"{path} declares no VERSIONS")
    return ast.literal_eval(declared[1])


def version(module: str, command: str = "") -> int:
    """Return the version of a command; one that is called as its module needs no name."""
    return versions(module)[command or module]
