"""Folders of images: which files are images, with labels of class folders or of a table.

Whatever would renumber classes or leave out an image of one is an error that names the folder. Links are
followed; hidden files and folders, files of other suffixes, and those that a table does not list are not
read, and are named in `Images.unread`.
"""

from __future__ import annotations

import os
import posixpath
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.files import write_atomic
from visalign.stimuli.class_labels import class_labels, whole_label
from visalign.stimuli.source import Labelled, Listed, Row, Source, space

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow

#: A folder that macOS adds to archives; its files are named as the images are.
RESOURCE_FORKS = "__MACOSX"
#: Files of a folder that are read as images; a file that a table names may have any suffix.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)
#: Names that a message shows of each suffix.
SHOWN = 5
#: Names of the files of a folder or an archive that are not read, one per line.
UNREAD = "unread.txt"


class Images(NamedTuple):
    """Images of a folder, named relative to it with ``/``.

    `unread` are the other files, sorted; `meaning` says in words where labels that no table gives come from.
    """

    names: list[str]
    labels: list[int] | None
    unread: list[str]
    meaning: str = ""


# --- folders ---


def from_folders(path: str | Path, label_space: str = "") -> Images:
    """List a folder of images whose sub-folders, if it has any, are classes.

    Parameters
    ----------
    label_space : str
        What labels must mean, as `class_labels` takes it; '' where images need none.

    Raises
    ------
    InputError
        No image; classes without images, with folders below them, beside images, twice the same; names that
        stand for no label; a label space without classes.
    """
    folders, files = _entries(Path(path))
    classes = [folder for folder in folders if not hidden(folder.name)]
    names = _image_names(files)
    if not classes:
        unread = _unread(Path(path), set(names))
        if not names:
            raise InputError(f"{path}: no images{_instead(unread)}")
        if label_space:
            raise InputError(
                f"{path}: no labels, but label_space is {label_space}: give labels (a CSV with columns "
                "name and label), or one sub-folder a class"
            )
        return Images(names, None, unread)
    if names:
        raise InputError(
            f"{path}: {names[0]!r} lies beside class folders ({classes[0].name!r}): move it into its class, "
            "or give labels (a CSV)"
        )
    members = [_class_images(Path(path), folder.name) for folder in classes]
    real: dict[str, str] = {}
    for folder in classes:
        other = real.setdefault(os.path.realpath(folder.path), folder.name)
        if other != folder.name:
            raise InputError(
                f"{path}: {other!r} and {folder.name!r} are the same folder: two labels of an image"
            )
    labels, meaning = class_labels([folder.name for folder in classes], label_space, path)
    listed = [
        (f"{folder.name}/{name}", label)
        for folder, label, inside in zip(classes, labels, members, strict=True)
        for name in inside
    ]
    names = [name for name, _ in listed]
    return Images(names, [label for _, label in listed], _unread(Path(path), set(names)), meaning)


def _class_images(root: Path, name: str) -> list[str]:
    """Names of the images of a class folder."""
    folders, files = _entries(root / name)
    for folder in folders:
        if not hidden(folder.name):
            raise InputError(
                f"{root / name}: {folder.name!r} is a folder within a class folder: put the images of a "
                "class into one folder, or give labels (a CSV)"
            )
    found = _image_names(files)
    if not found:
        there = _instead(_unread(root / name, set()))
        raise InputError(
            f"{root / name}: a class folder without images{there or ' (empty)'}: labels of other folders "
            "might shift: fill it, or move it away"
        )
    return found


def hidden(name: str) -> bool:
    """Whether a file or folder is one that programs leave behind, such as ``.ipynb_checkpoints``."""
    return name.startswith(".") or name == RESOURCE_FORKS


def is_image(name: str) -> bool:
    """Whether a file is read as an image, by its name."""
    return not hidden(name) and posixpath.splitext(name)[1].lower() in SUFFIXES


def _entries(folder: Path) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """Sub-folders and files, links among them, sorted by name."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed: {error.strerror}") from None
    for entry in entries:
        if not entry.name.isascii() and entry.name.encode(errors="replace").decode() != entry.name:
            raise InputError(f"{folder}: {entry.name!r}: a name that is not UTF-8: rename the file")
    folders = [entry for entry in entries if _is(entry.is_dir)]
    return folders, [entry for entry in entries if not _is(entry.is_dir)]


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; a link to itself is of none."""
    try:
        return kind()
    except OSError:
        return False


def _image_names(files: list[os.DirEntry[str]]) -> list[str]:
    for entry in files:
        # Such a link may have been a class folder.
        if entry.is_symlink() and not hidden(entry.name) and not os.path.exists(entry.path):
            raise InputError(f"{entry.path}: a link that leads nowhere: mend or delete it")
        if is_image(entry.name) and not _is(entry.is_file):
            raise InputError(f"{entry.path}: not a file: delete it")
    return [entry.name for entry in files if is_image(entry.name)]


