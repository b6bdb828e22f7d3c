"""Stage features: activations of all chosen layers and the logits, in one pass, resumable."""

from __future__ import annotations

import argparse
import os

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import inputs_hash, read_json
from visalign.labels import spaces
from visalign.study.options import add_settings
from visalign.study.schemas import definition, section
from visalign.zoo import low_level, low_level_stores
from visalign.zoo.card import ModelCard
from visalign.zoo.pools import POOLS

VERSIONS = {"features": 3}
EXAMPLES = """\
  python -m visalign features --card lite0.json --weights lite0.safetensors --pixels photographs.zarr \\
      --pixels-manifest photographs.json --output features.zarr --manifest features.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign features``."""
    parser.add_argument("--card", required=True, help="card of the model")
    parser.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    parser.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    parser.add_argument("--pixels-manifest", required=True, help="their manifest (.json)")
    add_settings(parser, section("features"), "features")
    layers = parser.add_mutually_exclusive_group()
    add_settings(layers, definition("models"), "features")
    layers.add_argument("--logits-only", dest="layers", action="store_const", const=None, help="record none")
    parser.add_argument(
        "--pools",
        nargs="+",
        choices=POOLS,
        help="keep layers pooled too: their mean over positions, over the cells of a grid, or the centre",
    )
    parser.add_argument("--pooled-only", action="store_true", help="keep layers with positions only pooled")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")


def run(args: argparse.Namespace) -> None:
    """Write the store of one (model, stimulus set)."""
    card: ModelCard = read_json(args.card)
    shown: stores.Manifest = read_json(args.pixels_manifest)
    batch_size = None if args.batch_size == "auto" else args.batch_size
    settings = {"dtype": args.dtype, "autocast": args.autocast, "layers": args.layers}
    # Only where they are on, so that stores of before they were there go on.
    settings |= {name: True for name in ("fuse", "compile") if getattr(args, name)}
    if args.pools:
        settings |= {"pools": args.pools, "whole": not args.pooled_only}
    identity = settings | {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest),
        "batch_size": batch_size,
        "version": VERSIONS["features"],
    }
    store = stores.open_store(args.pixels)
    pixels = stores.array(store, "pixels")
    expected = tuple(card["data_config"]["input_size"])
    if pixels.shape[1:] != expected:
        raise InputError(f"{args.pixels}: pixels: shape {pixels.shape[1:]}, the card says {expected}")
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", stores.strings(store), "stimulus")
    digests = None
    if card["weights"] == low_level.WEIGHTS:
        layers = low_level_stores.write_features(card, pixels, group, batch_size)
        own: dict[str, object] = {"layers": layers, "dtype": "float32"}
    else:
        from visalign.zoo import extraction

        work = extraction.Pass(card, args.weights, **settings)
        digests = extraction.record(work, pixels, group, batch_size)
        own = work.described()
    made = stores.provenance(
        model=card["model"],
        weights_sha256=card["sha256"],
        data_config=card["data_config"],
        transform=stores.attribute(store, "transform"),
        stimulus_set=stores.attribute(store, "table"),
        stimulus_set_sha256=shown["arrays"]["pixels"]["sha256"],
        threads=os.environ.get("OMP_NUM_THREADS", "default"),
        **spaces.provenance(card),
    )
    stores.publish(args.output, args.manifest, made | own, digests)
