"""Brain-Score stimulus sets: a table that names images, and the zip archive that holds them."""

from __future__ import annotations

import posixpath
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from visalign.errors import InputError
from visalign.io import checksums, delimited
from visalign.io.files import write_atomic
from visalign.stimuli import folders
from visalign.stimuli.class_labels import whole_label
from visalign.stimuli.source import Listed, Row, Source, space

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow

#: An archive's image that unpacks to more is refused.
MAX_IMAGE_BYTES = 2**26


class Member(NamedTuple):
    """One image of a Brain-Score stimulus set, and where it lies in its archive."""

    stimulus_id: str
    name: str
    label: int | None
    category: str | None
    member: zipfile.ZipInfo


def open_archive(archive: str) -> zipfile.ZipFile:
    """Open a zip; what is none is an InputError."""
    try:
        return zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{archive}: not a readable zip archive: {error}") from None


def members_of(
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
            label = whole_label(cells["label"], label_space, f"{where}: label")
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


def archive_files(
    zipped: zipfile.ZipFile, taken: Callable[[str], bool] = lambda name: True
) -> dict[str, zipfile.ZipInfo]:
    """Files of an archive by their names, from the folder that holds them all, then from its top.

    Only those whose last part is `taken`.
    """
    files = {
        member.filename: member
        for member in zipped.infolist()
        if not member.is_dir() and not any(map(folders.hidden, member.filename.split("/")))
        if taken(posixpath.basename(member.filename))
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


def content_of(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, archive: str) -> bytes:
    """Content of a file of an archive; one that is damaged or encrypted is an InputError."""
    try:
        return zipped.read(member)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise InputError(f"{archive}: {member.filename}: unreadable: {error}") from None


def listed(row: Row) -> Listed:
    """List what the table names."""
    with open_archive(row["archive"]) as zipped:
        members, unread = members_of(row["path"], row["archive"], zipped, space(row))
    labels = [each.label for each in members]
    known = [label for label in labels if label is not None]
    ids = [each.stimulus_id for each in members]
    return Listed(ids, known if len(known) == len(ids) else None, None, unread)


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Unpack the images; the table says which, and in which order."""
    from tqdm import tqdm

    from visalign.stimuli.rows import described

    archive, background = row["archive"], row.get("background", "")
    for file, sha1 in ((row["path"], row.get("sha1")), (archive, row.get("archive_sha1"))):
        if sha1:
            checksums.check(file, sha1)
    with open_archive(archive) as zipped:
        members, unread = members_of(row["path"], archive, zipped, space(row))
        folders.say_unread(archive, unread, written)
        for each in tqdm(members, desc="stimuli", unit="image"):
            content = content_of(zipped, each.member, archive)
            unpacked = written / each.name
            write_atomic(unpacked, content)
            image = described(each.stimulus_id, unpacked, content, background)
            yield image._replace(label=each.label, category=each.category)


SOURCE = Source(
    name="brainscore",
    meaning="a Brain-Score stimulus set, CSV and zip",
    described="a Brain-Score stimulus set",
    listed=listed,
    images=images,
    columns=("path", "archive", "sha1", "archive_sha1"),
    needs=("path", "archive"),
    files=lambda row: [row["path"], row["archive"]],
    grounded=True,
)
