"""Stage maps: human importance maps, and how far people agree about them.

``maps read`` brings maps into one processed form, with their ceiling and floor, of whole images. ``maps
ceilings`` computes both within the crop of one transform: all models that share the transform share the
result, which ``clickme score``, ``attacks score`` and ``attacks control`` read.
"""

from __future__ import annotations

import argparse
import io
import sys

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io.files import inputs_hash, write_atomic, write_json
from visalign.maps import agreement, alignment, card, collection, filtered_clicks, readers
from visalign.maps import files as map_files
from visalign.maps.participants import Log
from visalign.maps.reader import MapFiles, Reader
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import definition

VERSIONS = {"read": 3, "ceilings": 1}
EXAMPLES = """\
  python -m visalign maps read --name clickme --reader tfrecord --path 'clickme/val/*.tfrecords' \\
      --ceiling 0.65753 --output clickme.npz --maps-card clickme.json
  python -m visalign maps read --name mine --reader folder --path mine/maps --labels mine.csv \\
      --output mine.npz --maps-card mine.json
  python -m visalign maps read --name clicked --reader clicks --path clicks.npz --labels clicked.csv \\
      --table clicked_stimuli.csv --simulated true --output clicked.npz --maps-card clicked.json
  python -m visalign maps read --name osie --reader fixations --path fixations.mat --sigma 24 \\
      --table osie_stimuli.csv --output osie.npz --maps-card osie.json
  python -m visalign maps ceilings --maps maps.npz --table clickme.csv --clicks clicks.npz \\
      --transform 224x224-center-0.875-bicubic --output ceilings.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign maps``."""
    commands = parser.add_subparsers(dest="command", metavar="read|ceilings", required=True)
    read = commands.add_parser("read", help="bring maps into one form, with ceiling and floor")
    read.add_argument("--name", required=True, help="name of the map set")
    add_settings(read, definition("maps"), "read")
    read.add_argument("--table", help="table of the stimulus set, whose ids and labels must agree")
    add_seed(read, "Seed of half-splits and intervals")
    read.add_argument("--output", required=True, help="stimulus_id, label and processed map (npz)")
    read.add_argument("--maps-card", required=True, help="what the maps are, with ceiling and floor (JSON)")
    ceilings = commands.add_parser("ceilings", help="ceiling and floor within the crop of a transform")
    ceilings.add_argument("--maps", required=True, help="processed human maps (.npz)")
    ceilings.add_argument("--table", required=True, help="table of the stimulus set")
    ceilings.add_argument("--transform", required=True, help="transform of the stimuli")
    add_settings(ceilings, definition("maps"), "ceilings")
    add_seed(ceilings, "Seed of the half-splits")
    ceilings.add_argument("--output", required=True, help="ceiling and floor, with those per image (JSON)")


def run(args: argparse.Namespace) -> None:
    """Read maps, or say how far people agree within a crop."""
    {"read": read, "ceilings": ceilings}[args.command](args)


