"""Zip archives of images as sources of stimuli: unlabelled, in the order of their names, 2 before 10."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io import checksums
from visalign.io.files import write_atomic
from visalign.stimuli import brainscore, folders
from visalign.stimuli.source import Listed, Row, Source, space

if TYPE_CHECKING:
    import zipfile

    from visalign.stimuli.rows import StimulusRow


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key of a name in which numbers count as such: ``img_2`` stands before ``img_10``.

    Of names that are the same but for leading zeros, the order of characters decides.
    """
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if index % 2 else (-1, part) for index, part in enumerate(parts)], name


def members_of(archive: str, zipped: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], list[str]]:
    """Images of an archive by their names, in natural order, and names of its other files.

    Names are without the folder that holds all images, if there is one.

    Raises
    ------
    InputError
        No image, a name that is there twice, or what `brainscore.named_member` refuses.
    """
    entries = [entry.filename for entry in zipped.infolist() if not entry.is_dir()]
    twice = next((name for name, n in Counter(entries).items() if n > 1), None)
    if twice is not None:
        raise InputError(f"{archive}: {twice!r} is there twice")
    for name in entries:
        if name.startswith("/") or ".." in name.split("/"):
            raise InputError(f"{archive}: {name!r} leads out of the folder of images")
    by_name = brainscore.archive_files(zipped, folders.is_image)
    chosen: dict[str, str] = {}
    for name, member in by_name.items():  # names without the common folder come first
        chosen.setdefault(member.filename, name)
    names = sorted(chosen.values(), key=natural)
    if not names:
        shown = f" ({folders.describe_unread(entries)})" if entries else " (empty)"
        raise InputError(f"{archive}: no images{shown}")
    where = {name: f"{archive}: {name!r}" for name in names}
    members = {name: brainscore.named_member(by_name, name, where[name], archive) for name in names}
    return members, sorted(set(entries) - chosen.keys())


def check_row(row: Row) -> None:
    """Raise InputError for labels, which an archive has none of."""
    if space(row):
        raise InputError(
            f"{row['path']}: label_space: {space(row)}, but images of an archive have no labels: unpack "
            "it, and take the source folder"
        )


def listed(row: Row) -> Listed:
    """List the images of an archive without unpacking them."""
    check_row(row)
    with brainscore.open_archive(row["path"]) as zipped:
        members, unread = members_of(row["path"], zipped)
    return Listed(list(members), None, None, unread)


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Unpack the images, byte by byte; says which files of the archive are none."""
    from tqdm import tqdm

    from visalign.stimuli.rows import described

    check_row(row)
    archive, background = row["path"], row.get("background", "")
    if sha1 := row.get("sha1"):
        checksums.check(archive, sha1)
    with brainscore.open_archive(archive) as zipped:
        members, unread = members_of(archive, zipped)
        folders.say_unread(archive, unread, written)
        for name, member in tqdm(members.items(), desc="stimuli", unit="image"):
            content, file = brainscore.content_of(zipped, member, archive), written / name
            write_atomic(file, content)
            yield described(name, file, content, background)


SOURCE = Source(
    name="archive",
    meaning="images of a zip, in the order of their names, 2 before 10",
    described="images of an archive",
    listed=listed,
    images=images,
    columns=("path", "sha1"),
    needs=("path",),
    files=lambda row: [row["path"]],
    grounded=True,
)
