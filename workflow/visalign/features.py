"""Stage features: activations of all chosen layers and the logits, in one pass, resumable."""

from __future__ import annotations

import argparse
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import zarr
from tqdm import tqdm

from visalign import stores
from visalign.errors import InputError
from visalign.tables import inputs_hash, read_json

VERSION = 1
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
    parser.add_argument(
        "--batch-size", type=int, default=32, help="stimuli a batch; also the rows of a shard"
    )
    parser.add_argument("--dtype", choices=["float16", "float32"], default="float16", help="storage type")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")


def dimensions(layer: str, ndim: int) -> tuple[str, ...]:
    """Dimension names of a layer's array, unique to the layer where sizes may differ."""
    rest = {2: ("channel",), 3: ("token", "channel"), 4: ("channel", "y", "x")}
    if ndim not in rest:
        raise InputError(f"layers: {layer!r} has {ndim} dimensions, expected 2, 3 or 4")
    return ("stimulus", *(f"{layer}_{name}" for name in rest[ndim]))


class Writer:
    """Writes batches of activations into the partial store, behind the forward pass.

    At most one batch waits while another is written, so memory is bounded by three batches of
    activations whatever the number of stimuli. `complete` rows are recorded after each batch.

    Parameters
    ----------
    group : zarr.Group
        Partial store.
    n_stimuli, rows : int
        Length of the first axis, and rows of a shard.
    dtype : str
        Storage type; a layer with values beyond its range is kept in float32.
    """

    def __init__(self, group: zarr.Group, n_stimuli: int, rows: int, dtype: str) -> None:
        self.group, self.n_stimuli, self.rows, self.dtype = group, n_stimuli, rows, np.dtype(dtype)
        self.pool = ThreadPoolExecutor(1)
        self.pending: Future[None] | None = None

    def submit(self, rows: slice, activations: dict[str, np.ndarray]) -> None:
        """Queue one batch; waits for the one before."""
        self.wait()
        self.pending = self.pool.submit(self.write, rows, activations)

    def wait(self) -> None:
        """Wait for the queued batch and raise what went wrong in it."""
        if self.pending is not None:
            self.pending.result()

    def write(self, rows: slice, activations: dict[str, np.ndarray]) -> None:
        """Write one batch of every layer, then record it as complete."""
        for layer, values in activations.items():
            # One sum finds NaN and infinity without a copy; in float64 finite values cannot overflow it.
            if not np.isfinite(values.sum(dtype=np.float64)):
                raise InputError(f"layers: {layer!r}: activations of stimuli {rows.start}.. are not finite")
            dtype = np.dtype(np.float32) if layer == "logits" else self.dtype
            if dtype == np.float16 and np.abs(values).max() > np.finfo(np.float16).max:
                dtype = np.dtype(np.float32)
            self.array(layer, values.shape[1:], dtype)[rows] = values
        self.group.attrs["complete"] = rows.stop

    def array(self, layer: str, shape: tuple[int, ...], dtype: np.dtype) -> zarr.Array:
        """Return the array of a layer, made at first use, widened when float16 overflows."""
        existing = self.group.get(layer)
        if isinstance(existing, zarr.Array) and existing.dtype in (dtype, np.float32):
            return existing
        complete = stores.attribute(self.group, "complete", 0)
        written = np.asarray(existing[:complete]) if isinstance(existing, zarr.Array) else None
        if written is not None:  # killed while the array is replaced: start over
            self.group.attrs["complete"] = 0
        full = (self.n_stimuli, *shape)
        array = stores.create_array(
            self.group, layer, full, dtype, dimensions(layer, len(full)), rows=self.rows
        )
        if written is not None:
            array[:complete] = written
            self.group.attrs["complete"] = complete
        return array


def record(
    card: dict[str, Any], weights: str, pixels: zarr.Group, group: zarr.Group, batch_size: int, dtype: str
) -> None:
    """Fill the partial store `group` from its last complete batch on."""
    import torch

    from visalign import network

    model = network.load(card, weights)
    wrapped = network.Normalised(model, card["data_config"])
    layers = network.layer_names(model, card["layers"], tuple(card["data_config"]["input_size"][1:]))
    stored = stores.array(pixels, "pixels")
    writer = Writer(group, stored.shape[0], batch_size, dtype)
    start = stores.attribute(group, "complete", 0)
    with (
        torch.inference_mode(),
        network.recorded(model, layers) as outputs,
        tqdm(total=stored.shape[0], initial=start, desc=f"features {card['model']}", unit="image") as bar,
    ):
        for rows, batch in network.pixel_batches(stored, batch_size, start):
            outputs["logits"] = wrapped(batch)
            missing = [layer for layer in layers if layer not in outputs]
            if missing:
                raise InputError(f"layers: {missing[0]!r} is not called by {card['architecture']}")
            writer.submit(rows, {name: value.float().cpu().numpy() for name, value in outputs.items()})
            bar.update(rows.stop - rows.start)
        writer.wait()
    group.attrs["layers"] = [*layers, "logits"]
    group.attrs["prefix_tokens"] = int(getattr(model, "num_prefix_tokens", 0))


def run(args: argparse.Namespace) -> None:
    """Write the store of one (model, stimulus set)."""
    card = read_json(args.card)
    identity = {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest),
        "batch_size": args.batch_size,
        "dtype": args.dtype,
        "version": VERSION,
    }
    pixels = stores.open_store(args.pixels)
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", stores.strings(pixels), "stimulus")
    record(card, args.weights, pixels, group, args.batch_size, args.dtype)
    attributes = stores.provenance(
        model=card["model"], weights_sha256=card["sha256"], data_config=card["data_config"]
    )
    stores.publish(args.output, args.manifest, attributes)
