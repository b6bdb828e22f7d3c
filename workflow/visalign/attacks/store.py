"""Stores of perturbations: what they hold of each stimulus, and how a run goes on that was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import zarr
from tqdm import tqdm

from visalign.io import stores

if TYPE_CHECKING:
    from visalign.attacks.minimum_norm import Finished, MinimumNorm

#: Stimuli per file of perturbations, and of other arrays. A file is written again for each of its stimuli:
#: 7 ms for the perturbation at 224 pixels, 2 ms for each other array.
SHARD, VALUES_SHARD = 8, 1024
#: Per-image arrays beside the perturbations: attribute of the attack's result -> storage type, and the value
#: of a stimulus that was not drawn.
PER_IMAGE = {
    "norm": (np.float64, np.nan),
    "largest_tried_norm": (np.float64, 0),
    "adversarial_label": (np.int64, -1),
    "clean_correct": (np.bool_, False),
    "success": (np.bool_, False),
    "first_order_distance": (np.float64, np.nan),
    "gradient_vanished": (np.bool_, False),
    "gradients_not_finite": (np.int64, 0),
    "reproduced": (np.bool_, True),
    "gradient_evaluations": (np.int64, 0),
    "forward_evaluations": (np.int64, 0),
}
#: Array that is created and written last: 0 where a partial store does not hold a stimulus, else at least 1.
DONE = "forward_evaluations"


def attack(
    search: Callable[[np.ndarray, Finished], object],
    chosen: np.ndarray,
    shape: tuple[int, ...],
    size: int,
    group: zarr.Group,
) -> None:
    """Attack the chosen stimuli that the partial store lacks, and write each perturbation once it is found.

    Memory holds the search of `size` images at a time, and their results.

    Parameters
    ----------
    search : callable
        Takes rows of the stimuli and what to call with those that are finished, see `minimum_norm`.
    chosen : ndarray of int, shape (n,)
        Rows of the stimuli that the store is to hold.
    shape : (int, int, int)
        Channels, height and width of a perturbation.
    size : int
        Images that are attacked together.
    """
    if DONE not in group:
        dims = ("stimulus", "channel", "y", "x")
        stores.create_array(group, "delta", (len(chosen), *shape), np.float16, dims, rows=SHARD)
        for name, (dtype, _) in PER_IMAGE.items():
            stores.create_array(group, name, chosen.shape, dtype, ("stimulus",), rows=VALUES_SHARD)
    arrays = {name: stores.array(group, name) for name in ("delta", *PER_IMAGE)}
    missing = np.flatnonzero(stores.values(group, DONE) == 0)
    done = len(chosen) - len(missing)
    with tqdm(total=len(chosen), initial=done, desc="attacks", unit="image") as bar:
        for first in range(0, len(missing), size):
            rows = missing[first : first + size]
            search(chosen[rows], partial(write_found, arrays, bar, rows))


def write_found(
    arrays: dict[str, zarr.Array], bar: tqdm, rows: np.ndarray, index: np.ndarray, found: MinimumNorm
) -> None:
    """Write what was found for the images `index` of a batch, whose place in the store is `rows`."""
    for row, delta in zip(rows[index].tolist(), found.delta.numpy(), strict=True):
        arrays["delta"][row] = delta
    for name in PER_IMAGE:
        arrays[name].oindex[rows[index]] = getattr(found, name)
    bar.update(len(index))


def read(store: zarr.Group) -> dict[str, np.ndarray]:
    """Read what a store holds of each of its stimuli beside the perturbation, (n_attacked,) each."""
    return {name: stores.values(store, name) for name in PER_IMAGE}
