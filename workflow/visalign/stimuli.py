"""Stage stimuli: one table a stimulus set: ids, files, labels, sizes, checksums."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import os
import posixpath
import re
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from visalign import checksums, scenes, tfrecords
from visalign.errors import InputError
from visalign.tables import read_table, write_atomic, write_table

VERSION = 1
EXAMPLES = """\
  python -m visalign stimuli --name photographs --source photographs --images photos/ --table photos.csv
  python -m visalign stimuli --name scenes --source scenes --count 400 --images scenes/ --table scenes.csv
  python -m visalign stimuli --name mine --source folder --path images/ --labels labels.csv \\
      --images mine/ --table mine.csv
  python -m visalign stimuli --name hvm --source brainscore --path stimulus_hvm-public.csv \\
      --archive stimulus_hvm-public.zip --images hvm/ --table hvm.csv
"""
SOURCES = ("photographs", "scenes", "folder", "tfrecord", "npz", "brainscore")
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
#: An archive's image that unpacks to more is refused.
MAX_IMAGE_BYTES = 2**26
COLUMNS = ("stimulus_id", "path", "label", "category", "height", "width", "sha256", "mask")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign stimuli``."""
    parser.add_argument("--name", required=True, help="name of the stimulus set")
    parser.add_argument("--source", required=True, choices=SOURCES)
    parser.add_argument(
        "--path", default="", help="folder: its path; tfrecord, npz: a glob of files; brainscore: the CSV"
    )
    parser.add_argument("--labels", default="", help="folder: CSV with columns name and label")
    parser.add_argument("--archive", default="", help="brainscore: zip of the images")
    parser.add_argument("--sha1", default="", help="brainscore: expected checksum of the CSV")
    parser.add_argument("--archive-sha1", default="", help="brainscore: expected checksum of the zip")
    parser.add_argument("--count", type=int, default=400, help="scenes: how many")
    parser.add_argument("--seed", type=int, default=0, help="scenes: seed")
    parser.add_argument("--cue", type=float, help="scenes: share whose background tells the category")
    parser.add_argument("--size", type=int, default=scenes.SIZE, help="scenes: side in pixels")
    parser.add_argument("--images", required=True, help="folder for images that the stage itself writes")
    parser.add_argument("--table", required=True, help="table to write (CSV)")


def row(stimulus_id: str, path: Path, content: bytes, **more: object) -> dict[str, object]:
    """Describe one image file; a file that cannot be decoded is an InputError."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            height, width = image.height, image.width
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise InputError(f"{path}: not a readable image: {str(error).splitlines()[0]}") from None
    checksum = hashlib.sha256(content).hexdigest()
    described = {"stimulus_id": stimulus_id, "path": str(path), "height": height, "width": width}
    return described | {"sha256": checksum} | more


def photograph_files() -> list[tuple[str, bytes]]:
    """Return (name, JPEG bytes) of the 20 labelled ImageNet images that ship with foolbox."""
    # The package's data is read without importing it, since foolbox imports much.
    folder = Path(str(importlib.metadata.distribution("foolbox").locate_file("foolbox/data")))
    files = [f for f in folder.iterdir() if f.name.startswith("imagenet_") and f.name.endswith(".jpg")]
    return [(f.name, f.read_bytes()) for f in sorted(files, key=lambda f: f.name)]


def photographs(images: Path) -> Iterator[dict[str, object]]:
    """Copy the embedded photographs; the label is the last number of a file's name."""
    for name, content in photograph_files():
        write_atomic(images / name, content)
        label = int(Path(name).stem.split("_")[-1])
        yield row(Path(name).stem, images / name, content, label=label)


def procedural(
    name: str, count: int, seed: int, cue: float | None, size: int, images: Path
) -> Iterator[dict[str, object]]:
    """Render object scenes, at their own size and then reduced; masks are written beside the images."""
    backgrounds = [
        np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) for _, content in photograph_files()
    ]
    rendered = tqdm(scenes.scenes(count, backgrounds, seed, cue), desc="stimuli", total=count, unit="scene")
    for index, scene in enumerate(rendered):
        stimulus_id = f"{name}-{index:06d}"
        image, mask = images / f"{stimulus_id}.png", images / f"{stimulus_id}.mask.png"
        content = png(reduced(scene.image, size))
        write_atomic(image, content)
        write_atomic(mask, png(reduced(scene.mask.astype(np.uint8) * 255, size)))
        category = scenes.SHAPES[scene.label]
        yield row(stimulus_id, image, content, label=scene.label, category=category, mask=str(mask))


