"""Layers reduced to vectors: means over positions, over the cells of a grid, or of the centre."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from visalign.stimuli.resampling import area_matrix
from visalign.zoo.layers import TokenLayout


def unpoolable(shape: tuple[int, ...], axes: tuple[str, ...], pool: str, layout: TokenLayout) -> str | None:
    """Why a layer cannot be pooled that way, or None.

    Parameters
    ----------
    shape : tuple of int
        Of one stimulus.
    axes : tuple of str
        Names of its axes: channel, y, x, token.
    """
    if axes != ("token", "channel") or pool == "mean":
        return None
    grid, tokens = layout["token_grid"], shape[0] - layout["prefix_tokens"]
    if grid is None or grid[0] * grid[1] != tokens:
        return f"has {shape[0]} tokens that are not laid out on a known grid"
    return None


def pooled(values: Tensor, axes: tuple[str, ...], pool: str, layout: TokenLayout) -> Tensor:
    """Pool the positions of a layer.

    Parameters
    ----------
    values : Tensor, shape (n, ...)
    axes : tuple of str
        Names of the axes after the first: channel alone, token and channel, or channel, y and x in any order.
    pool : {"mean", "grid-N", "centre"}
        ``mean`` leaves out the tokens before the patches. ``grid-N`` has the area means of N × N equal cells,
        cell by cell and row by row, all channels of each. ``centre`` is the mean of the positions that touch
        the middle: 2 × 2 of even sides, one of odd ones.
    layout : TokenLayout
        Of the model, see `layers.token_layout`.

    Returns
    -------
    Tensor of float32, shape (n, channels) or (n, N² · channels)
    """
    values = values.float()
    if axes == ("channel",):
        return values
    if axes == ("token", "channel"):
        patches = values[:, layout["prefix_tokens"] :]
        if pool == "mean":
            return patches.mean(dim=1)
        grid = layout["token_grid"]
        assert grid is not None, "see unpoolable"
        spatial = patches.reshape(len(values), grid[0], grid[1], -1)
    else:
        spatial = values.permute(0, *(1 + axes.index(name) for name in ("y", "x", "channel")))
    if pool == "mean":
        return spatial.mean(dim=(1, 2))
    if pool == "centre":
        rows, columns = (slice((side - 1) // 2, side // 2 + 1) for side in spatial.shape[1:3])
        return spatial[:, rows, columns].mean(dim=(1, 2))
    match = re.fullmatch(r"grid-(\d+)", pool)
    assert match is not None, f"pool {pool!r}"
    down, across = (_weights(side, int(match[1]), spatial) for side in spatial.shape[1:3])
    return torch.einsum("gy,hx,nyxc->nghc", down, across, spatial).flatten(1)


def _weights(n_in: int, n_out: int, like: Tensor) -> Tensor:
    return torch.from_numpy(area_matrix(n_in, n_out)).to(like)
