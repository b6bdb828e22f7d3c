"""Stage maps: read human importance maps into one processed form, with their ceiling and floor."""

from __future__ import annotations

import argparse
import io
import sys

import numpy as np

from visalign.errors import InputError
from visalign.io.files import write_atomic, write_json
from visalign.maps import agreement, card, collection, filtered_clicks, readers
from visalign.maps import files as map_files
from visalign.maps.reader import MapFiles, Reader

VERSIONS = {"maps": 3}
EXAMPLES = """\
  python -m visalign maps --name clickme --reader tfrecord --path 'clickme/val/*.tfrecords' \\
      --ceiling 0.65753 --output clickme.npz --card clickme.json
  python -m visalign maps --name mine --reader folder --path mine/maps --labels mine.csv \\
      --output mine.npz --card mine.json
  python -m visalign maps --name clicked --reader clicks --path clicks.npz --labels clicked.csv \\
      --stimuli clicked_stimuli.csv --simulated true --output clicked.npz --card clicked.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign maps``."""
    parser.add_argument("--name", required=True, help="name of the map collection")
    parser.add_argument("--reader", default="tfrecord", choices=readers.names(), help="format of the maps")
    parser.add_argument(
        "--path",
        required=True,
        help="tfrecord, npz: a glob; folder: folder of maps; clicks: click log (npz); masks: stimulus table",
    )
    parser.add_argument("--labels", default=None, help="folder, clicks: CSV with columns name and label")
    parser.add_argument("--clicks", default=None, help="click log (npz) that the ceiling is computed from")
    parser.add_argument("--ceiling", type=float, default=None, help="declared ceiling, without a click log")
    parser.add_argument("--stimuli", default=None, help="stimulus table whose ids and labels must agree")
    parser.add_argument("--simulated", choices=["true", "false"], default="false", help="are they simulated?")
    parser.add_argument("--seed", type=int, default=0, help="seed of half-splits and intervals")
    parser.add_argument("--output", required=True, help="stimulus_id, label and processed map (npz)")
    parser.add_argument("--card", required=True, help="what the maps are, with ceiling and floor (JSON)")


def run(args: argparse.Namespace) -> None:
    """Read and process the maps, compute the ceiling, write npz and card; the card comes last."""
    agreement.check_declared(args.ceiling)
    reader, files = readers.of(args.reader), MapFiles(args.name, args.path, args.labels, args.clicks)
    check_options(reader, files)
    labels = map_files.read_labels(args.labels) if args.labels else {}
    sizes = collection.image_sizes(args.stimuli or (args.path if reader.of_table else None))
    if args.stimuli and reader.labelled:
        collection.check_stimuli(args.stimuli, list(labels), list(labels.values()))
    reader.check_shapes(files, sizes)
    opened = collection.open_maps(reader, files, labels)
    processed = collection.process_maps(collection.checked(opened.maps, sizes))
    if not len(processed.maps):
        raise InputError(f"{args.path}: no record")
    if args.stimuli and not reader.labelled:
        collection.check_stimuli(args.stimuli, processed.stimulus_id.tolist(), processed.labels.tolist())
    if opened.log:
        print(f"{reader.click_log(files)}: {filtered_clicks.describe(opened.log[1])}", file=sys.stderr)
    participants = card.estimate_participants(*opened.log, args.seed) if opened.log else None
    buffer = io.BytesIO()
    np.savez(buffer, stimulus_id=processed.stimulus_id, label=processed.labels, map=processed.maps)
    write_atomic(args.output, buffer.getvalue())
    listed = collection.named_undefined(args.path, processed)
    origin = {"name": args.name, "source": [args.path], "reader": args.reader}
    described = card.of_maps(processed, listed, participants, args.ceiling, args.seed)
    made = {"version": VERSIONS["maps"], "unused_files": opened.unused}
    write_json(args.card, origin | {"simulated": args.simulated == "true"} | described | made)


def check_options(reader: Reader, files: MapFiles) -> None:
    """Raise InputError for options that the reader lacks, or that it has no use for."""
    if reader.of_clicks and files.clicks:
        raise InputError(f"--clicks: {files.clicks}, but --reader {reader.name} takes the log of --path")
    if reader.labelled and not files.labels:
        raise InputError(f"--labels: needed by --reader {reader.name}")
    if files.labels and not reader.labelled:
        raise InputError(f"--labels: {files.labels}, but --reader {reader.name} has labels of its own")
