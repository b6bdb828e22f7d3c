"""What low-level models give, in stores as the stages features and saliency write them for networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import zarr
from tqdm import tqdm

from visalign.io import stores
from visalign.zoo import image_statistics
from visalign.zoo.card import ModelCard

#: Architecture -> its one layer.
LAYERS = {"pixels": "pixels", "gabor-energy": "energy"}
#: Architecture -> (n, 3, height, width) uint8 to features (n, channel, y, x), or to maps (n, height, width).
STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "pixels": image_statistics.area_means,
    "gabor-energy": image_statistics.gabor_energy,
    "edge-energy": image_statistics.edge_energy,
    "local-contrast": image_statistics.local_contrast,
    "centre": image_statistics.centre_bias,
}
#: Stimuli a batch, and a shard, where no number is given.
ROWS = 32


def write_features(card: ModelCard, pixels: zarr.Array, group: zarr.Group, rows: int | None) -> list[str]:
    """Write the layer of a low-level model into a partial store, in float32; returns the names of layers."""
    layer = LAYERS[card["architecture"]]
    axes = ("stimulus", f"{layer}_channel", f"{layer}_y", f"{layer}_x")
    write(card, pixels, group, rows or ROWS, [layer], axes)
    return [layer]


def write_maps(
    card: ModelCard, pixels: zarr.Array, group: zarr.Group, rows: int, names: Iterable[str]
) -> None:
    """Write the maps of a low-level model into a partial store, under every name of a reduction."""
    write(card, pixels, group, rows, names, ("stimulus", "y", "x"))


def write(
    card: ModelCard,
    pixels: zarr.Array,
    group: zarr.Group,
    rows: int,
    names: Iterable[str],
    axes: tuple[str, ...],
) -> None:
    """Write a statistic of each stimulus, a batch at a time, from the last complete batch on."""
    n, start = pixels.shape[0], stores.attribute(group, "complete", 0)
    statistic = STATISTICS[card["architecture"]]
    with tqdm(total=n, initial=start, desc=card["model"], unit="image") as bar:
        for first in range(start, n, rows):
            batch = slice(first, min(first + rows, n))
            values = statistic(np.asarray(pixels[batch]))
            for name in names:
                if first == 0:
                    stores.create_array(group, name, (n, *values.shape[1:]), np.float32, axes, rows=rows)
                stores.array(group, name)[batch] = values
            group.attrs["complete"] = batch.stop
            bar.update(batch.stop - first)
