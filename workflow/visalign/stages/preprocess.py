"""Stage preprocess: a stimulus set, resized and cropped, as one uint8 store."""

from __future__ import annotations

import argparse

import numpy as np

from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.stimuli import images, preprocessing, tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import at_least

VERSIONS = {"preprocess": 2}
EXAMPLES = """\
  python -m visalign preprocess --table photographs.csv --transform 224x224-center-0.875-bicubic \\
      --output photographs.zarr --manifest photographs.json
"""
#: Stimuli per shard.
ROWS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign preprocess``."""
    parser.add_argument("--table", required=True, help="table of the stimulus set")
    parser.add_argument("--transform", required=True, help="HEIGHTxWIDTH-MODE-CROP_PCT-INTERPOLATION")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")
    parser.add_argument("--threads", type=at_least(1), default=1, help="decoding threads")


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
    for rows, transformed in preprocessing.batches(table, transform, ROWS, args.threads):
        pixels[rows] = transformed
    decoded = images.counts(table.get("decoded", ()))
    attributes = stores.provenance(transform=transform.key, table=args.table, decoded=decoded)
    stores.publish(args.output, args.manifest, attributes)