def reduced(pixels: np.ndarray, size: int) -> np.ndarray:
    """Pixels of a square image at another size."""
    if len(pixels) == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def png(pixels: np.ndarray) -> bytes:
    """Encode pixels as PNG, fast rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def folder(path: str, labels: str) -> Iterator[dict[str, object]]:
    """List a folder: labels from a CSV, from numbered sub-folders sorted by name, or none."""
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"{path}: no such folder of images")
    if labels:
        table = read_table(labels, required=("name", "label"), dtype={"name": str})
        if table["name"].duplicated().any():
            raise InputError(
                f"{labels}: name: {table['name'][table['name'].duplicated()].iloc[0]!r} is there twice"
            )
        listed = [
            (root / str(name), label) for name, label in zip(table["name"], table["label"], strict=True)
        ]
    else:
        files = sorted(f for f in root.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES)
        classes = sorted({f.parent for f in files})
        numbered = classes != [root]
        listed = [(f, classes.index(f.parent) if numbered else None) for f in files]
    if not listed:
        raise InputError(f"{labels or path}: no images")
    missing = [file for file, _ in listed if not file.is_file()]
    if missing:
        raise InputError(f"{labels or path}: name: {missing[0]} does not exist")
    for file, label in tqdm(listed, desc="stimuli", unit="image"):
        stimulus_id = str(file.relative_to(root))
        yield row(stimulus_id, file.resolve(), file.read_bytes(), label=label)


def clickme(name: str, pattern: str, images: Path) -> Iterator[dict[str, object]]:
    """Unpack the images of ClickMe shards or npz files, losslessly, in shard order."""
    index = 0
    for shard in tqdm(tfrecords.list_shards(pattern), desc="stimuli", unit="shard"):
        for record in tfrecords.read_clickme(shard):
            stimulus_id = tfrecords.stimulus_id(name, index)
            content = png(record.image)
            write_atomic(images / f"{stimulus_id}.png", content)
            yield row(stimulus_id, images / f"{stimulus_id}.png", content, label=record.label)
            index += 1


def brainscore(path: str, archive: str, images: Path) -> Iterator[dict[str, object]]:
    """Unpack the images of a Brain-Score stimulus set; its table says which, and in which order.

    Columns are stimulus_id (older: image_id), filename (image_file_name), and optionally object_name, the
    category, and label.
    """
    table = read_table(path, dtype=str, keep_default_na=False)
    ids, names = (
        table[present_column(table, path, *either)]
        for either in (("stimulus_id", "image_id"), ("filename", "image_file_name"))
    )
    labels = table.get("label", pd.Series([""] * len(table)))
    categories = table.get("object_name", pd.Series([None] * len(table)))
    try:
        zipped = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{archive}: not a readable zip archive: {error}") from None
    with zipped:
        files = archive_files(zipped)
        members, twice = [], ids.duplicated()
        for line, (stimulus_id, name, label) in enumerate(zip(ids, names, labels, strict=True), 2):
            if twice[line - 2]:
                raise InputError(f"{path}:{line}: {ids.name}: {stimulus_id!r} is there twice")
            if not re.fullmatch(r"-?\d*", label):
                raise InputError(f"{path}:{line}: label: {label!r} is not a whole number")
            members.append(named_member(files, name, f"{path}:{line}: {names.name}: {name!r}", archive))
        left_out = len({file.filename for file in files.values()} - {file.filename for file in members})
        print(f"{archive}: {left_out} files that {path} does not name are left out", file=sys.stderr)
        rows = zip(ids, names, members, labels, categories, strict=True)
        for stimulus_id, name, member, label, category in tqdm(rows, desc="stimuli", total=len(table)):
            try:
                content = zipped.read(member)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
                raise InputError(f"{archive}: {member.filename}: unreadable: {error}") from None
            write_atomic(images / name, content)
            label = int(label) if label else None
            yield row(stimulus_id, images / name, content, label=label, category=category)


def present_column(table: pd.DataFrame, path: str, *names: str) -> str:
    """Return the first of `names` that is a column."""
    for name in names:
        if name in table:
            return name
    there = ", ".join(table.columns)
    raise InputError(f"{path}: no column {' or '.join(map(repr, names))} (columns: {there})")


def archive_files(zipped: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Files of an archive by their names, from its top and from the folder that holds them all."""
    files = {member.filename: member for member in zipped.infolist() if not member.is_dir()}
    folder = posixpath.commonpath(["/" + posixpath.dirname(name) for name in files] or ["/"])
    return {f"/{name}"[len(folder) :].lstrip("/"): member for name, member in files.items()} | files


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


def run(args: argparse.Namespace) -> None:
    """Write the table of a stimulus set."""
    images = Path(args.images)
    images.mkdir(parents=True, exist_ok=True)
    if args.source == "photographs":
        rows = photographs(images)
    elif args.source == "scenes":
        rows = procedural(args.name, args.count, args.seed, args.cue, args.size, images)
    elif args.source == "folder":
        rows = folder(args.path, args.labels)
    elif args.source in ("tfrecord", "npz"):
        rows = clickme(args.name, args.path, images)
    else:
        for path, sha1 in ((args.path, args.sha1), (args.archive, args.archive_sha1)):
            if sha1:
                checksums.check(path, sha1)
        rows = brainscore(args.path, args.archive, images)
    table = pd.DataFrame(list(rows)).reindex(columns=list(COLUMNS))
    if table["label"].notna().all():
        table["label"] = table["label"].astype(int)
    base = Path(os.path.abspath(args.table)).parent
    for column in ("path", "mask"):  # files that travel with the table are named relative to it
        table[column] = table[column].map(lambda path: relative(path, base, images))
    write_table(args.table, table)


def relative(path: object, base: Path, images: Path) -> object:
    """Name a file that the stage wrote relative to its table."""
    if isinstance(path, str) and Path(path).is_relative_to(images):
        return os.path.relpath(os.path.abspath(path), base)
    return path
