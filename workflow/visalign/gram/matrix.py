"""Gram matrices of features, streamed over feature blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import zarr

from visalign.errors import InputError

#: Bytes of one block of features in float32: the memory bound, beside n² of the matrix itself.
BLOCK_BYTES = 128 << 20
#: Features this many times as large as the median one, and stimuli likewise, leave little of the others to
#: float32 products, whose rounding goes with the largest.
UNEVEN_FEATURES, UNEVEN_STIMULI = 100, 30
#: Bytes that are squared together.
CACHE_BYTES = 1 << 20


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
        Type of the products, float64 for a block that is `uneven`; blocks are summed in float64.

    Returns
    -------
    dict
        ``K`` (n, n) float64, K = (X − μ)(X − μ)ᵀ; ``row_sum`` (n,) Σ_f X; ``row_dot_mean`` (n,) X μ;
        ``mean_dot_mean`` () μ·μ; ``n_features`` (). The last four give back the Gram of unshifted
        features, and so Pearson RDMs: X Xᵀ = K + Xμ 1ᵀ + 1 (Xμ)ᵀ − μ·μ. And ``rounding`` (): bound on the
        norm of the rounding of float32 products in K, 0 of float64 ones.
    """
    result: dict[str, np.ndarray] = {}
    for block in feature_blocks:
        parts = _of_block(block, dtype)
        if not result:
            result = parts | {"K": parts["K"].astype(np.float64, copy=False)}
            continue
        for name, part in parts.items():
            result[name] += part
    if not result:
        raise InputError("features: no features")
    return result


def _of_block(block: np.ndarray, dtype: type) -> dict[str, np.ndarray]:
    """What `gram` gives of one block, ``K`` in the type of the product."""
    # Float16 is converted once, not by every sum, and that copy shifted in place.
    own = block.dtype == np.float16 and dtype == np.float32
    wide = block.astype(np.float32) if own else block
    row_sum = wide.sum(axis=1, dtype=np.float64)
    mean = wide.mean(axis=0, dtype=np.float64)
    shift = mean.astype(dtype)
    shifted = np.subtract(wide, shift, out=wide if own else None, dtype=dtype)
    if dtype != np.float64 and uneven(shifted):
        shift, shifted = mean, np.subtract(block, mean, dtype=np.float64)
    mean = shift.astype(np.float64)
    product = shifted @ shifted.T
    eps = np.finfo(np.float32).eps if product.dtype == np.float32 else 0.0
    return {
        "K": product,
        "row_sum": row_sum,
        "row_dot_mean": shifted @ shift + mean @ mean,
        "mean_dot_mean": np.asarray(mean @ mean),
        "n_features": np.asarray(block.shape[1]),
        "rounding": np.asarray(eps and eps * np.linalg.norm(product), np.float64),
    }


def with_gram(layer: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """What `gram` gives of a layer, formed where only its features X (n, p) are there."""
    return layer if "K" in layer else gram([layer["X"]], np.float64)


def uneven(shifted: np.ndarray) -> bool:
    """Whether one feature, or one stimulus, of (n_stimuli, n_features) is far larger than most.

    Then eps of float32 times the largest is no longer small beside the others. Those that do not vary at all
    count for nothing.
    """
    for size, factor in zip(squares(shifted), (UNEVEN_FEATURES, UNEVEN_STIMULI), strict=True):
        if size.any() and size.max() > factor**2 * np.median(size[size > 0]):
            return True
    return False


def squares(shifted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares of (n_stimuli, n_features) in float64: of each feature, of each stimulus.

    A few stimuli at a time, so that their squares stay in the cache of the processor.
    """
    of_features, of_stimuli = np.zeros(shifted.shape[1]), np.empty(len(shifted))
    step = max(1, CACHE_BYTES // max(1, 8 * shifted.shape[1]))
    for start in range(0, len(shifted), step):
        rows = slice(start, start + step)
        squared = shifted[rows].astype(np.float64)
        squared *= squared
        of_features += squared.sum(axis=0)
        of_stimuli[rows] = squared.sum(axis=1)
    return of_features, of_stimuli
