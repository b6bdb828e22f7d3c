"""Gram matrix of a stored layer as a sum over blocks of its features, a task each."""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr

from visalign.gram.matrix import column_ranges, gram
from visalign.io.tasks import Client


def block_gram(layer: zarr.Array, columns: slice, dtype: type) -> dict[str, np.ndarray]:
    """Gram matrix of some features of all stimuli."""
    return gram([np.asarray(layer[:, columns]).reshape(layer.shape[0], -1)], dtype)


def add(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sum of two Gram matrices, and of what comes with them."""
    return {name: one[name] + other[name] for name in one}


def reduce_gram(client: Client, layer: zarr.Array, dtype: type) -> dict[str, np.ndarray]:
    """Gram matrix of a layer: one task per block of features, summed two by two in a fixed order.

    The order does not depend on the workers, so neither does the result. Sums are handed over as soon as they
    can be, so that few matrices are held at a time: a worker's, and one for each doubling of the blocks.
    """
    blocks = list(column_ranges(layer))

    def of(first: int, count: int) -> Any:
        """Sum of the blocks from `first` to the next `count`, a power of two, as far as there are any."""
        if count == 1:
            return client.submit(block_gram, layer, blocks[first], dtype, pure=False)
        one, half = of(first, count // 2), first + count // 2
        return client.submit(add, one, of(half, count // 2), pure=False) if half < len(blocks) else one

    return of(0, 1 << (len(blocks) - 1).bit_length()).result()
