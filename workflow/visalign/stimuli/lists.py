"""What a row of the stimulus sheet will list: ids, labels, files, without decoding an image."""

from __future__ import annotations

import importlib.metadata
import posixpath
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from visalign.errors import InputError
from visalign.io import delimited
from visalign.labels import spaces
from visalign.stimuli import clickme, folders, images, scenes

#: An archive's image that unpacks to more is refused.
MAX_IMAGE_BYTES = 2**26


class Listed(NamedTuple):
    """A stimulus set as it will be.

    `label` is None where images have none, or where it would take reading them; `files` are those that lie on
    disk already, else None; `unread` names files beside them that will not be read.
    """

    stimulus_id: list[str]
    label: list[int] | None
    files: list[Path] | None
    unread: list[str]


class Member(NamedTuple):
    """One image of a Brain-Score stimulus set, and where it lies in its archive."""

    stimulus_id: str
    name: str
    label: int | None
    category: str | None
    member: zipfile.ZipInfo


def list_stimuli(row: Mapping[str, Any]) -> Listed:
    """List a stimulus set without reading its images and without running its stage.

    Parameters
    ----------
    row : mapping
        Row of the stimulus sheet.

    Raises
    ------
    InputError
        All that is wrong with its files, tables and folders, but for what their pixels show.
    """
    source, path, label_space = row["source"], row.get("path", ""), space(row.get("label_space", ""))
    check_settings(source, label_space, row.get("background", ""))
    if source == "photographs":
        names = [file.name for file in embedded_photographs()]
        return Listed([Path(name).stem for name in names], list(map(photograph_label, names)), None, [])
    if source == "scenes":
        ids = [clickme.stimulus_id(row["stimuli"], index) for index in range(row.get("count", 400))]
        return Listed(ids, [index % len(scenes.SHAPES) for index in range(len(ids))], None, [])
    if source == "folder":
        found = folder(path, row.get("labels", ""), label_space)
        return Listed(found.names, found.labels, [Path(path) / name for name in found.names], found.unread)
    if source == "brainscore":
        with open_archive(row["archive"]) as zipped:
            members, unread = brainscore(path, row["archive"], zipped, label_space)
        ids, labels = [each.stimulus_id for each in members], [each.label for each in members]
        known = [label for label in labels if label is not None]
        return Listed(ids, known if len(known) == len(ids) else None, None, unread)
    count = sum(map(clickme.count_records, clickme.list_shards(path)))
    return Listed([clickme.stimulus_id(row["stimuli"], index) for index in range(count)], None, None, [])


def space(label_space: str | None) -> str:
    """Label space of a row, '' for the unlabelled."""
    return "" if label_space in (None, "none") else str(label_space)


def check_settings(source: str, label_space: str, background: str) -> None:
    """Raise InputError for settings that a source cannot have."""
    if source == "scenes" and label_space in spaces.SPACES:
        raise InputError(
            f"label_space: {label_space}: labels of scenes are their {len(scenes.SHAPES)} shapes"
        )
    if background:
        images.colour(background)
        if source not in ("folder", "brainscore"):
            raise InputError(
                f"background: {background} is for the sources folder and brainscore, not {source}"
            )


# --- photographs ---


def embedded_photographs() -> list[Path]:
    """The 20 labelled ImageNet images that ship with foolbox, sorted by name."""
    # The package's data is read without importing it, since foolbox imports much.
    try:
        folder = Path(str(importlib.metadata.distribution("foolbox").locate_file("foolbox/data")))
    except importlib.metadata.PackageNotFoundError:
        raise InputError("source: photographs are in the package foolbox, which is not installed") from None
    files = [f for f in folder.iterdir() if f.name.startswith("imagenet_") and f.name.endswith(".jpg")]
    return sorted(files, key=lambda f: f.name)


def photograph_label(name: str) -> int:
    """ImageNet's index, the last number of a photograph's name."""
    return int(Path(name).stem.split("_")[-1])


# --- folders ---


def folder(path: str, labels: str, label_space: str) -> folders.Images:
    """List a folder: labels from a CSV, from its class folders, or none."""
    if labels:
        return folders.from_table(path, labels, label_space)
    return folders.from_folders(path, label_space)


# --- Brain-Score stimulus sets ---


def open_archive(archive: str) -> zipfile.ZipFile:
    """Open a zip; what is none is an InputError."""
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{archive}: not a readable zip archive: {error}") from None


def brainscore(
    path: str, archive: str, zipped: zipfile.ZipFile, label_space: str
) -> tuple[list[Member], list[str]]:
    """Members of an archive in the order of the table of a stimulus set, and names of the other ones.

    Columns are stimulus_id (older: image_id), filename (image_file_name), and optionally object_name, the
    category, and label.
    """
    text = delimited.read_text(path)
    header = delimited.header(path, text)
    id_column = _present(header, path, "stimulus_id", "image_id")
    name_column = _present(header, path, "filename", "image_file_name")
    if label_space and "label" not in header:
        raise InputError(f"{path}: no column 'label', but label_space is {label_space}")
    rows = delimited.rows(path, text)
    next(rows)
    files = archive_files(zipped)
    members: dict[str, Member] = {}
    for row in rows:
        cells = dict(zip(header, row.cells, strict=True))
        where, stimulus_id, name = f"{path}:{row.line}", cells[id_column], cells[name_column]
        if stimulus_id in members:
            raise InputError(f"{where}: {id_column}: {stimulus_id!r} is there twice")
        if not stimulus_id.strip():
            raise InputError(f"{where}: {id_column}: empty")
        label = None
        if cells.get("label") or label_space:
            label = folders.whole_label(cells["label"], label_space, f"{where}: label")
        member = named_member(files, name, f"{where}: {name_column}: {name!r}", archive)
        members[stimulus_id] = Member(stimulus_id, name, label, cells.get("object_name"), member)
    if not members:
        raise InputError(f"{path}: no images")
    taken = {each.member.filename for each in members.values()}
    unread = sorted({file.filename for file in zipped.infolist() if not file.is_dir()} - taken)
    return list(members.values()), unread


def _present(header: list[str], path: str, *names: str) -> str:
    """Return the first of `names` that is a column."""
    for name in names:
        if name in header:
            return name
    raise InputError(f"{path}: no column {' or '.join(map(repr, names))} (columns: {', '.join(header)})")


def archive_files(zipped: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Files of an archive by their names, from its top and from the folder that holds them all."""
    files = {
        member.filename: member
        for member in zipped.infolist()
        if not member.is_dir() and not any(map(folders.hidden, member.filename.split("/")))
    }
    top = posixpath.commonpath(["/" + posixpath.dirname(name) for name in files] or ["/"])
    return {f"/{name}"[len(top) :].lstrip("/"): member for name, member in files.items()} | files


def named_member(files: dict[str, zipfile.ZipInfo], name: str, where: str, archive: str) -> zipfile.ZipInfo:
    """Find the file `name` of an archive; a link, or one of more than MAX_IMAGE_BYTES, is refused.

    Files are written under these names, which therefore may not lead out of the folder of images.
    """
    if name.startswith("/") or ".." in name.split("/"):
        raise InputError(f"{where} leads out of the folder of images")
    if name not in files:
        raise InputError(f"{where} is not in {archive}")
    member = files[name]
    if stat.S_ISLNK(member.external_attr >> 16):
        raise InputError(f"{where} is a link in {archive}")
    if member.file_size > MAX_IMAGE_BYTES:
        raise InputError(f"{where} has {member.file_size} bytes, more than {MAX_IMAGE_BYTES}")
    return member
