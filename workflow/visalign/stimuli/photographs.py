"""The labelled ImageNet photographs that ship with foolbox."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io.files import write_atomic
from visalign.stimuli.source import Listed, Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow


def embedded() -> list[Path]:
    """The 20 labelled ImageNet images that ship with foolbox, sorted by name."""
    # The package's data is read without importing it, since foolbox imports much.
    try:
        folder = Path(str(importlib.metadata.distribution("foolbox").locate_file("foolbox/data")))
    except importlib.metadata.PackageNotFoundError:
        raise InputError("source: photographs are in the package foolbox, which is not installed") from None
    files = [f for f in folder.iterdir() if f.name.startswith("imagenet_") and f.name.endswith(".jpg")]
    return sorted(files, key=lambda f: f.name)


def label_of(name: str) -> int:
    """ImageNet's index, the last number of a photograph's name."""
    return int(Path(name).stem.split("_")[-1])


def listed(row: Row) -> Listed:
    """List the photographs."""
    names = [file.name for file in embedded()]
    return Listed([Path(name).stem for name in names], list(map(label_of, names)), None, [])


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Copy the photographs."""
    from visalign.stimuli.rows import described

    for file in embedded():
        content, copy = file.read_bytes(), written / file.name
        write_atomic(copy, content)
        yield described(file.stem, copy, content)._replace(label=label_of(file.name))


SOURCE = Source(
    name="photographs",
    meaning="20 labelled ImageNet images that ship with foolbox",
    described="labelled ImageNet photographs that ship with foolbox",
    listed=listed,
    images=images,
)
