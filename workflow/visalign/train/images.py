"""Images for training, read from their files batch by batch, with their human maps.

What is in memory: batches that are read ahead, decoded images up to `CACHE_BYTES`, and human maps as they are
stored (64 × 64 pixels).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from visalign.maps import processing as human_maps
from visalign.stimuli import images
from visalign.train.augmentation import augment, batch_indices

#: Decoded images that are kept, so that small sets are decoded once.
CACHE_BYTES = 512 << 20
#: Batches read ahead.
AHEAD = 2


class Batch(NamedTuple):
    """Images (n, 3, size, size) uint8 of one step, labels (n,), maps (n, size, size), which have one (n,)."""

    images: Tensor
    labels: Tensor
    human_maps: Tensor
    has_map: Tensor


@dataclass
class TrainingImages:
    """Images with and without human maps, mixed and augmented for training.

    Parameters
    ----------
    table : DataFrame
        ``path`` and ``label`` of each image, and ``background`` where it is transparent: first those of
        `maps`, then those without.
    maps : ndarray, shape (n_maps, height, width)
        Of the first images of the table. A constant or non-finite one is none.
    size : int
        Height and width of what the model sees, in pixels.
    batch_size : int
    share : float
        See `train.augmentation.batch_indices`.
    seed : int
        With the step it decides a batch.
    smallest_crop : float
        See `train.augmentation.augment`.
    """

    table: pd.DataFrame
    maps: np.ndarray
    size: int
    batch_size: int
    share: float
    seed: int
    smallest_crop: float
    has_map: np.ndarray = field(init=False)
    cache: dict[int, Tensor] = field(init=False, default_factory=dict)
    cached_bytes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        constant, non_finite = human_maps.undefined_maps(self.maps)
        self.has_map = np.zeros(len(self.table), bool)
        self.has_map[: len(self.maps)] = ~constant & ~non_finite
        self.indices(0)  # an impossible share is an error now

    def indices(self, step: int) -> np.ndarray:
        """Rows of the table in the batch of a step (batch_size,)."""
        return batch_indices(self.has_map, self.batch_size, step, self.seed, self.share)

    def image(self, row: int) -> Tensor:
        """Decoded image of a row of the table, uint8 (3, height, width)."""
        if row in self.cache:
            return self.cache[row]
        entry = self.table.iloc[row]
        decoded = images.read(entry["path"], entry.get("background", ""))
        image = torch.from_numpy(np.array(decoded.image)).permute(2, 0, 1)
        if self.cached_bytes < CACHE_BYTES:
            self.cached_bytes += image.numel()
            self.cache[row] = image
        return image

    def augmented(self, row: int, step: int, slot: int) -> tuple[Tensor, Tensor, bool]:
        """One image of a batch, with its map; what chance does depends on seed, step and slot alone."""
        image = self.image(row)
        human = None
        if self.has_map[row]:
            resized = human_maps.resize_bilinear(self.maps[row][None], (image.shape[1], image.shape[2]))
            human = torch.from_numpy(resized[0])
        rng = np.random.default_rng([self.seed, step, slot])
        return augment(image, human, self.size, rng, self.smallest_crop)

    def batches(self, start: int, stop: int, workers: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches of steps `start` to `stop`, read ahead by `workers` threads.

        Of `world` processes each has its own part of every batch, with a like share of maps.
        """
        labels = torch.tensor(self.table["label"].to_numpy(np.int64))
        reading: deque[tuple[np.ndarray, list[Future]]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            for step in range(start, stop + AHEAD):
                if step < stop:
                    rows, slots = self.indices(step)[rank::world], range(rank, self.batch_size, world)
                    jobs = [
                        pool.submit(self.augmented, int(row), step, slot)
                        for row, slot in zip(rows, slots, strict=True)
                    ]
                    reading.append((rows, jobs))
                if step >= start + AHEAD and reading:
                    rows, jobs = reading.popleft()
                    images, maps, has_map = zip(*(job.result() for job in jobs), strict=True)
                    yield Batch(torch.stack(images), labels[rows], torch.stack(maps), torch.tensor(has_map))
