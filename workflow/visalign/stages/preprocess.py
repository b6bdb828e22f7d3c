"""Stage preprocess: a stimulus set, resized and cropped, as one uint8 store."""

from __future__ import annotations

import argparse
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.stimuli import images, tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import at_least

VERSIONS = {"preprocess": 2}
EXAMPLES = """\
  python -m visalign preprocess --table photographs.csv --transform 224x224-center-0.875-bicubic \\
      --output photographs.zarr --manifest photographs.json
"""
#: Stimuli a shard.
ROWS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign preprocess``."""
    parser.add_argument("--table", required=True, help="table of the stimulus set")
    parser.add_argument("--transform", required=True, help="HEIGHTxWIDTH-MODE-CROP_PCT-INTERPOLATION")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")
    parser.add_argument("--threads", type=at_least(1), default=1, help="decoding threads")


def load(path: Path, sha256: str, transform: Transform, background: object = "") -> np.ndarray:
    """Read, check, decode (see `images.decode`) and transform one image; returns uint8 (3, height, width)."""
    if not path.exists():
        raise InputError(f"{path}: no such image")
    content = images.content_of(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path}: sha256 is not the table's {sha256}: the image changed")
    image = images.decode(content, path, background).image
    height, width = transform.resized_size(image.height, image.width)
    if not 0 < height * width <= images.MAX_PIXELS:
        raise InputError(
            f"{path}: {image.height} × {image.width} pixels would be scaled to {height} × {width}: crop it"
        )
    return transform.apply(image)


def run(args: argparse.Namespace) -> None:
    """Write the store of one (stimulus set, transform)."""
    transform = Transform.from_key(args.transform)
    table = tables.read(args.table)
    identity = {
        "stimuli": inputs_hash(args.table),
        "transform": transform.key,
        "version": VERSIONS["preprocess"],
    }
    group = stores.open_partial(args.output, identity)
    shape = (len(table), 3, transform.height, transform.width)
    pixels = stores.create_array(
        group, "pixels", shape, np.uint8, ("stimulus", "channel", "y", "x"), rows=ROWS
    )
    stores.write_strings(group, "stimulus_id", list(table["stimulus_id"]), "stimulus")
    grounds = table["background"] if "background" in table else [""] * len(table)
    jobs = [
        (Path(path), sha256, transform, ground)
        for path, sha256, ground in zip(table["path"], table["sha256"], grounds, strict=True)
    ]
    with (
        ThreadPoolExecutor(args.threads) as pool,
        tqdm(total=len(jobs), desc="preprocess", unit="image") as bar,
    ):
        for start in range(0, len(jobs), ROWS):
            batch = jobs[start : start + ROWS]
            pixels[start : start + len(batch)] = np.stack(list(pool.map(lambda job: load(*job), batch)))
            bar.update(len(batch))
    decoded = images.counts(table.get("decoded", ()))
    attributes = stores.provenance(transform=transform.key, table=args.table, decoded=decoded)
    stores.publish(args.output, args.manifest, attributes)
