"""Stage stimuli: one table per stimulus set: ids, files, labels, sizes, checksums, what decoding took."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import cast

from visalign.io.rows import StimuliRow
from visalign.io.tables import write_table
from visalign.labels import multi_labels
from visalign.stimuli import rows, sources
from visalign.stimuli.source import space
from visalign.study.options import add_settings
from visalign.study.schemas import definition, settings_of

VERSIONS = {"stimuli": 2}
EXAMPLES = """\
  python -m visalign stimuli --name photographs --source photographs --images photos/ --table photos.csv
  python -m visalign stimuli --name scenes --source scenes --count 400 --images scenes/ --table scenes.csv
  python -m visalign stimuli --name mine --source folder --path images/ --labels labels.csv \\
      --images mine/ --table mine.csv
  python -m visalign stimuli --name hvm --source brainscore --path stimulus_hvm-public.csv \\
      --archive stimulus_hvm-public.zip --images hvm/ --table hvm.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign stimuli``."""
    parser.add_argument("--name", required=True, help="name of the stimulus set")
    add_settings(parser, definition("stimuli"), "stimuli")
    parser.add_argument("--images", required=True, help="folder for images that the stage itself writes")
    parser.add_argument("--table", required=True, help="table to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Write the table of a stimulus set, and the images that its source makes."""
    written = Path(args.images)
    columns = {column: getattr(args, column) for column in settings_of(definition("stimuli"), "stimuli")}
    given = {column: value for column, value in columns.items() if value is not None}
    row = cast(StimuliRow, {"stimuli": args.name} | given)
    source = sources.check(row)
    written.mkdir(parents=True, exist_ok=True)
    table = rows.table_of(source.images(row, written))
    if args.multi_labels:
        classes = multi_labels.of_stimuli(list(table["stimulus_id"]), args.multi_labels, space(row))
        table["multi_labels"] = classes
        print(f"{sum(map(bool, classes))} of {len(table)} images have multi-labels", file=sys.stderr)
    write_table(args.table, rows.portable(table, args.table, written))
    print(rows.summary(table), file=sys.stderr)
