"""Ways to pool a layer, and the names of pooled layers in a store; how it is done is in `pooling`."""

from __future__ import annotations

#: Means over all positions, over each cell of a 4 × 4 grid, over those that touch the middle.
POOLS = ("mean", "grid-4", "centre")


def array_of(layer: str, pool: str) -> str:
    """Name of the array of a pooled layer; a layer without positions keeps its own name."""
    return f"{layer}@{pool}"
