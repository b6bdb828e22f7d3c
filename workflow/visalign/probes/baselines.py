"""What the pixels themselves give: features of images for the same probes that models' features get.

A task of which these know the answer is no test of vision beyond them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from visalign.stimuli.resampling import resampling_matrix

#: Side of the reduced image.
SIDE = 28
#: Bins of the histogram of grey levels, and bands of the radial power spectrum.
BINS, BANDS = 8, 8
LUMA = np.array([0.299, 0.587, 0.114])


def grey_of(pixels: np.ndarray) -> np.ndarray:
    """Luma (n, height, width) in 0 to 1 of pixels (n, 3, height, width) uint8."""
    return sum(weight * pixels[:, channel] for channel, weight in enumerate(LUMA / 255))


def of_pixels(pixels: np.ndarray) -> np.ndarray:
    """Luma of area means on a grid of 28 × 28, (n, 784).

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, 3, height, width)
    """
    grey = grey_of(pixels)
    down, across = (resampling_matrix(side, SIDE) for side in grey.shape[1:])
    return np.einsum("iy,jx,nyx->nij", down, across, grey, optimize=True).reshape(len(pixels), -1)


def of_statistics(pixels: np.ndarray) -> np.ndarray:
    """Image statistics and their squares.

    Mean, standard deviation, histogram of 8 bins, share of pixels that differ from the commonest grey level
    (ink), centroid and second moments of these, power in 8 bands of spatial frequency.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, 3, height, width)

    Returns
    -------
    ndarray, shape (n, 2 · n_statistics)
    """
    grey = grey_of(pixels)
    height, width = grey.shape[1:]
    y, x = np.mgrid[:height, :width] / max(height, width)
    histogram = np.stack([np.histogram(image, BINS, (0, 1))[0] for image in grey]) / (height * width)
    ground = (
        np.array([np.bincount(np.rint(255 * image).astype(int).ravel()).argmax() for image in grey]) / 255
    )
    ink = abs(grey - ground[:, None, None])
    total = np.maximum(ink.sum(axis=(1, 2)), 1e-9)
    cx, cy = (ink * x).sum(axis=(1, 2)) / total, (ink * y).sum(axis=(1, 2)) / total
    dx, dy = x - cx[:, None, None], y - cy[:, None, None]
    moments = [(ink * part).sum(axis=(1, 2)) / total for part in (dx**2, dy**2, dx * dy)]
    power = np.abs(np.fft.rfft2(grey - grey.mean(axis=(1, 2), keepdims=True))) ** 2
    fy, fx = np.abs(np.fft.fftfreq(height))[:, None], np.fft.rfftfreq(width)[None, :]
    band = np.clip((np.hypot(fy, fx) * 2 * BANDS).astype(int), 0, BANDS - 1)
    bands = [np.log1p(power[:, band == index].sum(axis=1)) for index in range(BANDS)]
    columns = [
        grey.mean(axis=(1, 2)),
        grey.std(axis=(1, 2)),
        total / (height * width),
        cx,
        cy,
        *moments,
        *bands,
    ]
    found = np.column_stack([*columns, histogram])
    return np.column_stack([found, found**2])


def features_of(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Reduced pixels and statistics of images that come in batches (n, 3, height, width)."""
    pairs = [(of_pixels(batch), of_statistics(batch)) for batch in batches]
    pixels, statistics = zip(*pairs, strict=True)
    return np.concatenate(pixels), np.concatenate(statistics)
