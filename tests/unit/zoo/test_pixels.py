"""Claims about batches: every stimulus once, in order; sizes that fit and pay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import zarr

from visalign.zoo import pixels as batches


@pytest.mark.parametrize(("start", "sizes"), [(0, [4, 4, 2]), (4, [4, 2]), (10, [])])
def test_batches_cover_the_stimuli_in_order(noise_images, start, sizes):
    stored = zarr.array(noise_images)
    read = list(batches.pixel_batches(stored, 4, start))
    assert [len(batch) for _, batch in read] == sizes
    for rows, batch in read:
        assert batch.is_contiguous(memory_format=torch.channels_last) and batch.dtype == torch.float32
        assert batch.min() >= 0 and batch.max() <= 1
        np.testing.assert_allclose(batch.cpu().numpy() * 255, noise_images[rows], atol=1e-4)


def test_reading_ahead_stays_one_batch_ahead(noise_images):
    class Counted:
        shape, read = noise_images.shape, 0

        def __getitem__(self, rows):
            self.read += 1
            return noise_images[rows]

    pixels = Counted()
    for number, _ in enumerate(batches.pixel_batches(pixels, 2)):
        assert pixels.read <= number + 2


def test_an_unreadable_batch_is_not_swallowed(noise_images):
    class Broken:
        shape = noise_images.shape

        def __getitem__(self, rows):
            if rows.start >= 4:
                raise OSError("disk")
            return noise_images[rows]

    with pytest.raises(OSError, match="disk"):
        list(batches.pixel_batches(Broken(), 2))


@pytest.mark.parametrize(("bytes_per_stimulus", "expected"), [(1, 32), (16 << 20, 16), (1 << 30, 1)])
def test_a_batch_on_a_cpu_is_bounded_by_its_activations(bytes_per_stimulus, expected):
    assert batches.cpu_batch_size(bytes_per_stimulus) == expected


def device_of(fits: int, saturates: int):
    """Speed of a device that holds `fits` stimuli and is fully busy with `saturates`."""
    tried: list[int] = []

    def speed(size: int) -> float:
        tried.append(size)
        if size > fits:
            raise torch.OutOfMemoryError
        return float(min(size, saturates))

    return speed, tried


@pytest.mark.parametrize(
    ("fits", "saturates", "largest", "expected"),
    [(10**6, 128, 10**6, 128), (200, 10**6, 10**6, 128), (10**6, 10**6, 1024, 1024), (3, 10**6, 1024, 2),
     (10**6, 10**6, 5, 5), (1, 1, 1024, 1)],
)  # fmt: skip
def test_the_search_finds_the_largest_batch_that_fits_and_pays(fits, saturates, largest, expected):
    speed, tried = device_of(fits, saturates)
    assert batches.gpu_batch_size(speed, largest) == expected
    assert len(tried) <= 8


def test_a_device_too_small_for_one_stimulus_says_so():
    speed, _ = device_of(0, 1)
    with pytest.raises(torch.OutOfMemoryError):
        batches.gpu_batch_size(speed)
