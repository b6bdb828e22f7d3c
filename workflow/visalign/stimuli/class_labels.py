"""Labels that names and cells stand for: of class folders, and of tables.

Whatever would renumber classes is an error that names the folder, or file and line.
"""

from __future__ import annotations

import re
from pathlib import Path

from visalign.errors import InputError
from visalign.io import delimited
from visalign.labels import imagenet, spaces

#: Label spaces of which some are known, and whose wnids have indices that are not the order of their names.
LARGER_IMAGENETS = re.compile(r"imagenet[-_]?(12|21|22)k.*", re.IGNORECASE)
#: Names that a message shows.
SHOWN = 10
#: What the name of a class folder may be.
INDEX, WNID, WORD = "index", "wnid", "word"


def class_labels(names: list[str], label_space: str, where: str | Path) -> tuple[list[int], str]:
    """Label of each class folder, and in words how its name gives it.

    Whole numbers are the labels. Wnids have the indices of the label space, where it is an ImageNet (of
    ImageNet-1k where none is declared). Words, and wnids in a label space of one's own, have the order of
    their names.

    Raises
    ------
    InputError
        Names of different kinds, two of one label, a wnid or an index outside the label space, words in that
        of an ImageNet, or words whose order is ambiguous; names the folder.
    """
    kinds = {name: _kind(name) for name in names}
    counts = {kind: list(kinds.values()).count(kind) for kind in kinds.values()}
    if len(counts) > 1:
        rarest, *_, most = sorted(counts, key=lambda kind: counts[kind])
        odd, other = (next(name for name in names if kinds[name] == kind) for kind in (rarest, most))
        raise InputError(
            f"{where}: class folders are named by {' and '.join(sorted(counts))}: {odd!r} beside {other!r}: "
            "name all alike, or give labels (a CSV)"
        )
    (kind,) = counts
    if kind == INDEX:
        return _index_labels(names, label_space, where), "their names are indices"
    imagenets = spaces.SPACES
    if kind == WNID and (label_space in imagenets or not label_space):
        return _wnid_labels(names, label_space or imagenet.LABEL_SPACE, where)
    if kind == WNID and LARGER_IMAGENETS.fullmatch(label_space):
        raise InputError(
            f"{where}: class folder {names[0]!r}: no list of the wnids of {label_space} is known (known: "
            f"{', '.join(imagenets)}): name folders by index, or give labels (a CSV)"
        )
    if label_space in imagenets:
        raise InputError(
            f"{where}: class folder {names[0]!r} is neither an index nor a wnid of {label_space}: rename the "
            "folders, or give labels (a CSV with columns name and label)"
        )
    if label_space:
        _check_order(names, where)
    ordered = sorted(names)
    said = [f"{name} = {index}" for index, name in enumerate(ordered[:SHOWN])]
    more = f" and {len(ordered) - len(said)} more" if len(ordered) > len(said) else ""
    return [ordered.index(name) for name in names], f"in order of name: {', '.join(said)}{more}"


def _kind(name: str) -> str:
    if re.fullmatch(r"[0-9]+", name):
        return INDEX
    return WNID if imagenet.WNID.fullmatch(name) else WORD


def _wnid_labels(names: list[str], label_space: str, where: str | Path) -> tuple[list[int], str]:
    indices = imagenet.indices(label_space)
    for name in names:
        if name not in indices:
            raise InputError(
                f"{where}: class folder {name!r} is none of the {len(indices)} wnids of {label_space}: move "
                "it away, or give labels (a CSV)"
            )
    return [indices[name] for name in names], f"the indices of {label_space} of their wnids"


def _index_labels(names: list[str], label_space: str, where: str | Path) -> list[int]:
    seen: dict[int, str] = {}
    for name in names:
        label = int(name) if len(name) < 300 else 2**63
        check_range(label, label_space, f"{where}: class folder {name!r}")
        if seen.setdefault(label, name) != name:
            raise InputError(
                f"{where}: class folders {seen[label]!r} and {name!r} are the same index {label}"
            )
    return [int(name) for name in names]


def check_range(label: int, label_space: str, where: str) -> None:
    """Raise InputError for a label that is no index of a label space."""
    if label < 0:
        raise InputError(f"{where}: {label} is negative: labels are indices from 0")
    classes = spaces.size(label_space)
    if classes is not None and label >= classes:
        raise InputError(f"{where}: {label} is not in 0..{classes - 1}, the indices of {label_space}")
    if label >= 2**31:
        raise InputError(f"{where}: {label} is no index of a class")


def _check_order(names: list[str], where: str | Path) -> None:
    """Raise InputError unless a model that was trained on such folders numbers them in one way.

    torchvision sorts the names as they are, timm in natural order and without regard to case.
    """
    plain = sorted(names)
    natural = sorted(
        names,
        key=lambda name: [
            (0, int(part), "") if part.isdecimal() else (1, 0, part)
            for part in re.split(r"(\d+)", name.lower())
        ],
    )
    for one, other in zip(plain, natural, strict=True):
        if one != other:
            raise InputError(
                f"{where}: the order of class folders is ambiguous: torchvision has {one!r} where timm has "
                f"{other!r}: name folders by index, or give labels (a CSV)"
            )
    if len(names) == 1:
        raise InputError(f"{where}: {names[0]!r} is the only class folder: is the path one level too high?")


def whole_label(cell: str, label_space: str, where: str) -> int:
    """Label of a cell of a table: a whole number from 0, within a label space; else an InputError."""
    label = delimited.whole_number(cell)
    if label is None:
        hint = delimited.hint(cell)
        if cell.strip() in imagenet.indices():
            hint = f" (ImageNet's index of this wnid is {imagenet.indices()[cell.strip()]})"
        raise InputError(f"{where}: {cell!r} is not a whole number, the index of a class{hint}")
    check_range(label, label_space, where)
    return label
