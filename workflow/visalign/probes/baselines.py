"""What needs no network: pixels and image statistics as features of the same probe.

A task whose labels these give away asks for less than it seems to.
"""

from __future__ import annotations

import numpy as np

#: Side of the image whose pixels are features.
SIDE = 28
BINS = 8
BANDS = 8
#: Grey levels from the ground that are ink.
INK = 25.5
_LUMINANCE = np.array([299.0, 587.0, 114.0])  # thousandths, so that grey stays exact


def grey(images: np.ndarray) -> np.ndarray:
    """Grey levels (n, height, width) of images, grey ones or (n, height, width, 3), by Rec. 601; float64."""
    if images.ndim == 3:
        return images.astype(np.float64)
    return images.astype(np.float64) @ _LUMINANCE / 1000


def pixels(images: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Area means of the grey levels on a grid of `side` × `side`.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width) or (n, height, width, 3)

    Returns
    -------
    ndarray, shape (n, side²)
        Row by row, from 0 to 255.
    """
    height, width = images.shape[1:3]
    down, across = _areas(height, side), _areas(width, side)
    return np.array([(down @ grey(image[None])[0] @ across.T).ravel() for image in images])


def statistics(images: np.ndarray, markers: np.ndarray | None = None) -> np.ndarray:
    """Statistics of each image, and their squares.

    Share of ink (pixels that differ from the median grey), mean and standard deviation, histogram of 8 bins,
    centroid and second moments of what differs from the median, power in 8 rings of spatial frequency
    (log₁₀), and, where given, places of markers and the distances between them.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width) or (n, height, width, 3)
    markers : ndarray, shape (n, m, 2), optional
        x and y of each marker, in pixels.

    Returns
    -------
    ndarray, shape (n, k)
    """
    found = np.array([_statistics(grey(image[None])[0]) for image in images])
    if markers is not None:
        n, m = markers.shape[:2]
        first, second = np.triu_indices(m, 1)
        apart = np.hypot(*np.moveaxis(markers[:, first] - markers[:, second], -1, 0))
        found = np.hstack([found, markers.reshape(n, 2 * m), apart.reshape(n, len(first))])
    return np.hstack([found, found**2])


def _statistics(image: np.ndarray) -> np.ndarray:
    """Statistics of one grey image (height, width)."""
    height, width = image.shape
    weight = np.abs(image - np.median(image))
    total = weight.sum()
    share = weight / total if total > 0 else np.full(image.shape, 1 / image.size)
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    cx, cy = share.sum(axis=0) @ x, share.sum(axis=1) @ y
    dx, dy = x - cx, y - cy
    moments = share.sum(axis=0) @ dx**2, share.sum(axis=1) @ dy**2, dy @ share @ dx
    histogram = np.histogram(image, bins=BINS, range=(0, 256))[0] / image.size
    head = ((weight > INK).mean(), image.mean(), image.std())
    return np.array([*head, *histogram, cx, cy, *moments, *_bands(image)])


def _bands(image: np.ndarray) -> np.ndarray:
    """Power (BANDS,), log₁₀ of 1 + its mean, in rings of equal width up to the Nyquist frequency."""
    power = np.abs(np.fft.rfft2(image - image.mean())) ** 2 / image.size
    fy, fx = np.fft.fftfreq(image.shape[0]), np.fft.rfftfreq(image.shape[1])
    ring = np.minimum((np.hypot(fy[:, None], fx) * 2 * BANDS).astype(int), BANDS).ravel()
    sums, counts = (
        np.bincount(ring, minlength=BANDS + 1, weights=w)[:BANDS] for w in (power.ravel(), np.ones(ring.size))
    )
    return np.log10(1 + sums / np.maximum(counts, 1))


def _areas(size: int, side: int) -> np.ndarray:
    """Weights (side, size) that average `size` pixels over `side` cells of equal area."""
    edges = np.linspace(0, size, side + 1)
    starts = np.arange(size)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.maximum(overlap, 0) * side / size
