"""Claims about pooled layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from visalign.zoo.layers import TokenLayout
from visalign.zoo.pooling import pooled, unpoolable
from visalign.zoo.pools import POOLS

NO_TOKENS: TokenLayout = {"prefix_tokens": 0, "token_grid": None}
PATCHES: TokenLayout = {"prefix_tokens": 2, "token_grid": [4, 6]}
SPATIAL = ("channel", "y", "x")


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def test_mean_is_that_over_positions_whatever_the_order_of_axes():
    values = drawn(3, 5, 6, 7)
    expected = values.mean(dim=(2, 3))
    torch.testing.assert_close(pooled(values, SPATIAL, "mean", NO_TOKENS), expected)
    last = values.permute(0, 2, 3, 1)
    torch.testing.assert_close(pooled(last, ("y", "x", "channel"), "mean", NO_TOKENS), expected)


@pytest.mark.parametrize("side", [8, 6, 3])
def test_grid_holds_area_means_cell_by_cell(side: int):
    values = drawn(2, 3, side, side)
    fine = values.repeat_interleave(4, dim=2).repeat_interleave(
        4, dim=3
    )  # every cell is whole pixels of these
    cells = torch.nn.functional.avg_pool2d(fine, side)
    expected = cells.permute(0, 2, 3, 1).reshape(2, -1)
    torch.testing.assert_close(pooled(values, SPATIAL, "grid-4", NO_TOKENS), expected)


@pytest.mark.parametrize(("side", "middle"), [(6, slice(2, 4)), (7, slice(3, 4)), (1, slice(0, 1))])
def test_centre_is_the_positions_that_touch_the_middle(side: int, middle: slice):
    values = drawn(2, 3, side, side)
    expected = values[:, :, middle, middle].mean(dim=(2, 3))
    torch.testing.assert_close(pooled(values, SPATIAL, "centre", NO_TOKENS), expected)


def test_tokens_before_the_patches_are_left_out():
    values = drawn(2, 26, 5)
    patches = values[:, 2:].reshape(2, 4, 6, 5)
    axes = ("token", "channel")
    torch.testing.assert_close(pooled(values, axes, "mean", PATCHES), patches.mean(dim=(1, 2)))
    torch.testing.assert_close(pooled(values, axes, "centre", PATCHES), patches[:, 1:3, 2:4].mean(dim=(1, 2)))


def test_vectors_stay_as_they_are_in_float32():
    values = drawn(4, 9).half()
    for pool in POOLS:
        found = pooled(values, ("channel",), pool, NO_TOKENS)
        assert found.dtype == torch.float32 and torch.equal(found, values.float())


def test_tokens_without_a_known_grid_have_no_places_but_a_mean():
    axes = ("token", "channel")
    assert unpoolable((26, 5), axes, "mean", NO_TOKENS) is None
    assert "26 tokens" in (unpoolable((26, 5), axes, "centre", NO_TOKENS) or "")
    assert "27 tokens" in (unpoolable((27, 5), axes, "grid-4", PATCHES) or "")
    assert unpoolable((26, 5), axes, "grid-4", PATCHES) is None
