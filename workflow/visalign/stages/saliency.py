"""Stage saliency: gradient of the ground-truth class with respect to the input.

The importance maps of low-level models take its place.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from tqdm import tqdm

from visalign.io import stores
from visalign.io.files import inputs_hash, read_json
from visalign.labels import spaces
from visalign.stimuli import tables
from visalign.study.options import at_least
from visalign.zoo import low_level, low_level_stores

if TYPE_CHECKING:
    from torch import Tensor

VERSIONS = {"saliency": 1}
EXAMPLES = """\
  python -m visalign saliency --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --pixels-manifest clickme.json --table clickme.csv --output saliency.zarr --manifest saliency.json
"""
#: Names of the reductions over channels; the first is the default of every measure.
REDUCTIONS = ("max_abs_gradient", "abs_mean_gradient")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign saliency``."""
    parser.add_argument("--card", required=True, help="card of the model")
    parser.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    parser.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    parser.add_argument("--pixels-manifest", required=True, help="their manifest (.json)")
    parser.add_argument("--table", required=True, help="table of the stimulus set, with labels")
    parser.add_argument("--batch-size", type=at_least(1), default=16, help="images a batch")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")


def reductions(gradient: Tensor) -> dict[str, Tensor]:
    """Reduce gradients (n, channels, height, width) over channels, by the names of `REDUCTIONS`."""
    return dict(zip(REDUCTIONS, (gradient.abs().amax(1), gradient.mean(1).abs()), strict=True))


def record(
    card: dict[str, Any],
    weights: str,
    pixels: zarr.Array,
    labels: np.ndarray,
    group: zarr.Group,
    batch_size: int,
) -> None:
    """Write both reductions for the stimuli that the partial store does not hold yet, a batch at a time."""
    import torch

    from visalign.zoo import network
    from visalign.zoo import pixels as batches
    from visalign.zoo.device import device

    model = network.Normalised(network.load(card, weights), card["data_config"])
    n, _, height, width = pixels.shape
    start = stores.attribute(group, "complete", 0)
    if start == 0:
        for name in REDUCTIONS:
            dims = ("stimulus", "y", "x")
            stores.create_array(group, name, (n, height, width), np.float32, dims, rows=batch_size)
    arrays = {name: stores.array(group, name) for name in REDUCTIONS}
    targets = torch.as_tensor(labels, device=device())
    with tqdm(total=n, initial=start, desc=f"saliency {card['model']}", unit="image") as bar:
        for rows, batch in batches.pixel_batches(pixels, batch_size, start):
            reduced = reductions(network.gradient(model, batch, targets[rows]))
            for name, array in arrays.items():
                array[rows] = reduced[name].cpu().numpy()
            group.attrs["complete"] = rows.stop
            bar.update(rows.stop - rows.start)


def run(args: argparse.Namespace) -> None:
    """Write the saliency store of one (model, stimulus set), resuming after the last batch."""
    card = read_json(args.card)
    table, labels = tables.read(args.table), None
    if card["weights"] != low_level.WEIGHTS:
        labels = tables.labels(table, spaces.classes(card, args.card), args.table)
    store = stores.open_store(args.pixels)
    pixels = stores.array(store, "pixels")
    tables.check_ids(store, table, args.pixels)
    identity = {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest, args.table),
        "batch_size": args.batch_size,
        "version": VERSIONS["saliency"],
    }
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", list(table["stimulus_id"]), "stimulus")
    if labels is None:
        low_level_stores.write_maps(card, pixels, group, args.batch_size, REDUCTIONS)
    else:
        record(card, args.weights, pixels, labels, group, args.batch_size)
    origin = {"model": card["model"], "weights_sha256": card["sha256"]} | spaces.provenance(card)
    stores.publish(args.output, args.manifest, stores.provenance(**origin))
