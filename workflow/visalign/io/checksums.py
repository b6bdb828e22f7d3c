"""Checksums of input files, and what tells without reading them that they changed."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from visalign.errors import InputError


def of(path: str | Path, algorithm: str) -> str:
    """Checksum of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def check(path: str | Path, expected: str, algorithm: str = "sha1") -> None:
    """Raise InputError where a file is not there or has another checksum (hexadecimal)."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    found = of(path, algorithm)
    if found != expected.lower():
        raise InputError(f"{path}: {algorithm}: {found}, expected {expected}")


def listing(path: str, kept: Callable[[str], bool] | None = None) -> str | None:
    """Hash of names, sizes and times of the files of a folder or pattern; None of one file or of none.

    With `kept` only of the files that it says yes to; None where there are none of them.
    """
    if "*" in path:
        files = sorted(file for file in glob.glob(path) if os.path.isfile(file))
    elif path and os.path.isdir(path):
        files = sorted(walk(path))
    else:
        return None
    if kept and not (files := list(filter(kept, files))):
        return None
    facts = [(file, *facts_of(file)) for file in files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def walk(folder: str) -> Iterator[str]:
    """Yield the files below a folder, also through links to folders, each folder once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads in a circle
            folders.clear()
            continue
        seen.add(real)
        yield from (file for name in files if os.path.isfile(file := os.path.join(place, name)))


def facts_of(file: str) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns."""
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns
