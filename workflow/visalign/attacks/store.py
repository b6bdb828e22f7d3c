"""Stores of perturbations: what they hold of each stimulus, and how a run goes on that was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
#: Array of the names of stimuli that were drawn and not attacked, where there are any.
SPARED = "spared_stimulus_id"


def attack(
    search: Callable[[np.ndarray, Finished], object],
    chosen: np.ndarray,
    shape: tuple[int, ...],
    size: int,
    group: zarr.Group,
    enough: Callable[[Mapping[str, np.ndarray]], int | None] | None = None,
) -> int:
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
    enough : callable, optional
        Takes ``norm``, ``clean_correct`` and ``success`` of the first stimuli, and returns how many of them
        are enough, or None. What was attacked beyond is dropped, so that the batch size decides nothing.

    Returns
    -------
    int
        How many of the chosen stimuli, from the first, the store holds.
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
            if enough and enough(leading(arrays)) is not None:
                break
            rows = missing[first : first + size]
            search(chosen[rows], partial(write_found, arrays, bar, rows))
    held = enough(leading(arrays)) if enough else None
    if held is None:
        return len(chosen)
    for array in arrays.values():
        array.resize((held, *array.shape[1:]))
    return held


def leading(arrays: Mapping[str, zarr.Array]) -> dict[str, np.ndarray]:
    """Read what decides whether the stimuli are enough, of those before the first that is missing."""
    names = ("norm", "clean_correct", "success", DONE)
    n = min(arrays[name].shape[0] for name in names)  # some may be cut already, of a run that was killed
    values = {name: np.asarray(arrays[name][:n]) for name in names}
    n = int((values[DONE] > 0).cumprod().sum())
    return {name: own[:n] for name, own in values.items()}


def write_found(
    arrays: dict[str, zarr.Array], bar: tqdm, rows: np.ndarray, index: np.ndarray, found: MinimumNorm
) -> None:
    """Write what was found for the images `index` of a batch, whose place in the store is `rows`."""
    for row, delta in zip(rows[index].tolist(), found.delta.numpy(), strict=True):
        arrays["delta"][row] = delta
    for name in PER_IMAGE:
        arrays[name].oindex[rows[index]] = getattr(found, name)
    bar.update(len(index))


def name_stimuli(group: zarr.Group, names: list[str], held: int) -> None:
    """Write the names of the chosen stimuli: of the first, which the store holds, and of those spared."""
    stores.write_strings(group, "stimulus_id", names[:held], "stimulus")
    if names[held:]:
        stores.write_strings(group, SPARED, names[held:], "spared_stimulus")


def spared(store: zarr.Group) -> list[str]:
    """Names of the stimuli that were drawn and not attacked."""
    return stores.strings(store, SPARED) if SPARED in store else []


def read(store: zarr.Group) -> dict[str, np.ndarray]:
    """Read what a store holds of each of its stimuli beside the perturbation, (n_attacked,) each."""
    return {name: stores.values(store, name) for name in PER_IMAGE}
