"""Stage features: activations of all chosen layers and the logits, in one pass, resumable."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import zarr
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import inputs_hash, read_json
from visalign.labels import spaces
from visalign.study.options import at_least
from visalign.zoo import low_level, low_level_stores

VERSIONS = {"features": 3}
#: A layer that loses a larger share of its variance over stimuli in float16 is kept in float32. Small values
#: are rounded to steps of 6e-8, values far from zero to 1 in 2000 of their distance from it.
MOST_LOST = 1e-3
EXAMPLES = """\
  python -m visalign features --card lite0.json --weights lite0.safetensors --pixels photographs.zarr \\
      --pixels-manifest photographs.json --output features.zarr --manifest features.json
"""


def batch_size(text: str) -> int | None:
    """Parse a batch size; None stands for auto."""
    return None if text == "auto" else at_least(1)(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign features``."""
    parser.add_argument("--card", required=True, help="card of the model")
    parser.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    parser.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    parser.add_argument("--pixels-manifest", required=True, help="their manifest (.json)")
    parser.add_argument(
        "--batch-size",
        type=batch_size,
        default=None,
        metavar="N|auto",
        help="stimuli a batch, and a shard; auto (default): searched on a GPU, bounded by memory on a CPU",
    )
    parser.add_argument("--dtype", choices=["float16", "float32"], default="float16", help="storage type")
    parser.add_argument(
        "--autocast",
        choices=["off", "bfloat16", "float16"],
        default="off",
        help="compute convolutions and products in this type",
    )
    layers = parser.add_mutually_exclusive_group()
    layers.add_argument("--layers", default="auto", help="comma-separated names, auto:N or auto (default)")
    layers.add_argument("--logits-only", dest="layers", action="store_const", const=None, help="record none")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")


