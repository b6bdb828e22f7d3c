"""Tool maps-ceilings: ceiling and floor of human maps within the crop of one transform.

All models that share the transform share the result, which ``clickme score`` and ``attacks score`` read.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from visalign.errors import InputError
from visalign.io.files import inputs_hash, write_json
from visalign.maps import agreement, alignment, lists
from visalign.maps.clicks import ClickLog
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform

VERSIONS = {"maps_ceilings": 1}
EXAMPLES = """\
  python -m visalign maps-ceilings --maps maps.npz --table clickme.csv --clicks clicks.npz \\
      --transform 224x224-center-0.875-bicubic --output ceilings.json
  python -m visalign maps-ceilings --maps maps.npz --table clickme.csv --ceiling 0.65753 \\
      --transform 224x224-center-0.875-bicubic --output ceilings.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign maps-ceilings``."""
    parser.add_argument("--maps", required=True, help="processed human maps (.npz)")
    parser.add_argument("--table", required=True, help="table of the stimulus set")
    parser.add_argument("--transform", required=True, help="transform of the stimuli")
    agreement.add_sources(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the half-splits")
    parser.add_argument("--output", required=True, help="ceiling and floor, with those of each image (JSON)")


def check_declared(ceiling: float | None) -> None:
    """Raise InputError for a declared ceiling that is none."""
    if ceiling is not None and not 0 < ceiling <= 1:
        raise InputError(f"--ceiling: {ceiling} is not in (0, 1]")


def read_log(path: str | None, images: list[str]) -> ClickLog | None:
    """Read and filter a click log, and say what was dropped of it, maps of images of other sets included.

    A log that names none of the images has names of its own: it stays whole, and its agreement is one of
    other images.
    """
    if path is None:
        return None
    log, counts = lists.read_clicks(path)
    listed = np.isin(log.file_pointer, images)
    if listed.any():
        counts["unlisted"], log = int((~listed).sum()), log.keep(listed)
    else:
        print(f"{path}: file_pointer: no image of the set: the ceiling is of other images", file=sys.stderr)
    print(f"{path}: {lists.describe(counts)}", file=sys.stderr)
    return log


def run(args: argparse.Namespace) -> None:
    """Write how far people agree within the crop of a transform."""
    check_declared(args.ceiling)
    table = tables.read(args.table)
    maps, ids = alignment.read_maps(args.maps, table), list(table["stimulus_id"])
    described = agreement.describe(
        maps,
        table,
        Transform.from_key(args.transform),
        log=read_log(args.clicks, ids),
        declared=args.ceiling,
        seed=args.seed,
    )
    provenance = {
        "stimulus_id": ids,
        "version": VERSIONS["maps_ceilings"],
        "inputs_hash": inputs_hash(args.maps),
    }
    write_json(args.output, described | provenance)
