"""Human importance maps: the one processing that every map gets before it is compared, and overlap measures.

Processing (docs/methods.md §4, equal to the released reference to 1e-5): bilinear to 64 × 64, then a 10 × 10
Gaussian blur; for the comparison with a model, bilinear again to the model's input size.
"""

from __future__ import annotations

import numpy as np

from visalign.stimuli.resampling import bilinear_matrix

#: Side of a processed map, in pixels.
SIZE = 64
#: Standard deviation of the blur, and its taps, in pixels of the 64 × 64 map.
BLUR_SIGMA = 10.0
BLUR_TAPS = np.arange(-5, 5)


def process(heatmaps: np.ndarray) -> np.ndarray:
    """Resize to 64 × 64 and blur.

    Parameters
    ----------
    heatmaps : ndarray, shape (n_maps, height, width)
        Finite.

    Returns
    -------
    ndarray of float32, shape (n_maps, 64, 64)
    """
    blur = gaussian_matrix(SIZE)
    rows = blur @ bilinear_matrix(heatmaps.shape[-2], SIZE)
    columns = blur @ bilinear_matrix(heatmaps.shape[-1], SIZE)
    return _separable(heatmaps, rows, columns)


def shrink(heatmaps: np.ndarray) -> np.ndarray:
    """Resize maps that were blurred at 64 × 64 and enlarged since; nothing else is done to them.

    Parameters
    ----------
    heatmaps : ndarray, shape (n_maps, height, width)
        Finite, of at least 64 × 64 pixels.

    Returns
    -------
    ndarray of float32, shape (n_maps, 64, 64)
        What `process` gave, but for what bilinear enlarging leaves: to 224 and back, 0.054 of the second
        differences along each axis.
    """
    return resize_bilinear(heatmaps, (SIZE, SIZE))


def resize_bilinear(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize without antialiasing, pixel centres aligned (torch: ``align_corners=False``).

    Parameters
    ----------
    maps : ndarray, shape (n_maps, height, width)
        Finite.
    size : (int, int)
        New height and width.

    Returns
    -------
    ndarray of float32, shape (n_maps, *size)
    """
    return _separable(
        maps, bilinear_matrix(maps.shape[-2], size[0]), bilinear_matrix(maps.shape[-1], size[1])
    )


def gaussian_matrix(n: int) -> np.ndarray:
    """Weights of the one-dimensional blur with zero padding, float64, shape (n, n).

    The kernel exp(−x²/(2σ²)) has the even taps x = −5 … 4 and is laid on the offsets −4 … 5 (padding of 4
    before and 5 after): the released reference does so, which shifts maps by one pixel of 64.
    """
    kernel = np.exp(-(BLUR_TAPS**2) / (2 * BLUR_SIGMA**2))
    kernel /= kernel.sum()
    shifts = np.array([np.eye(n, k=int(tap) + 1) for tap in BLUR_TAPS])
    return np.tensordot(kernel, shifts, axes=1)


def _separable(maps: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    # Rounded to float32 only at the end: sums in float64 keep equal pixels equal, hence ties tied.
    return (rows @ maps.astype(np.float64) @ columns.T).astype(np.float32)


def undefined_maps(heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell the maps that no correlation can be computed with.

    Parameters
    ----------
    heatmaps : ndarray, shape (n_maps, height, width)

    Returns
    -------
    constant, non_finite : ndarray of bool, shape (n_maps,)
    """
    flat = heatmaps.reshape(len(heatmaps), -1)
    non_finite = ~np.isfinite(flat).all(axis=1)
    constant = ~non_finite & (flat == flat[:, :1]).all(axis=1)
    return constant, non_finite


def top_overlap(a: np.ndarray, b: np.ndarray, fraction: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Overlap of the most important pixels of matching maps: intersection over union, and Dice.

    Parameters
    ----------
    a, b : ndarray, shape (n_maps, height, width)
    fraction : float
        Share of the pixels that count as most important, in (0, 1].

    Returns
    -------
    iou, dice : ndarray, shape (n_maps,)
        Each set has exactly ``round(fraction · n_pixels)`` pixels; pixels tied at its border belong to it in
        equal parts, so that the result does not depend on the order of pixels.
    """
    return overlap(top_membership(a, fraction), top_membership(b, fraction))


def top_membership(maps: np.ndarray, fraction: float = 0.1) -> np.ndarray:
    """Share with which each pixel of maps (n, height, width) is among the most important, (n, n_pixels)."""
    flat = maps.reshape(len(maps), -1)
    count = max(1, round(fraction * flat.shape[1]))
    border = -np.partition(-flat, count - 1, axis=1)[:, count - 1 : count]
    above, tied = flat > border, flat == border
    share = (count - above.sum(axis=1, keepdims=True)) / np.maximum(tied.sum(axis=1, keepdims=True), 1)
    return above + tied * share


def overlap(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intersection over union, and Dice, of sets of one size as `top_membership` gives them.

    Parameters
    ----------
    a, b : ndarray, shape (..., n_pixels)
        Pixels that are not in `b` may be left out of both.

    Returns
    -------
    iou, dice : ndarray, shape (...)
    """
    shared, size = np.minimum(a, b).sum(axis=-1), b.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return shared / (2 * size - shared), shared / size
