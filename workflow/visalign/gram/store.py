"""Gram matrices on disk, or the features themselves where those are smaller."""

from __future__ import annotations

import numpy as np
import zarr

from visalign.gram.matrix import gram
from visalign.gram.primal_pls import use_primal
from visalign.io import stores

#: What a Gram matrix comes with; see `gram.matrix.gram`.
SUMS = ("row_sum", "row_dot_mean", "mean_dot_mean", "n_features", "rounding")


def of_features(X: np.ndarray, dtype: type = np.float32) -> dict[str, np.ndarray]:
    """What is stored of features (n, p): X where PLS is faster on these, else what `gram.matrix.gram` gives.

    The one way from features to scores, of arrays and of the pipeline. Of float64 features, products are too.
    """
    if use_primal(*X.shape):
        return {"X": X}
    return gram([X], np.float64 if X.dtype == np.float64 else dtype)


def write(group: zarr.Group, layer: str, gram: dict[str, np.ndarray]) -> None:
    """Write what `of_features` gives of a layer: the Gram matrix with its sums, or the features."""
    if "X" in gram:
        return write_features(group, layer, gram["X"])
    part = group.require_group(layer)
    for name, value in gram.items():
        dims = ("stimulus", "stimulus_") if name == "K" else ("stimulus",) * value.ndim
        _write(part, name, value.astype(np.float64), dims)


def write_features(group: zarr.Group, layer: str, X: np.ndarray) -> None:
    """Write features (n, p) of which there are fewer than stimuli, instead of the larger Gram matrix."""
    _write(group.require_group(layer), "X", X, ("stimulus", "feature"))


def _write(group: zarr.Group, name: str, value: np.ndarray, dims: tuple[str, ...]) -> None:
    stored = group.create_array(
        name,
        shape=value.shape,
        dtype=value.dtype,
        dimension_names=dims,
        compressors=None,
        overwrite=True,
    )
    stored[...] = value


def read(path: str, layer: str, order: np.ndarray) -> dict[str, np.ndarray]:
    """Read a layer for the stimuli of a recording, in its order: K and its sums, or the features X."""
    group = stores.open_store(path)
    if f"{layer}/X" in group:
        return {"X": stores.values(group, f"{layer}/X")[order]}
    K = stores.values(group, f"{layer}/K")
    sums = {name: stores.values(group, f"{layer}/{name}") for name in SUMS}
    chosen = {name: value[order] if value.ndim else value for name, value in sums.items()}
    same = len(order) == len(K) and bool((order == np.arange(len(K))).all())
    return chosen | {"K": K if same else K[np.ix_(order, order)]}
