"""Files of config/downloads.tsv that a study names, which are fetched before they are read."""

from __future__ import annotations

import fnmatch
import functools
import os
from pathlib import Path

from visalign.io import checksums
from visalign.io.downloads import expand_rows
from visalign.io.sheets import read_sheet

ROOT = Path(__file__).parents[3]
#: What a download leaves behind when it is cut off.
UNFINISHED = (".partial", ".partial.validator")


@functools.cache
def downloads() -> tuple[str, ...]:
    """Files of config/downloads.tsv, which rules fetch."""
    return tuple(expand_rows(read_sheet(ROOT / "config/downloads.tsv", "downloads", "name")))


def of_path(path: str) -> list[str]:
    """Files that are fetched for a path: itself, those of a pattern, or those below a folder."""
    folder = f"{path.rstrip('/')}/"
    return [file for file in downloads() if file.startswith(folder) or _matches(file, path)]


def _matches(file: str, pattern: str) -> bool:
    """Whether a pattern matches a file as a shell's does: not across folders."""
    pairs = file.split("/"), pattern.split("/")
    return len(pairs[0]) == len(pairs[1]) and all(map(fnmatch.fnmatchcase, *pairs))


def absent(path: str) -> list[str]:
    """Those of the files of a path that are yet to be fetched."""
    return [file for file in of_path(path) if not os.path.exists(file)]


def is_several(path: str) -> bool:
    """Whether a path is a pattern or a folder some of whose files are fetched."""
    return any(file != path for file in of_path(path))


def listing(path: str) -> str | None:
    """Hash of those files of a folder or pattern that are not fetched, see `checksums.listing`.

    None where there are only fetched ones: what became of these is known to the rules that fetch them, and
    before and after they are fetched it is the same.
    """
    files = set(of_path(path))
    return checksums.listing(path, lambda file: file not in files and not file.endswith(UNFINISHED))
