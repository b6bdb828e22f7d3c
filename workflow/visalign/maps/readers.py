"""All readers of importance maps: a new one is a file like `read_masks`, and a line here."""

from __future__ import annotations

from visalign.maps.read_clicks import CLICKS
from visalign.maps.read_fixations import FIXATIONS
from visalign.maps.read_folder import FOLDER
from visalign.maps.read_masks import MASKS
from visalign.maps.read_shards import NPZ, PTH, TFRECORD
from visalign.maps.reader import Reader

READERS = (
    TFRECORD,
    NPZ,
    PTH,
    FOLDER,
    CLICKS,
    FIXATIONS,
    MASKS,
)


def names() -> list[str]:
    """What the column ``reader`` of the sheet of maps may be."""
    return [reader.name for reader in READERS]


def needs() -> dict[str, tuple[str, ...]]:
    """Columns that the rows of each reader must fill, beside those that all do."""
    return {reader.name: reader.needs for reader in READERS}


def settings() -> tuple[str, ...]:
    """Columns that only some reader takes."""
    return tuple(dict.fromkeys(name for reader in READERS for name in reader.settings))


def of(name: str) -> Reader:
    """Return the reader of a name."""
    return next(reader for reader in READERS if reader.name == name)


def meanings() -> str:
    """What each reader reads, for the description of the column ``reader``."""
    return "; ".join(f"{reader.name}: {reader.meaning}" for reader in READERS) + "."


def paths() -> str:
    """What the path is for each reader, for the description of the column ``path``."""
    kinds: dict[str, list[str]] = {}
    for reader in READERS:
        kinds.setdefault(reader.path, []).append(reader.name)
    return "; ".join(f"{', '.join(own)}: {path}" for path, own in kinds.items()) + "."
