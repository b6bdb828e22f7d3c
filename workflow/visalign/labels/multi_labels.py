"""Multi-label annotations: every class that people found in an image, not its one label alone.

``multi_label_acc`` counts a prediction as right that is among them (Shankar et al., ICML 2020). The column
``multi_labels`` of a stimulus table holds them: class numbers separated by spaces, empty where not known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from visalign.errors import InputError
from visalign.io import delimited
from visalign.labels import imagenet, spaces

#: So many labels of an image count, as in the published evaluation.
MOST = 10


def of_stimuli(stimulus_ids: Sequence[str], path: str | Path, label_space: str) -> list[str]:
    """Cell of the column ``multi_labels`` of each stimulus, by its id or the name of its file.

    Raises
    ------
    InputError
        No stimulus has an annotation, or see `read`.
    """
    annotated = read(path, label_space)
    names = [name if name in annotated else PurePosixPath(name).name for name in stimulus_ids]
    if annotated.keys().isdisjoint(names):
        first = next(iter(annotated), "nothing")
        raise InputError(
            f"{path}: none of {len(names)} images is annotated, the first is {names[0]!r} ({first!r} is)"
        )
    return [" ".join(map(str, annotated.get(name, ()))) for name in names]


def read(path: str | Path, label_space: str) -> dict[str, list[int]]:
    """Read the classes of each image from a CSV (``name,multi_labels``) or the public JSON.

    The JSON is that of ``imagenet2012_multilabel`` in TensorFlow Datasets: wnids that are ``correct`` and
    ``unclear``, both of which count, for each image under ``initial_annots``; those of ``problematic_images``
    are left out, as in the published evaluation.

    Raises
    ------
    InputError
        Not such a file, or a class that the label space does not have; names file, image and value.
    """
    if Path(path).suffix == ".json":
        return _read_json(path, label_space)
    text = delimited.read_text(path)
    header = delimited.header(path, text)
    if {"name", "multi_labels"} - set(header):
        raise InputError(f"{path}: columns name and multi_labels are needed, not {', '.join(header)}")
    rows = delimited.rows(path, text)
    next(rows)
    found: dict[str, list[int]] = {}
    for row in rows:
        cells = dict(zip(header, row.cells, strict=True))
        where = f"{path}:{row.line}"
        if cells["name"] in found:
            raise InputError(f"{where}: name: {cells['name']!r} is there twice")
        found[cells["name"]] = parse(cells["multi_labels"], spaces.size(label_space), where)
    return found


def _read_json(path: str | Path, label_space: str) -> dict[str, list[int]]:
    """Read the public JSON, see `read`."""
    if label_space != imagenet.LABEL_SPACE:
        raise InputError(
            f"{path}: its classes are those of imagenet-1k, the label space is {label_space or 'none'}"
        )
    try:
        content: Any = json.loads(Path(path).read_text())
        images, problematic = content["initial_annots"], set(content.get("problematic_images", ()))
        kept = {
            name: dict.fromkeys([*each.get("correct", ()), *each.get("unclear", ())])  # some are both
            for name, each in images.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: not a file of annotations with initial_annots ({reason})") from None
    indices = imagenet.indices()
    for name, wnids in kept.items():
        for wnid in wnids:
            if wnid not in indices:
                raise InputError(f"{path}: initial_annots: {name}: {wnid!r} is not a wnid of imagenet-1k")
    return {name: [indices[w] for w in wnids] for name, wnids in kept.items() if name not in problematic}


def parse(cell: str, n_classes: int | None, where: str) -> list[int]:
    """Classes of a cell; one that is not in 0..n_classes − 1, or there twice, is an InputError of `where`."""
    found = []
    for word in cell.split():
        label = int(word) if word.isascii() and word.isdigit() else -1
        if label < 0 or (n_classes is not None and label >= n_classes):
            classes = "a class number" if n_classes is None else f"in 0..{n_classes - 1}"
            raise InputError(f"{where}: multi_labels: {cell!r}: {word!r} is not {classes}")
        if label in found:
            raise InputError(f"{where}: multi_labels: {cell!r}: {word!r} is there twice")
        found.append(label)
    return found