def walk(root: str, below: str = "", above: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the names of all files below a folder, through links, but not in circles."""
    real = os.path.realpath(os.path.join(root, below))
    if real in above:
        return
    folders, files = _entries(Path(root, below))
    yield from (posixpath.join(below, entry.name) for entry in files)
    for folder in folders:
        yield from walk(root, posixpath.join(below, folder.name), (*above, real))


def _unread(root: Path, names: set[str]) -> list[str]:
    return sorted(name for name in walk(str(root)) if name not in names)


def describe_unread(unread: list[str]) -> str:
    """Say how many files of which suffixes are not read, with a few names of each."""
    kinds: dict[str, list[str]] = {}
    for name in unread:
        kinds.setdefault(posixpath.splitext(name)[1].lower() or "without suffix", []).append(name)
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})"
        for kind, names in sorted(kinds.items(), key=lambda each: (-len(each[1]), each[0]))
    ]
    return f"{len(unread)} files that are not read: {', '.join(parts)}"


def _instead(unread: list[str]) -> str:
    suffixes = ", ".join(sorted(SUFFIXES))
    return f" ({describe_unread(unread)}; images end in {suffixes})" if unread else ""


# --- tables of labels ---


def from_table(path: str | Path, labels: str | Path, label_space: str = "") -> Images:
    """List the images of a folder that a CSV with columns name and label names, in its order.

    Names are those of the files, letter by letter.

    Raises
    ------
    InputError
        A name that is no file of the folder or is there twice, a label that is no whole number from 0 or no
        index of the label space; names file, column, line and value.
    """
    if not Path(path).is_dir():
        raise InputError(f"{path}: no such folder of images")
    files = set(walk(str(path)))
    listed: dict[str, int] = {}
    for line, name, label in _label_rows(labels):
        if name in listed:
            raise InputError(f"{labels}: name: line {line}: {name!r} is there twice")
        if name not in files:
            raise InputError(f"{labels}: name: line {line}: {_why_absent(name, files, path)}")
        if not os.path.isfile(os.path.join(path, name)):
            raise InputError(f"{labels}: name: line {line}: {name!r} is a link that leads nowhere")
        listed[name] = whole_label(label, label_space, f"{labels}: label: line {line}")
    if not listed:
        raise InputError(f"{labels}: no images")
    own = os.path.realpath(labels)
    unread = sorted(
        name for name in files - listed.keys() if os.path.realpath(os.path.join(path, name)) != own
    )
    return Images(list(listed), list(listed.values()), unread)


def _label_rows(labels: str | Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, name and label, as text, of a table of labels."""
    text = delimited.read_text(labels)
    header = delimited.header(labels, text)
    for column in ("name", "label"):
        if column not in header:
            raise InputError(f"{labels}: no column {column!r} (columns: {', '.join(header)})")
    rows = delimited.rows(labels, text)
    next(rows)
    for row in rows:
        yield row.line, row.cells[header.index("name")], row.cells[header.index("label")]


def _why_absent(name: str, files: set[str], path: str | Path) -> str:
    """Why a name of a table is no file of a folder, and which file it may mean."""
    if not name.strip():
        return f"{name!r} is empty"
    relative = posixpath.normpath(os.path.relpath(name, path) if os.path.isabs(name) else name)
    if relative.startswith("../"):
        return f"{name!r} leads out of the folder of images"
    for likeness in (_loose, lambda each: posixpath.basename(_loose(each)), _stem):
        near = sorted(file for file in files if likeness(file) == likeness(relative))
        if near:
            return f"{name!r} does not exist in {path}, but {near[0]!r} does: write it letter by letter"
    return f"{name!r} does not exist in {path}"


def _loose(name: str) -> str:
    """A name without case, blanks at its ends, and kinds of slashes and of accents."""
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").casefold().split("/")
    return "/".join(part.strip() for part in parts if part not in ("", "."))


def _stem(name: str) -> str:
    return posixpath.splitext(posixpath.basename(_loose(name)))[0]


# --- the source ---


class FolderRow(Labelled, total=False):
    """What a row says of a folder of images."""

    path: str
    labels: str
    background: str


def of_row(row: FolderRow) -> Images:
    """List the folder of a row: labels from a CSV, from its class folders, or none."""
    if row.get("labels"):
        return from_table(row["path"], row["labels"], space(row))
    return from_folders(row.get("path", ""), space(row))


def listed(row: Row) -> Listed:
    """List the images of a folder."""
    found = of_row(row)
    return Listed(found.names, found.labels, [Path(row["path"]) / name for name in found.names], found.unread)


def images(row: FolderRow, written: Path | None = None) -> Iterator[StimulusRow]:
    """Describe the images of a folder where they are; says what is not read, and where labels come from."""
    from tqdm import tqdm

    from visalign.stimuli.images import content_of
    from visalign.stimuli.rows import described

    path, found = row["path"], of_row(row)
    if found.meaning:
        print(f"{path}: labels of class folders: {found.meaning}", file=sys.stderr)
    say_unread(path, found.unread, written)
    for index, name in enumerate(tqdm(found.names, desc="stimuli", unit="image")):
        file = Path(path) / name
        label = None if found.labels is None else found.labels[index]
        image = described(name, file.resolve(), content_of(file), row.get("background", ""))
        yield image._replace(label=label)


def say_unread(where: str, unread: list[str], written: Path | None) -> None:
    """Say which files are not read; all their names go to a file among the images that are written."""
    if unread:
        print(f"{where}: {describe_unread(unread)}", file=sys.stderr)
        if written is not None:
            write_atomic(written / UNREAD, "\n".join(unread) + "\n")


SOURCE = Source(
    name="folder",
    meaning="images under path, with labels or one sub-folder a class, named by index or wnid",
    described="images of a folder",
    listed=listed,
    images=images,
    columns=("path", "labels"),
    needs=("path",),
    grounded=True,
)