class Pass:
    """One pass of a model over a stimulus set, into a partial store.

    Parameters
    ----------
    card : dict
        Of the model.
    weights : str
        Its safetensors.
    layers : str, optional
        Comma-separated names, or ``auto``; None: only logits.
    dtype, autocast : str
        As on the command line.
    """

    def __init__(
        self, card: dict[str, Any], weights: str, *, layers: str | None = "auto",
        dtype: str = "float16", autocast: str = "off",
    ) -> None:  # fmt: skip
        from visalign.zoo import network

        self.card, self.dtype, self.autocast = card, dtype, autocast
        self.size = tuple(card["data_config"]["input_size"][1:])
        self.model = network.load(card, weights)
        self.forward = network.Normalised(self.model, card["data_config"])
        self.shapes = network.layer_shapes(self.model, layers, self.size) if layers else {}

    @contextmanager
    def recording(self, wide: list[str], lost: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Record the layers of each forward pass of the block, those of `wide` in float32.

        `lost` gets the share of variance that the others lose in float16.
        """
        import torch

        from visalign.zoo import network
        from visalign.zoo.device import device

        narrow = getattr(torch, self.dtype)
        dtypes = {layer: torch.float32 if layer in wide else narrow for layer in self.shapes}
        on = self.autocast != "off"
        autocast = torch.autocast(device().type, getattr(torch, self.autocast) if on else None, enabled=on)
        with torch.inference_mode(), autocast, network.recorded(self.model, dtypes, lost) as outputs:
            yield outputs

    def batch_size(self, n_stimuli: int) -> int:
        """Batch size for this device, model and layers."""
        from visalign.zoo import pixels as batches
        from visalign.zoo.device import device

        if device().type == "cpu":
            values = sum(math.prod(shape) for shape in self.shapes.values()) + 3 * math.prod(self.size)
            return min(batches.cpu_batch_size(4 * values), n_stimuli)
        with self.recording([]):
            return batches.gpu_batch_size(
                lambda size: batches.stimuli_per_second(self.forward, size, self.size), n_stimuli
            )

    def extract(self, pixels: zarr.Array, group: zarr.Group, rows: int) -> dict[str, Any]:
        """Fill the partial store from its last complete batch on.

        Parameters
        ----------
        rows : int
            Stimuli a batch.

        Returns
        -------
        dict of str to hashlib digest
            Of each array's content.

        Raises
        ------
        InputError
            An activation is not finite, with the layer's name.
        visalign.zoo.feature_writer.Overflow
            Layers that need float32.
        """
        import torch

        from visalign.zoo import network
        from visalign.zoo import pixels as batches
        from visalign.zoo.feature_writer import FeatureWriter, Overflow

        dimensions = {
            name: network.dimensions(self.model, name, shape) for name, shape in self.shapes.items()
        }
        dimensions["logits"] = ("stimulus", "logits_channel")
        writer = FeatureWriter(group, pixels.shape[0], rows, dimensions)
        bar = tqdm(
            total=pixels.shape[0],
            initial=writer.complete,
            desc=f"features {self.card['model']}",
            unit="image",
        )
        lost: dict[str, torch.Tensor] = {}
        with bar, self.recording(stores.attribute(group, "float32_layers", []), lost) as outputs:
            prepare = self.forward.normalise
            for stimuli, batch in batches.pixel_batches(pixels, rows, writer.complete, prepare):
                logits = self.model(batch).float()
                if damaged := [layer for layer, share in lost.items() if share > MOST_LOST]:
                    writer.wait()
                    raise Overflow(damaged)
                writer.submit(stimuli, {**outputs, "logits": logits})
                bar.update(len(batch))
            writer.wait()
        return writer.digests


def record(work: Pass, pixels: zarr.Array, group: zarr.Group, rows: int | None) -> dict[str, Any]:
    """Extract into the partial store, again where float16 turns out too narrow for a layer.

    Starting again keeps the store the same whenever a run was interrupted. It happens at most once
    a layer, and nearly always in the first batch.
    """
    from visalign.zoo.feature_writer import Overflow

    rows = rows or stores.attribute(group, "batch_size") or work.batch_size(pixels.shape[0])
    group.attrs["batch_size"] = rows
    while True:
        try:
            return work.extract(pixels, group, rows)
        except Overflow as overflow:
            wide = sorted({*stores.attribute(group, "float32_layers", []), *overflow.layers})
            group.attrs.update({"float32_layers": wide, "complete": 0})
            print(f"beyond float16, so kept in float32: {overflow}; starting again", file=sys.stderr)


def run(args: argparse.Namespace) -> None:
    """Write the store of one (model, stimulus set)."""
    card = read_json(args.card)
    settings = {"dtype": args.dtype, "autocast": args.autocast, "layers": args.layers}
    identity = settings | {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest),
        "batch_size": args.batch_size,
        "version": VERSIONS["features"],
    }
    store = stores.open_store(args.pixels)
    pixels = stores.array(store, "pixels")
    expected = tuple(card["data_config"]["input_size"])
    if pixels.shape[1:] != expected:
        raise InputError(f"{args.pixels}: pixels: shape {pixels.shape[1:]}, the card says {expected}")
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", stores.strings(store), "stimulus")
    if card["weights"] == low_level.WEIGHTS:
        layers = low_level_stores.write_features(card, pixels, group, args.batch_size)
        own, digests = {"layers": layers, "dtype": "float32"}, None
    else:
        work = Pass(card, args.weights, layers=args.layers, dtype=args.dtype, autocast=args.autocast)
        digests = record(work, pixels, group, args.batch_size)
        own = of_network(args, work)
    stores.publish(args.output, args.manifest, provenance(args, card, store) | own, digests)


def of_network(args: argparse.Namespace, work: Pass) -> dict[str, Any]:
    """What a store says of the pass of a network that filled it."""
    from visalign.zoo import network
    from visalign.zoo.device import device

    about = {"layers": [*work.shapes, "logits"], "dtype": args.dtype, "autocast": args.autocast}
    return about | {"device": str(device())} | network.token_layout(work.model)


def provenance(args: argparse.Namespace, card: dict[str, Any], pixels: zarr.Group) -> dict[str, Any]:
    """What a store says of its making."""
    return stores.provenance(
        model=card["model"],
        weights_sha256=card["sha256"],
        data_config=card["data_config"],
        transform=stores.attribute(pixels, "transform"),
        stimulus_set=stores.attribute(pixels, "table"),
        stimulus_set_sha256=read_json(args.pixels_manifest)["arrays"]["pixels"]["sha256"],
        threads=os.environ.get("OMP_NUM_THREADS", "default"),
        **spaces.provenance(card),
    )
