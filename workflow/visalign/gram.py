"""Stage gram: one Gram matrix per layer, streamed over feature chunks."""

from __future__ import annotations

import argparse

import numpy as np
from tqdm import tqdm

from visalign import stores
from visalign.gram_matrix import blocks, gram
from visalign.tables import inputs_hash

VERSION = 1
EXAMPLES = """\
  python -m visalign gram --features features.zarr --features-manifest features.json \\
      --output gram.zarr --manifest gram.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign gram``."""
    parser.add_argument("--features", required=True, help="feature store (.zarr)")
    parser.add_argument("--features-manifest", required=True, help="its manifest (.json)")
    parser.add_argument(
        "--dtype", choices=["float32", "float64"], default="float32", help="type of the products"
    )
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")


def run(args: argparse.Namespace) -> None:
    """Write the Gram matrices of one (model, stimulus set)."""
    identity = {"features": inputs_hash(args.features_manifest), "dtype": args.dtype, "version": VERSION}
    features = stores.open_store(args.features)
    layers = [layer for layer in stores.attribute(features, "layers") if layer != "logits"]
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", stores.strings(features), "stimulus")
    dtype = np.float64 if args.dtype == "float64" else np.float32
    for layer in tqdm(layers, desc="gram", unit="layer"):
        part = group.require_group(layer)
        for name, value in gram(blocks(stores.array(features, layer)), dtype).items():
            dims = ("stimulus", "stimulus_") if name == "K" else ("stimulus",) * value.ndim
            stored = part.create_array(
                name,
                shape=value.shape,
                dtype=np.float64,
                dimension_names=dims,
                compressors=None,
                overwrite=True,
            )
            stored[...] = value
    group.attrs["layers"] = layers
    stores.publish(args.output, args.manifest, stores.provenance(dtype=args.dtype))
