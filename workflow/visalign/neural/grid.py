"""Features at the positions of a grid recording, and activity compared over these (docs/methods.md §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import zarr

from visalign.errors import InputError
from visalign.stats.correlations import spearman
from visalign.stats.defined import mean_of_defined
from visalign.stimuli.resampling import area_matrix, resampling_matrix


@dataclass(frozen=True)
class Protocol:
    """How stimuli become rows of a Gram matrix.

    ``whole_image``: a stimulus is a row. ``grid-7``: every image at 7 × 7 positions. ``grid-7-minmax``:
    the same with each image's features scaled to [0, 1] first, as the released code of the IT
    recordings does; it leaks the scale of a held-out image into its features, so it is not the default.
    """

    name: str
    grid: int | None = None
    minmax: bool = False

    @classmethod
    def parse(cls, name: str) -> Protocol:
        """Read a protocol's name; an unknown one is an InputError."""
        match = re.fullmatch(r"whole_image|grid-(\d+)(-minmax)?", name)
        if not match:
            raise InputError(f"protocol: {name!r} is not whole_image, grid-N or grid-N-minmax")
        return cls(name, int(match[1]) if match[1] else None, bool(match[2]))


def axes_of(layer: zarr.Array) -> tuple[str, ...]:
    """Names of a stored layer's axes after the first: channel, y, x, token."""
    names = layer.metadata.dimension_names  # type: ignore[union-attr]
    return tuple(str(name).rsplit("_", 1)[1] for name in (names or ())[1:])


def channels_first(features: np.ndarray, axes: tuple[str, ...], token_grid: list[int] | None) -> np.ndarray:
    """Bring a spatial layer into (n, channel, y, x).

    Parameters
    ----------
    features : ndarray, shape (n, ...)
    axes : tuple of str
        Names of the axes after the first: channel, y, x, token.
    token_grid : [rows, columns], optional
        Of the patches, which are the last tokens.

    Raises
    ------
    InputError
        The layer has no positions, or its tokens are not the patches of a grid.
    """
    if set(axes) == {"channel", "y", "x"}:
        return features.transpose(0, *(1 + axes.index(name) for name in ("channel", "y", "x")))
    if axes != ("token", "channel"):
        raise InputError("has no positions")
    patches = token_grid[0] * token_grid[1] if token_grid else None
    if token_grid is None or patches is None or features.shape[1] < patches:
        raise InputError(f"has {features.shape[1]} tokens that are not laid out on a known grid")
    kept = features[:, features.shape[1] - patches :]
    return kept.reshape(len(features), *token_grid, -1).transpose(0, 3, 1, 2)


def at_positions(features: np.ndarray, grid: int, minmax: bool = False) -> np.ndarray:
    """Features at grid positions, one row per image and position.

    Position k of `grid`, from 0, is the centre of cell k of equal ones, (k + ½) / grid of the side.

    Parameters
    ----------
    features : ndarray, shape (n, channel, y, x)
    grid : int
        Positions per side.
    minmax : bool
        Scale each image's features to [0, 1] first.

    Returns
    -------
    ndarray of float32, shape (n · grid², channel)
        Images in order, positions row by row.
    """
    features = features.astype(np.float32)
    if minmax:
        flat = features.reshape(len(features), -1)
        low, high = flat.min(axis=1), flat.max(axis=1)
        features = (features - low[:, None, None, None]) / np.maximum(high - low, 1e-12)[:, None, None, None]
    rows, columns = (resampling_matrix(side, grid).astype(np.float32) for side in features.shape[2:])
    pooled = rows @ features @ columns.T
    return pooled.transpose(0, 2, 3, 1).reshape(-1, features.shape[1])


def pooled(layer: zarr.Array, grid: int, token_grid: list[int] | None, minmax: bool = False) -> np.ndarray:
    """Features of a stored layer at grid positions of every image, (n · grid², channels) float32.

    Read a shard of images at a time: memory is bounded by the result and one shard.
    """
    axes = axes_of(layer)
    rows = (layer.shards or layer.chunks)[0]
    parts = [
        at_positions(
            channels_first(np.asarray(layer[first : first + rows]), axes, token_grid),
            grid,
            minmax,
        )
        for first in range(0, layer.shape[0], rows)
    ]
    return np.concatenate(parts)


def positions(stimuli: list[str], grid: int) -> list[str]:
    """Names of images at grid positions, as in a grid recording."""
    return [f"{image}/{y:02d}-{x:02d}" for image in stimuli for y in range(grid) for x in range(grid)]


def grid_spearman(predicted: np.ndarray, measured: np.ndarray, grid: int, factor: int = 1) -> float:
    """Rank correlation of site-mean predicted and measured activity over the grid, of one image.

    NaN where a position has no site.

    Parameters
    ----------
    predicted, measured : ndarray, shape (grid², n_sites)
        A mean over sites runs over those that have a value of both at the position.
    factor : int
        1: full grid; 2: quarter grid, half the positions per side (area means).
    """
    side = max(2, grid // factor)
    pool = area_matrix(grid, side)
    present = ~(np.isnan(predicted) | np.isnan(measured))
    means = (mean_of_defined(np.where(present, values, np.nan).T) for values in (predicted, measured))
    grids = (pool @ values.reshape(grid, grid) @ pool.T for values in means)
    return float(spearman(*(values.ravel() for values in grids)))
