"""Writing activations behind the forward pass, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
import zarr
from torch import Tensor

from visalign.errors import InputError
from visalign.io import stores
from visalign.zoo.activations import share_lost

#: A layer that loses a larger share of its variance over stimuli in float16 is kept in float32. Small values
#: are rounded to steps of 6e-8, values far from zero to 1 in 2000 of their distance from it.
MOST_LOST = 1e-3
#: Infinity in float16 bits: with NaN the largest of the positive and, plus the sign, of the negative.
FLOAT16_INFINITY, FLOAT16_SIGN = 0x7C00, 0x8000


class Overflow(Exception):
    """Layers with activations beyond float16's range or precision: the pass must start again with float32."""

    def __init__(self, layers: list[str]) -> None:
        super().__init__(", ".join(layers))
        self.layers = layers


class FeatureWriter:
    """Writes batches of activations into a partial store, in a thread of its own.

    The thread does all that is done to activations once they are computed: their type, the order of their
    axes in memory, looking for what float16 cannot hold, hashes, files. While a batch is computed at most one
    other is written, so memory holds two batches of activations whatever the number of stimuli. The
    attribute `complete` counts the stimuli that are written in every layer.

    Parameters
    ----------
    group : zarr.Group
        Partial store.
    n_stimuli : int
        Length of the first axis.
    rows : int
        Stimuli a batch, and so of a shard.
    dimensions : dict of str to tuple of str
        Dimension names of each layer.
    dtypes : dict of str to torch.dtype
        Type in which each layer is kept.
    """

    def __init__(
        self,
        group: zarr.Group,
        n_stimuli: int,
        rows: int,
        dimensions: dict[str, tuple[str, ...]],
        dtypes: dict[str, torch.dtype],
    ) -> None:
        self.group, self.n_stimuli, self.rows = group, n_stimuli, rows
        self.dimensions, self.dtypes = dimensions, dtypes
        self.arrays: dict[str, zarr.Array] = {}
        self.thread = ThreadPoolExecutor(1)
        self.pending: Future[None] | None = None
        self.complete: int = stores.attribute(group, "complete", 0)
        self.digests: dict[str, stores.Digest] = {layer: hashlib.sha256() for layer in dimensions}
        for layer, digest in self.digests.items():
            if self.complete:  # of an earlier run
                stores.hash_rows(stores.array(group, layer), digest, self.complete)

    def submit(self, rows: slice, activations: dict[str, Tensor]) -> None:
        """Queue one batch; waits for the one before and raises what went wrong in it."""
        self.wait()
        self.pending = self.thread.submit(self.write, rows, activations)

    def wait(self) -> None:
        """Wait for the queued batch and raise what went wrong in it."""
        if self.pending is not None:
            self.pending.result()

    def write(self, rows: slice, activations: dict[str, Tensor]) -> None:
        """Write one batch of every layer, then count it as complete.

        Raises
        ------
        InputError
            An activation that is kept in float32 is not finite, with the layer's name.
        Overflow
            Layers whose activations float16 does not hold.
        """
        unfit: list[str] = []
        while activations:
            layer = next(iter(activations))
            values = self.kept(layer, activations.pop(layer))
            if values is None:
                unfit.append(layer)
            elif values.dtype == np.float32 and not finite(values):
                raise InputError(f"layers: {layer!r}: activations of stimuli {rows.start}.. are not finite")
            elif not unfit:  # else this batch will be written anew
                self.array(layer, values)[rows] = values
                stores.hash_values(values, self.digests[layer])
        if unfit:
            raise Overflow(unfit)
        self.complete = rows.stop
        self.group.attrs["complete"] = rows.stop

    def kept(self, layer: str, values: Tensor) -> np.ndarray | None:
        """Activations of a layer as they are kept; None: float16 does not hold them."""
        narrow = values.to(self.dtypes[layer])
        found = narrow.contiguous().cpu().numpy()
        fits = narrow.dtype != torch.float16 or (finite(found) and not share_lost(values, narrow) > MOST_LOST)
        return found if fits else None

    def array(self, layer: str, values: np.ndarray) -> zarr.Array:
        """Return the array of a layer, made with the first batch, opened once."""
        if layer not in self.arrays:
            self.arrays[layer] = self.opened(layer, values)
        return self.arrays[layer]

    def opened(self, layer: str, values: np.ndarray) -> zarr.Array:
        """Open the array of a layer, or make it where no batch is complete."""
        if self.complete:
            return stores.array(self.group, layer)
        shape = (self.n_stimuli, *values.shape[1:])
        return stores.create_array(
            self.group, layer, shape, values.dtype, self.dimensions[layer], rows=self.rows
        )


def finite(values: np.ndarray) -> bool:
    """Whether no value is infinite or NaN."""
    if values.dtype == np.float16:
        positive, negative = values.view(np.int16).max(), values.view(np.uint16).max()
        return bool(positive < FLOAT16_INFINITY and negative < FLOAT16_SIGN + FLOAT16_INFINITY)
    # One sum finds NaN and infinity without a copy; in float64 finite values cannot overflow it.
    with np.errstate(invalid="ignore"):  # infinities of both signs
        return bool(np.isfinite(values.sum(dtype=np.float64)))
