"""Stage stimuli: one table a stimulus set: ids, files, labels, sizes, checksums."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from visalign import scenes, tfrecords
from visalign.errors import InputError
from visalign.tables import read_table, write_atomic, write_table

VERSION = 1
EXAMPLES = """\
  python -m visalign stimuli --name photographs --source photographs --images photos/ --table photos.csv
  python -m visalign stimuli --name scenes --source scenes --count 400 --images scenes/ --table scenes.csv
  python -m visalign stimuli --name mine --source folder --path images/ --labels labels.csv \\
      --images mine/ --table mine.csv
"""
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
COLUMNS = ("stimulus_id", "path", "label", "category", "height", "width", "sha256", "mask")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign stimuli``."""
    parser.add_argument("--name", required=True, help="name of the stimulus set")
    parser.add_argument("--source", required=True, choices=["photographs", "scenes", "folder", "tfrecord"])
    parser.add_argument("--path", default="", help="folder: its path; tfrecord: a glob of shards")
    parser.add_argument("--labels", default="", help="folder: CSV with columns name and label")
    parser.add_argument("--count", type=int, default=400, help="scenes: how many")
    parser.add_argument("--seed", type=int, default=0, help="scenes: seed")
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


def procedural(name: str, count: int, seed: int, images: Path) -> Iterator[dict[str, object]]:
    """Render object scenes; masks are written beside the images."""
    backgrounds = [
        np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) for _, content in photograph_files()
    ]
    for index, scene in enumerate(scenes.scenes(count, backgrounds, seed)):
        stimulus_id = f"{name}-{index:06d}"
        image, mask = images / f"{stimulus_id}.png", images / f"{stimulus_id}.mask.png"
        content = png(scene.image)
        write_atomic(image, content)
        write_atomic(mask, png(scene.mask.astype(np.uint8) * 255))
        category = scenes.SHAPES[scene.label]
        yield row(stimulus_id, image, content, label=scene.label, category=category, mask=str(mask))


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


def tfrecord(name: str, pattern: str, images: Path) -> Iterator[dict[str, object]]:
    """Unpack the images of ClickMe shards, losslessly, in shard order."""
    index = 0
    for shard in tqdm(tfrecords.list_shards(pattern), desc="stimuli", unit="shard"):
        for record in tfrecords.read_clickme(shard):
            stimulus_id = tfrecords.stimulus_id(name, index)
            content = png(record.image)
            write_atomic(images / f"{stimulus_id}.png", content)
            yield row(stimulus_id, images / f"{stimulus_id}.png", content, label=record.label)
            index += 1


def run(args: argparse.Namespace) -> None:
    """Write the table of a stimulus set."""
    images = Path(args.images)
    images.mkdir(parents=True, exist_ok=True)
    if args.source == "photographs":
        rows = photographs(images)
    elif args.source == "scenes":
        rows = procedural(args.name, args.count, args.seed, images)
    elif args.source == "folder":
        rows = folder(args.path, args.labels)
    else:
        rows = tfrecord(args.name, args.path, images)
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
