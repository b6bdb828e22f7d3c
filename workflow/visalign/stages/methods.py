"""Stage methods: write the methods section of a study, for a paper."""

from __future__ import annotations

import argparse
from pathlib import Path

from visalign.io.files import write_atomic
from visalign.methods.text import methods_text, read_results, read_study

VERSIONS = {"methods": 6}
EXAMPLES = """\
  python -m visalign methods
  python -m visalign methods --config config/config.yaml --directory results --output methods.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign methods``."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config/config.yaml"),
        metavar="YAML",
        help="config of the study (%(default)s)",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where its results are (%(default)s)",
    )
    parser.add_argument("--output", metavar="MD", help="file to write; printed when missing")


def run(args: argparse.Namespace) -> None:
    """Write or print the methods of a study that has run."""
    study = read_study(args.config)
    text = methods_text(study, read_results(study, args.directory))
    if args.output:
        write_atomic(args.output, text)
    else:
        print(text)
