"""Gram matrix of a stored layer as a dask reduction over feature chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import zarr

from visalign.gram.matrix import column_ranges, gram

if TYPE_CHECKING:
    from distributed import Client


def block_gram(layer: zarr.Array, columns: slice, dtype: type) -> dict[str, np.ndarray]:
    """Gram matrix of some features of all stimuli."""
    return gram([np.asarray(layer[:, columns]).reshape(layer.shape[0], -1)], dtype)


def add(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sum of two Gram matrices, and of what comes with them."""
    return {name: one[name] + other[name] for name in one}


def reduce_gram(client: Client, layer: zarr.Array, dtype: type) -> dict[str, np.ndarray]:
    """Gram matrix of a layer: one task per block of features, summed two by two in a fixed order.

    The order does not depend on the workers, so neither does the result.
    """
    parts = [client.submit(block_gram, layer, c, dtype, pure=False) for c in column_ranges(layer)]
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [client.submit(add, *pair, pure=False) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0].result()
