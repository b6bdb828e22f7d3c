"""Stage saliency: gradient of the ground-truth class with respect to the input.

The importance maps of low-level models take its place.
"""

from __future__ import annotations

import argparse

from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.labels import spaces
from visalign.study.options import add_settings
from visalign.study.schemas import section
from visalign.zoo import inputs as zoo_inputs
from visalign.zoo import low_level, low_level_stores, saliency

VERSIONS = {"saliency": 1}
EXAMPLES = """\
  python -m visalign saliency --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --pixels-manifest clickme.json --table clickme.csv --output saliency.zarr --manifest saliency.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign saliency``."""
    parser.add_argument("--card", required=True, help="card of the model")
    parser.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    parser.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    parser.add_argument("--pixels-manifest", required=True, help="their manifest (.json)")
    parser.add_argument("--table", required=True, help="table of the stimulus set, with labels")
    add_settings(parser, section("saliency"), "saliency")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")


def run(args: argparse.Namespace) -> None:
    """Write the saliency store of one (model, stimulus set), resuming after the last batch."""
    inputs = zoo_inputs.read(args.card, args.table, args.pixels)
    card, of_network = inputs.card, inputs.card["weights"] != low_level.WEIGHTS
    labels = inputs.labels if of_network else None
    identity = {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest, args.table),
        "batch_size": args.batch_size,
        "version": VERSIONS["saliency"],
    }
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", list(inputs.table["stimulus_id"]), "stimulus")
    if labels is None:
        low_level_stores.write_maps(card, inputs.pixels, group, args.batch_size, saliency.REDUCTIONS)
    else:
        saliency.write(inputs, args.weights, labels, group, args.batch_size)
    origin = {"model": card["model"], "weights_sha256": card["sha256"]} | spaces.provenance(card)
    stores.publish(args.output, args.manifest, stores.provenance(**origin))
