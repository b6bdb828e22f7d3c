"""Stage stimuli: one table a stimulus set: ids, files, labels, sizes, checksums, what decoding took."""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import checksums
from visalign.io.files import write_atomic
from visalign.io.tables import write_table
from visalign.labels import multi_labels
from visalign.stimuli import clickme, folders, images, lists, scenes
from visalign.study.options import at_least

VERSIONS = {"stimuli": 2}
EXAMPLES = """\
  python -m visalign stimuli --name photographs --source photographs --images photos/ --table photos.csv
  python -m visalign stimuli --name scenes --source scenes --count 400 --images scenes/ --table scenes.csv
  python -m visalign stimuli --name mine --source folder --path images/ --labels labels.csv \\
      --images mine/ --table mine.csv
  python -m visalign stimuli --name hvm --source brainscore --path stimulus_hvm-public.csv \\
      --archive stimulus_hvm-public.zip --images hvm/ --table hvm.csv
"""
#: Names of the files of a folder or an archive that are not read, one a line.
UNREAD = "unread.txt"
SOURCES = ("photographs", "scenes", "folder", "tfrecord", "npz", "brainscore")
COLUMNS = (
    *("stimulus_id", "path", "label", "category", "height", "width", "sha256", "mask"),
    "decoded",  # what was done besides: exif, alpha, 16-bit (see images), joined by +
    "background",  # colour under transparent pixels
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign stimuli``."""
    parser.add_argument("--name", required=True, help="name of the stimulus set")
    parser.add_argument("--source", required=True, choices=SOURCES)
    parser.add_argument(
        "--path", default="", help="folder: its path; tfrecord, npz: a glob of files; brainscore: the CSV"
    )
    parser.add_argument("--labels", default="", help="folder: CSV with columns name and label")
    parser.add_argument(
        "--label-space", default="", help="what labels mean, as imagenet-1k; empty: no labels"
    )
    parser.add_argument("--multi-labels", default="", help="all classes of each image (JSON or CSV)")
    parser.add_argument("--background", default="", help="colour under transparent pixels (#RRGGBB)")
    parser.add_argument("--archive", default="", help="brainscore: zip of the images")
    parser.add_argument("--sha1", default="", help="brainscore: expected checksum of the CSV")
    parser.add_argument("--archive-sha1", default="", help="brainscore: expected checksum of the zip")
    parser.add_argument("--count", type=at_least(1), default=400, help="scenes: how many")
    parser.add_argument("--seed", type=int, default=0, help="scenes: seed")
    parser.add_argument("--cue", type=float, help="scenes: share whose background tells the category")
    parser.add_argument("--size", type=at_least(1), default=scenes.SIZE, help="scenes: side in pixels")
    parser.add_argument("--images", required=True, help="folder for images that the stage itself writes")
    parser.add_argument("--table", required=True, help="table to write (CSV)")


def row(
    stimulus_id: str, path: Path, content: bytes, background: str = "", **more: object
) -> dict[str, object]:
    """Describe one image file; a file that cannot be decoded is an InputError."""
    image, how = images.decode(content, path, background)
    described = {"stimulus_id": stimulus_id, "path": str(path), "height": image.height, "width": image.width}
    described |= {"sha256": hashlib.sha256(content).hexdigest(), "decoded": how, "background": background}
    return described | more


def photograph_files() -> list[tuple[str, bytes]]:
    """Return (name, JPEG bytes) of the 20 labelled ImageNet images that ship with foolbox."""
    return [(file.name, file.read_bytes()) for file in lists.embedded_photographs()]


def photographs(written: Path) -> Iterator[dict[str, object]]:
    """Copy the embedded photographs; the label is the last number of a file's name."""
    for name, content in photograph_files():
        write_atomic(written / name, content)
        yield row(Path(name).stem, written / name, content, label=lists.photograph_label(name))


def procedural(
    name: str, count: int, seed: int, cue: float | None, size: int, written: Path
) -> Iterator[dict[str, object]]:
    """Render object scenes, at their own size and then reduced; masks are written beside the images."""
    backgrounds = [np.asarray(images.decode(content, name).image) for name, content in photograph_files()]
    rendered = tqdm(scenes.scenes(count, backgrounds, seed, cue), desc="stimuli", total=count, unit="scene")
    for index, scene in enumerate(rendered):
        stimulus_id = clickme.stimulus_id(name, index)
        image, mask = written / f"{stimulus_id}.png", written / f"{stimulus_id}.mask.png"
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


def folder(
    path: str, labels: str, label_space: str = "", background: str = "", written: Path | None = None
) -> Iterator[dict[str, object]]:
    """List a folder: labels from a CSV, from class folders, or none; says what is not read."""
    found = lists.folder(path, labels, label_space)
    if found.meaning:
        print(f"{path}: labels of class folders: {found.meaning}", file=sys.stderr)
    say_unread(path, found.unread, written)
    for index, name in enumerate(tqdm(found.names, desc="stimuli", unit="image")):
        file = Path(path) / name
        label = None if found.labels is None else found.labels[index]
        yield row(name, file.resolve(), images.content_of(file), background, label=label)


def of_clickme(name: str, pattern: str, label_space: str, written: Path) -> Iterator[dict[str, object]]:
    """Unpack the images of ClickMe shards or npz files, losslessly, in shard order."""
    index = 0
    for shard in tqdm(clickme.list_shards(pattern), desc="stimuli", unit="shard"):
        for number, record in enumerate(clickme.read_clickme(shard)):
            folders.check_range(record.label, label_space, f"{shard}: record {number}: label")
            stimulus_id = clickme.stimulus_id(name, index)
            content = png(record.image)
            write_atomic(written / f"{stimulus_id}.png", content)
            yield row(stimulus_id, written / f"{stimulus_id}.png", content, label=record.label)
            index += 1
    if not index:
        raise InputError(f"{pattern}: no record")


def brainscore(
    path: str, archive: str, label_space: str, background: str, written: Path
) -> Iterator[dict[str, object]]:
    """Unpack the images of a Brain-Score stimulus set; its table says which, and in which order."""
    with lists.open_archive(archive) as zipped:
        members, unread = lists.brainscore(path, archive, zipped, label_space)
        say_unread(archive, unread, written)
        for each in tqdm(members, desc="stimuli", unit="image"):
            try:
                content = zipped.read(each.member)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
                raise InputError(f"{archive}: {each.member.filename}: unreadable: {error}") from None
            file = written / each.name
            write_atomic(file, content)
            yield row(each.stimulus_id, file, content, background, label=each.label, category=each.category)


def say_unread(where: str, unread: list[str], written: Path | None) -> None:
    """Say which files are not read; all their names go to a file among the images that the stage writes."""
    if unread:
        print(f"{where}: {folders.describe_unread(unread)}", file=sys.stderr)
        if written is not None:
            write_atomic(written / UNREAD, "\n".join(unread) + "\n")


def run(args: argparse.Namespace) -> None:
    """Write the table of a stimulus set."""
    written, label_space = Path(args.images), lists.space(args.label_space)
    lists.check_settings(args.source, label_space, args.background)
    written.mkdir(parents=True, exist_ok=True)
    if args.source == "photographs":
        rows = photographs(written)
    elif args.source == "scenes":
        rows = procedural(args.name, args.count, args.seed, args.cue, args.size, written)
    elif args.source == "folder":
        rows = folder(args.path, args.labels, label_space, args.background, written)
    elif args.source in ("tfrecord", "npz"):
        rows = of_clickme(args.name, args.path, label_space, written)
    else:
        for path, sha1 in ((args.path, args.sha1), (args.archive, args.archive_sha1)):
            if sha1:
                checksums.check(path, sha1)
        rows = brainscore(args.path, args.archive, label_space, args.background, written)
    table = pd.DataFrame(list(rows)).reindex(columns=list(COLUMNS))
    if table["label"].notna().all():
        table["label"] = table["label"].astype(int)
    if args.multi_labels:
        classes = multi_labels.of_stimuli(list(table["stimulus_id"]), args.multi_labels, label_space)
        table["multi_labels"] = classes
        print(f"{sum(map(bool, classes))} of {len(table)} images have multi-labels", file=sys.stderr)
    base = Path(os.path.abspath(args.table)).parent
    for column in ("path", "mask"):  # files that travel with the table are named relative to it
        table[column] = table[column].map(lambda path: relative(path, base, written))
    write_table(args.table, table)
    print(describe(table), file=sys.stderr)


def describe(table: pd.DataFrame) -> str:
    """How many images there are, and in how many something was done to read them."""
    counts = images.counts(table["decoded"])
    return ", ".join([f"{len(table)} images", *(f"{done} in {count}" for done, count in counts.items())])


def relative(path: object, base: Path, written: Path) -> object:
    """Name a file that the stage wrote relative to its table."""
    if isinstance(path, str) and Path(path).is_relative_to(written):
        return os.path.relpath(os.path.abspath(path), base)
    return path
