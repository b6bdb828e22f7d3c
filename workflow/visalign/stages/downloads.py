"""Stage downloads: fetch a file, resumed where it was cut, and checked before it appears under its name."""

from __future__ import annotations

import argparse
import re

from visalign.errors import InputError
from visalign.io.downloads import DIGITS, download
from visalign.study.options import add_settings
from visalign.study.schemas import definition, section

VERSIONS = {"downloads": 1}
EXAMPLES = """\
  python -m visalign downloads --url https://example.org/val-0.tfrecords --output data/val-0.tfrecords \\
      --checksums config/checksums.tsv
  python -m visalign downloads --url https://example.org/val-0.tfrecords --output data/val-0.tfrecords \\
      --checksums config/checksums.tsv --mirror http://mirror.example/files
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign downloads``."""
    add_settings(parser, definition("downloads"), "downloads")
    add_settings(parser, section("downloads"), "downloads")
    parser.add_argument("--output", required=True, help="file to write; until it is whole, FILE.partial")
    parser.add_argument(
        "--checksums",
        required=True,
        help="table (TSV) that records the first download's checksum, if none is given",
    )


def run(args: argparse.Namespace) -> None:
    """Fetch one file; nothing appears under its name unless it is whole and has the right checksum."""
    given = {name: value for name in DIGITS if (value := getattr(args, name)) is not None}
    for name, value in given.items():
        if not re.fullmatch(f"[0-9a-fA-F]{{{DIGITS[name]}}}", value):
            raise InputError(f"--{name}: {value!r} is not {DIGITS[name]} hexadecimal digits")
    for name in ("url", "mirror"):
        address = getattr(args, name)
        if address is not None and not address.startswith(("http://", "https://")):
            raise InputError(f"--{name}: {address!r} is not an http or https address")
    download(args.url, args.output, args.checksums, given, args.mirror)
