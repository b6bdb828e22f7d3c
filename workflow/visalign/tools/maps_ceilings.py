"""Tool maps-ceilings: ceiling and floor of human maps within the crop of one transform.

All models that share the transform share the result, which ``clickme score`` and ``attacks score`` read.
"""

from __future__ import annotations

import argparse

from visalign.io.files import inputs_hash, write_json
from visalign.maps import agreement, alignment
from visalign.maps.filtered_clicks import read_clicks_of
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import add_agreement_arguments

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
    add_agreement_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the half-splits")
    parser.add_argument("--output", required=True, help="ceiling and floor, with those of each image (JSON)")


def run(args: argparse.Namespace) -> None:
    """Write how far people agree within the crop of a transform."""
    agreement.check_declared(args.ceiling)
    table = tables.read(args.table)
    maps, ids = alignment.read_maps(args.maps, table), list(table["stimulus_id"])
    described = agreement.describe(
        maps,
        table,
        Transform.from_key(args.transform),
        log=read_clicks_of(ids, args.clicks),
        declared=args.ceiling,
        seed=args.seed,
    )
    provenance = {
        "stimulus_id": ids,
        "version": VERSIONS["maps_ceilings"],
        "inputs_hash": inputs_hash(args.maps),
    }
    write_json(args.output, described | provenance)
