"""Checksums of input files."""

from __future__ import annotations

import hashlib
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
