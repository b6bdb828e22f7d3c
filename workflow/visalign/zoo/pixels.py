"""Batches of stored pixels on the device, read ahead; and how large a batch should be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
import zarr
from torch import Tensor

from visalign.zoo.device import device

#: The search ends where a doubled batch is not this much faster.
WORTHWHILE = 1.05
SMALLEST, LARGEST = 16, 1024
#: Bytes of recorded activations that a batch on a CPU may hold.
CPU_BATCH_BYTES = 256 << 20


def from_uint8(pixels: Any) -> Tensor:
    """Return stored pixels (n, 3, height, width) uint8 as float32 in [0, 1] on the device."""
    return on_device(torch.from_numpy(np.ascontiguousarray(pixels)))


def on_device(pixels: Tensor) -> Tensor:
    """Return uint8 pixels as float32 in [0, 1] on the device."""
    if device().type == "cuda":
        pixels = pixels.pin_memory()
    return pixels.to(device(), non_blocking=True).float().div_(255)


def pixel_batches(
    pixels: zarr.Array, batch_size: int, start: int = 0, prepare: Callable[[Tensor], Tensor] | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Yield (rows, batch) of a uint8 store; the next batch is made meanwhile, by another thread.

    Parameters
    ----------
    pixels : zarr.Array of uint8, shape (n_stimuli, 3, height, width)
    prepare : callable, optional
        Applied to each batch, for example normalisation.

    Yields
    ------
    rows : slice
    batch : Tensor of float32, shape (n_rows, 3, height, width)
        In [0, 1] before `prepare`, channels_last, on the device.
    """

    def read(rows: slice) -> Tensor:
        stored = torch.from_numpy(np.ascontiguousarray(pixels[rows]))
        batch = on_device(stored.contiguous(memory_format=torch.channels_last))
        return prepare(batch) if prepare else batch

    n = pixels.shape[0]
    with ThreadPoolExecutor(1) as reader:
        upcoming = reader.submit(read, slice(start, start + batch_size))
        for first in range(start, n, batch_size):
            batch, rows = upcoming.result(), slice(first, min(first + batch_size, n))
            upcoming = reader.submit(read, slice(rows.stop, min(rows.stop + batch_size, n)))
            yield rows, batch


def cpu_batch_size(bytes_per_stimulus: int) -> int:
    """Batch size on a CPU, where more than 32 gain nothing: what `CPU_BATCH_BYTES` hold of that."""
    return min(max(CPU_BATCH_BYTES // bytes_per_stimulus, 1), 32)


def gpu_batch_size(stimuli_per_second: Callable[[int], float], largest: int = LARGEST) -> int:
    """Batch size on a GPU: doubled while memory lasts and it pays, in at most seven trials.

    Parameters
    ----------
    stimuli_per_second : callable
        Speed at a batch size; raises ``torch.OutOfMemoryError`` where memory does not last.
    largest : int
        No larger batch is tried.

    Raises
    ------
    torch.OutOfMemoryError
        Not even one stimulus fits.
    """
    size = min(SMALLEST, largest)
    while True:
        try:
            speed = stimuli_per_second(size)
            break
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size = max(size // 4, 1)
    while 2 * size <= largest:
        try:
            faster = stimuli_per_second(2 * size)
        except torch.OutOfMemoryError:
            break
        if faster < WORTHWHILE * speed:
            break
        size, speed = 2 * size, faster
    return size


def stimuli_per_second(forward: Callable[[Tensor], Any], size: int, input_size: tuple[int, ...]) -> float:
    """Speed of a forward pass of `size` grey images of (height, width) on a GPU, after one to warm up."""
    pixels = torch.zeros(size, 3, *input_size, device=device()).contiguous(memory_format=torch.channels_last)
    forward(pixels)
    torch.cuda.synchronize()
    start = time.perf_counter()
    forward(pixels)
    torch.cuda.synchronize()
    return size / (time.perf_counter() - start)
