"""Files that are whole or absent, JSON, and what tells that small files changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from visalign.errors import InputError

#: An object of JSON that is passed on, whose keys are not known here.
Json = dict[str, Any]


@contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; the file takes its place when the block ends without an error.

    Readers see the old file or the whole new one, and what a killed writer leaves is named like no result.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_atomic(path: str | Path, content: str | bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replaced(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as JSON; NaN is not JSON and must have become None before."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a broken one is named."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not JSON: {error}: save the file as UTF-8") from None


def inputs_hash(*paths: str | Path) -> str:
    """Return a short hash over the bytes of small input files (manifests, cards, tables)."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()[:16]
