"""Gram matrices of features, streamed over feature blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import zarr

from visalign.errors import InputError

#: Bytes of one block of features in float32: the memory bound, beside n² of the matrix itself.
BLOCK_BYTES = 128 << 20


def column_ranges(array: zarr.Array, block_bytes: int = BLOCK_BYTES) -> list[slice]:
    """Ranges of a layer's second axis that make blocks of about `block_bytes`, whole chunks each."""
    if array.ndim == 2:
        per_column = array.shape[0] * 4
    else:
        per_column = int(np.prod([array.shape[0], *array.shape[2:]], dtype=np.int64)) * 4
    step = array.chunks[1]
    columns = max(step, block_bytes // per_column // step * step)
    return [slice(start, start + columns) for start in range(0, array.shape[1], columns)]


def blocks(array: zarr.Array, block_bytes: int = BLOCK_BYTES) -> Iterator[np.ndarray]:
    """Yield (n_stimuli, n_features) blocks of a layer, all stimuli and some features at a time."""
    for columns in column_ranges(array, block_bytes):
        yield np.asarray(array[:, columns]).reshape(array.shape[0], -1)


def gram(feature_blocks: Iterable[np.ndarray], dtype: type = np.float32) -> dict[str, np.ndarray]:
    """Gram matrix of features shifted by their means, from blocks of features.

    The shift leaves every train-centred method unchanged exactly and keeps float32 products safe
    when features have large offsets.

    Parameters
    ----------
    feature_blocks : iterable of ndarray, shape (n_stimuli, n_block_features)
    dtype : {numpy.float32, numpy.float64}
        Type of the products; blocks are summed in float64.

    Returns
    -------
    dict
        ``K`` (n, n) float64, K = (X − μ)(X − μ)ᵀ; ``row_sum`` (n,) Σ_f X; ``row_dot_mean`` (n,) X μ;
        ``mean_dot_mean`` () μ·μ; ``n_features`` (). The last four give back the Gram of unshifted
        features, and so Pearson RDMs: X Xᵀ = K + Xμ 1ᵀ + 1 (Xμ)ᵀ − μ·μ.
    """
    result: dict[str, np.ndarray] = {}
    for block in feature_blocks:
        shift = block.mean(axis=0, dtype=np.float64).astype(dtype)
        shifted = np.subtract(block, shift, dtype=dtype)
        mean = shift.astype(np.float64)
        parts = {
            "K": (shifted @ shifted.T).astype(np.float64, copy=False),
            "row_sum": block.sum(axis=1, dtype=np.float64),
            "row_dot_mean": shifted @ shift + mean @ mean,
            "mean_dot_mean": np.asarray(mean @ mean),
            "n_features": np.asarray(block.shape[1]),
        }
        result = {name: result[name] + part for name, part in parts.items()} if result else parts
    if not result:
        raise InputError("features: no features")
    return result
