"""Stage stimuli: one table a stimulus set: ids, files, labels, sizes, checksums, what decoding took."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from visalign.io.tables import write_table
from visalign.labels import multi_labels
from visalign.stimuli import procedural, rows, scenes, sources
from visalign.stimuli.source import space
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
#: Columns of the stimulus sheet that are options of their name.
COLUMNS = (
    *("source", "path", "labels", "label_space", "background", "archive", "sha1", "archive_sha1"),
    *("count", "seed", "cue", "size"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign stimuli``."""
    parser.add_argument("--name", required=True, help="name of the stimulus set")
    parser.add_argument("--source", required=True, choices=sources.NAMES)
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
    parser.add_argument("--count", type=at_least(1), default=procedural.COUNT, help="scenes: how many")
    parser.add_argument("--seed", type=int, default=0, help="scenes: seed")
    parser.add_argument("--cue", type=float, help="scenes: share whose background tells the category")
    parser.add_argument("--size", type=at_least(1), default=scenes.SIZE, help="scenes: side in pixels")
    parser.add_argument("--images", required=True, help="folder for images that the stage itself writes")
    parser.add_argument("--table", required=True, help="table to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Write the table of a stimulus set, and the images that its source makes."""
    written = Path(args.images)
    row = {column: getattr(args, column) for column in COLUMNS} | {"stimuli": args.name}
    source = sources.check(row)
    written.mkdir(parents=True, exist_ok=True)
    table = rows.table_of(source.images(row, written))
    if args.multi_labels:
        classes = multi_labels.of_stimuli(list(table["stimulus_id"]), args.multi_labels, space(row))
        table["multi_labels"] = classes
        print(f"{sum(map(bool, classes))} of {len(table)} images have multi-labels", file=sys.stderr)
    write_table(args.table, rows.portable(table, args.table, written))
    print(rows.summary(table), file=sys.stderr)
