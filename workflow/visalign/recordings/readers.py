"""All readers of recordings: a new one is a file like `read_assembly`, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.recordings.read_arcaro import ARCARO
from visalign.recordings.read_arrays import ARRAYS
from visalign.recordings.read_assembly import ASSEMBLY
from visalign.recordings.read_rdm import RDM
from visalign.recordings.reader import Asked, Reader

if TYPE_CHECKING:
    import xarray as xr

READERS = (
    ASSEMBLY,
    ARCARO,
    ARRAYS,
    RDM,
)
#: What a row may say that not every reader takes.
SETTINGS = ("subject", "windows", "first_ms", "variable", "order")


def names() -> list[str]:
    """What the column ``reader`` of the sheet of recordings may be."""
    return [reader.name for reader in READERS]


def of(name: str) -> Reader:
    """Return the reader of a name."""
    return next(reader for reader in READERS if reader.name == name)


def read(name: str, path: str, asked: Asked, sha1: str | None) -> xr.DataArray:
    """Read a recording with its reader.

    Raises
    ------
    InputError
        A setting too few or too many, or what the reader refuses.
    """
    reader = of(name)
    given: Mapping[str, object] = asked
    for setting in reader.needs:
        if setting in given and not given[setting]:
            raise InputError(f"--{setting}: the reader {name} needs it")
    for setting in SETTINGS:
        if setting not in reader.takes and given.get(setting) is not None:
            raise InputError(f"--{setting.replace('_', '-')}: the reader {name} does not take it")
    return reader.read(path, {**asked, "region": asked["region"] or None}, sha1)
