"""How far what a faster form of a network computes is from what the network computes."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Deviation(NamedTuple):
    """A layer, and its root mean square difference in standard deviations of its values."""

    layer: str
    size: float

    def __str__(self) -> str:
        return f"{self.layer!r} differs by {self.size:.1e} of its standard deviation"


def deviation(values: Tensor, reference: Tensor) -> float:
    """Root mean square difference, in standard deviations of all values of the reference.

    Computed in float64. Infinite where a value is not finite, or the reference does not vary and they differ.
    """
    one, other = values.double(), reference.double()
    difference = (one - other).square().mean().sqrt()
    size = float(difference / other.std(correction=0)) if difference else 0.0
    return size if size == size else float("inf")


def largest(values: dict[str, Tensor], reference: dict[str, Tensor]) -> Deviation:
    """Return the layer, of those of a forward pass, that differs most from the same of a reference."""
    return max(
        (Deviation(layer, deviation(values[layer], own)) for layer, own in reference.items()),
        key=lambda found: found.size,
    )
