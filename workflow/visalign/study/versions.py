"""Versions of commands: one rises when what its command writes changes, and makes the jobs rerun."""

from __future__ import annotations

import ast
import re
from pathlib import Path

LIBRARY = Path(__file__).parents[1]


def versions(module: str, library: Path = LIBRARY) -> dict[str, int]:
    """Return VERSIONS of a stage or tool, command -> number, without importing what it computes with.

    `library` is that of the Snakefile: its jobs run in it, whichever one plans them.
    """
    [path] = [path for room in ("stages", "tools") for path in (library / room).glob(f"{module}.py")]
    declared = re.search(r"^VERSIONS = (\{.*?\})$", path.read_text(), re.M | re.S)
    if declared is None:
        raise TypeError(f"{path} declares no VERSIONS")
    return ast.literal_eval(declared[1])


def version(module: str, command: str = "", *, library: Path = LIBRARY) -> int:
    """Return the version of a command; one that is called as its module needs no name."""
    return versions(module, library)[command or module]
