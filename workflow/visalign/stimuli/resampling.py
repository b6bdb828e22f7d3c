"""Weights that bring a line of cells to another number: means where it is finer, else interpolated."""

from __future__ import annotations

import numpy as np


def bilinear_matrix(n_in: int, n_out: int) -> np.ndarray:
    """Weights of one-dimensional bilinear resizing, float64, shape (n_out, n_in)."""
    centre = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
    low = np.floor(centre).astype(int)
    high = np.minimum(low + 1, n_in - 1)
    weights = np.zeros((n_out, n_in))
    index = np.arange(n_out)
    weights[index, low] = 1 - (centre - low)
    weights[index, high] += centre - low
    return weights


def area_matrix(n_in: int, n_out: int) -> np.ndarray:
    """Weights (n_out, n_in) that average a line of cells over n_out equal stretches."""
    edges = np.linspace(0, n_in, n_out + 1)
    cells = np.arange(n_in)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.maximum(overlap, 0) * n_out / n_in


def resampling_matrix(n_in: int, n_out: int) -> np.ndarray:
    """Weights (n_out, n_in): area mean where the input is finer, else bilinear."""
    return area_matrix(n_in, n_out) if n_in > n_out else bilinear_matrix(n_in, n_out)
