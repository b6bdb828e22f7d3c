"""One pass of a network over stored stimuli: activations of all chosen layers and the logits, resumable."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import zarr
from tqdm import tqdm

from visalign.io import stores
from visalign.zoo import layers as layers_of
from visalign.zoo import network
from visalign.zoo import pixels as batches
from visalign.zoo.card import ModelCard
from visalign.zoo.device import device
from visalign.zoo.feature_writer import FeatureWriter, Overflow

#: A layer that loses a larger share of its variance over stimuli in float16 is kept in float32. Small values
#: are rounded to steps of 6e-8, values far from zero to 1 in 2000 of their distance from it.
MOST_LOST = 1e-3


class Pass:
    """One pass of a model over a stimulus set, into a partial store.

    Parameters
    ----------
    card : dict
        Of the model.
    weights : str
        Its safetensors.
    layers : str or None
        Comma-separated names, or ``auto``; None: only logits.
    dtype, autocast : str
        As on the command line.
    """

    def __init__(
        self,
        card: ModelCard,
        weights: str,
        *,
        layers: str | None,
        dtype: str,
        autocast: str,
    ) -> None:
        self.card, self.dtype, self.autocast = card, dtype, autocast
        self.size = tuple(card["data_config"]["input_size"][1:])
        self.model = network.load(card, weights)
        self.forward = network.Normalised(self.model, card["data_config"])
        self.shapes = layers_of.layer_shapes(self.model, layers, self.size) if layers else {}

    def described(self) -> dict[str, object]:
        """What a store says of the pass that filled it."""
        return {
            "layers": [*self.shapes, "logits"],
            "dtype": self.dtype,
            "autocast": self.autocast,
            "device": str(device()),
            **layers_of.token_layout(self.model),
        }

    @contextmanager
    def recording(
        self, wide: list[str], lost: dict[str, torch.Tensor] | None = None
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Record the layers of each forward pass of the block, those of `wide` in float32.

        `lost` gets the share of variance that the others lose in float16.
        """
        narrow = getattr(torch, self.dtype)
        dtypes = {layer: torch.float32 if layer in wide else narrow for layer in self.shapes}
        on = self.autocast != "off"
        autocast = torch.autocast(device().type, getattr(torch, self.autocast) if on else None, enabled=on)
        with torch.inference_mode(), autocast, layers_of.recorded(self.model, dtypes, lost) as outputs:
            yield outputs

    def batch_size(self, n_stimuli: int) -> int:
        """Batch size for this device, model and layers."""
        if device().type == "cpu":
            values = sum(math.prod(shape) for shape in self.shapes.values()) + 3 * math.prod(self.size)
            return min(batches.cpu_batch_size(4 * values), n_stimuli)
        with self.recording([]):
            return batches.gpu_batch_size(
                lambda size: batches.stimuli_per_second(self.forward, size, self.size), n_stimuli
            )

    def extract(self, pixels: zarr.Array, group: zarr.Group, rows: int) -> dict[str, stores.Digest]:
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
        dimensions = {
            name: layers_of.dimensions(self.model, name, shape) for name, shape in self.shapes.items()
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


def record(work: Pass, pixels: zarr.Array, group: zarr.Group, rows: int | None) -> dict[str, stores.Digest]:
    """Extract into the partial store, again where float16 turns out too narrow for a layer.

    Starting again keeps the store the same whenever a run was interrupted. It happens at most once
    a layer, and nearly always in the first batch.
    """
    rows = rows or stores.attribute(group, "batch_size") or work.batch_size(pixels.shape[0])
    group.attrs["batch_size"] = rows
    while True:
        try:
            return work.extract(pixels, group, rows)
        except Overflow as overflow:
            wide = sorted({*stores.attribute(group, "float32_layers", []), *overflow.layers})
            group.attrs.update({"float32_layers": wide, "complete": 0})
            print(f"beyond float16, so kept in float32: {overflow}; starting again", file=sys.stderr)