def read(args: argparse.Namespace) -> None:
    """Read and process the maps, compute the ceiling, write npz and card; the card comes last."""
    reader = readers.of(args.reader)
    settings = {name: value for name in readers.settings() if (value := getattr(args, name)) is not None}
    files = MapFiles(args.name, args.path, args.labels, args.clicks, settings)
    check_options(reader, files, args.table)
    if reader.of_stimuli or (reader.labelled and not args.labels):
        files = files._replace(stimuli=collection.stimuli_of(args.table))
    labels = map_files.images_of(files) if reader.labelled else {}
    sizes = collection.image_sizes(args.table or (args.path if reader.of_table else None))
    if args.table and args.labels:
        collection.check_stimuli(args.table, list(labels), list(labels.values()))
    reader.check_shapes(files, sizes)
    opened = collection.open_maps(reader, files, labels)
    shown = opened.maps if reader.smooths else collection.checked(opened.maps, sizes)
    processed = collection.process_maps(shown)
    if not len(processed.maps):
        raise InputError(f"{args.path}: no record")
    if args.table and not (reader.labelled or reader.of_stimuli):
        collection.check_stimuli(args.table, processed.stimulus_id.tolist(), processed.labels.tolist())
    if opened.log:
        print(f"{reader.click_log(files)}: {filtered_clicks.describe(opened.log[1])}", file=sys.stderr)
    if reader.smooths:
        processed = processed._replace(n_before=0)
    elif processed.n_before:
        print(
            f"{args.path}: {processed.n_before} maps were blurred before, and are not again", file=sys.stderr
        )
    participants = None
    if opened.log:
        participants = card.estimate_participants(*opened.log, args.seed, smooths=reader.smooths)
    buffer = io.BytesIO()
    np.savez(buffer, stimulus_id=processed.stimulus_id, label=processed.labels, map=processed.maps)
    write_atomic(args.output, buffer.getvalue())
    listed = collection.named_undefined(args.path, processed)
    own: card.MapsCard = {
        "name": args.name,
        "source": [args.path],
        "reader": args.reader,
        "simulated": args.simulated,
        **card.of_maps(processed, listed, participants, args.ceiling, args.seed),
        "version": VERSIONS["read"],
        "unused_files": opened.unused,
    }
    if settings:
        own["settings"] = settings
    write_json(args.maps_card, own)


def check_options(reader: Reader, files: MapFiles, table: str | None) -> None:
    """Raise InputError for options that the reader lacks, or that it has no use for.

    `table`, of the stimulus set, says which images there are where `files` have no labels of their own.
    """
    reader.check_settings(files.settings or {}, flag)
    if reader.of_people and files.clicks:
        raise InputError(f"--clicks: {files.clicks}, but --reader {reader.name} takes the log of --path")
    if reader.labelled and not files.labels and not table:
        raise InputError(f"--labels: needed by --reader {reader.name}")
    if files.labels and not reader.labelled:
        where = "takes those of the stimulus set" if reader.of_stimuli else "has labels of its own"
        raise InputError(f"--labels: {files.labels}, but --reader {reader.name} {where}")


def flag(setting: str) -> str:
    """Option of a setting."""
    return f"--{setting.replace('_', '-')}"


def log_of(table: pd.DataFrame, args: argparse.Namespace) -> Log | None:
    """Read what people did on the images of a table: clicks, or fixations with ``--sigma``; else None."""
    given = {name: value for name in readers.settings() if (value := getattr(args, name)) is not None}
    if not given:
        return filtered_clicks.read_clicks_of(list(table["stimulus_id"]), args.clicks)
    from visalign.maps import fixations

    if args.clicks is None or args.sigma is None:
        lacking = "--clicks" if args.clicks is None else "--sigma"
        raise InputError(f"{lacking}: needed with {flag(next(iter(given)))}, which fixations take")
    sizes = dict(zip(table["stimulus_id"], zip(table["height"], table["width"], strict=True), strict=True))
    log, counts = fixations.fixations_of(args.clicks, sizes, fixations.Settings.of(given))
    print(f"{args.clicks}: {filtered_clicks.describe(counts)}", file=sys.stderr)
    return log


def ceilings(args: argparse.Namespace) -> None:
    """Write how far people agree within the crop of a transform."""
    table = tables.read(args.table)
    maps, ids = alignment.read_maps(args.maps, table), list(table["stimulus_id"])
    described = agreement.describe(
        maps,
        table,
        Transform.from_key(args.transform),
        log=log_of(table, args),
        declared=args.ceiling,
        seed=args.seed,
    )
    stored: agreement.StoredAgreement = {
        **described,
        "stimulus_id": ids,
        "version": VERSIONS["ceilings"],
        "inputs_hash": inputs_hash(args.maps),
    }
    write_json(args.output, stored)
