"""Stage gram: one Gram matrix per layer and protocol, a sum over blocks of features."""

from __future__ import annotations

import argparse
import sys

import numpy as np
import zarr
from tqdm import tqdm

from visalign.errors import InputError
from visalign.gram import store
from visalign.gram.reduction import reduce_gram
from visalign.io import dask_client, stores
from visalign.io.files import inputs_hash
from visalign.io.tasks import Client
from visalign.neural.grid import Protocol, pooled, positions
from visalign.study.options import add_dask_arguments, add_settings
from visalign.study.schemas import section

VERSIONS = {"gram": 4}
EXAMPLES = """\
  python -m visalign gram --features features.zarr --features-manifest features.json \\
      --output gram.zarr --manifest gram.json
  python -m visalign gram --features features.zarr --features-manifest features.json --protocol grid-17 \\
      --output gram.zarr --manifest gram.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign gram``."""
    parser.add_argument("--features", required=True, help="feature store (.zarr)")
    parser.add_argument("--features-manifest", required=True, help="its manifest (.json)")
    add_settings(parser, section("gram"), "gram")
    parser.add_argument(
        "--protocol",
        type=Protocol.parse,
        default=Protocol("whole_image"),
        help="whole_image; grid-N: N × N positions per image are rows; grid-N-minmax: as the released code",
    )
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")
    add_dask_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Write the Gram matrices of one (model, stimulus set, protocol)."""
    protocol = args.protocol
    identity = {
        "features": inputs_hash(args.features_manifest),
        "dtype": args.dtype,
        "protocol": protocol.name,
        "version": VERSIONS["gram"],
    }
    features = stores.open_store(args.features)
    layers = [layer for layer in stores.attribute(features, "layers") if layer != "logits"]
    if not layers:
        raise InputError(f"{args.features}: holds logits only")
    stimuli = stores.strings(features)
    group = stores.open_partial(args.output, identity)
    rows = positions(stimuli, protocol.grid) if protocol.grid else stimuli
    stores.write_strings(group, "stimulus_id", rows, "stimulus")
    dtype = np.float64 if args.dtype == "float64" else np.float32
    skipped: dict[str, str] = {}
    with dask_client.connect(args.dask, args.threads, args.dask_options) as client:
        for layer in tqdm(layers, desc="gram", unit="layer"):
            stored = stores.array(features, layer)
            try:
                token_grid = stores.attribute(features, "token_grid") if protocol.grid else None
                X = pooled(stored, protocol.grid, token_grid, protocol.minmax) if protocol.grid else None
            except InputError as error:
                skipped[layer] = str(error)
                print(f"{layer} {error}: left out of {protocol.name}", file=sys.stderr)
                continue
            write_layer(client, group, layer, stored, X, dtype)
    if len(skipped) == len(layers):
        raise InputError(f"{args.features}: no layer has positions for {protocol.name}: {skipped}")
    group.attrs["layers"] = [layer for layer in layers if layer not in skipped]
    about = stores.provenance(protocol=protocol.name, dtype=args.dtype, skipped=skipped)
    stores.publish(args.output, args.manifest, about)


def write_layer(
    client: Client, group: zarr.Group, layer: str, stored: zarr.Array, X: np.ndarray | None, dtype: type
) -> None:
    """Write a layer: its features where PLS is faster on these, else the Gram matrix."""
    if X is None and stored.ndim == 2:
        X = np.asarray(stored[:])
    store.write(
        group,
        layer,
        store.of_features(X, dtype) if X is not None else reduce_gram(client, stored, dtype),
    )
