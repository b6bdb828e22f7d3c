"""Closed-form projections of the minimum-norm search."""

from __future__ import annotations

import torch
from torch import Tensor

#: Stands for offsets, relative to the largest entry of the normal, that overflow: further than any box.
FARTHEST = -1e30


def per_image(values: Tensor, like: Tensor) -> Tensor:
    """Reshape one value per image, shape (n,), so that it broadcasts over `like`, shape (n, ...)."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner product per image of two tensors of shape (n, ...); returns shape (n,)."""
    return (a * b).flatten(1).sum(dim=1)


def l2(a: Tensor) -> Tensor:
    """L2 norm per image of a tensor of shape (n, ...); returns shape (n,)."""
    return a.flatten(1).norm(dim=1)


def power_of_two(a: Tensor) -> Tensor:
    """Power of two above the largest |entry| per image of a tensor of shape (n, ...), 1 for 0; shape (n,).

    Dividing by it is exact, and squares of what is left stay in the range of the type.
    """
    largest = a.flatten(1).abs().amax(dim=1)
    return torch.where(largest > 0, largest / torch.frexp(largest).mantissa, 1.0)


def unit(a: Tensor) -> Tensor:
    """Divide a tensor of shape (n, ...) by its L2 norm per image, whatever its scale; 0 stays 0."""
    a = a / per_image(power_of_two(a), a)
    return a / per_image(l2(a).clamp_min(0.25), a)


def smallest_step(
    normal: Tensor, offset: Tensor, lower: Tensor, upper: Tensor, iterations: int = 30
) -> Tensor:
    """Point of smallest norm in a half-space and a box, one quadratic program per image.

    Solves min ‖δ‖² subject to ⟨normal, δ⟩ ≤ offset and lower ≤ δ ≤ upper. The solution is
    δ(λ) = clip(−λ·normal, lower, upper) for one multiplier λ ≥ 0, and −⟨normal, δ(λ)⟩ is concave and
    increasing in λ, so Newton's method from the left is monotone and ends after finitely many steps.

    Parameters
    ----------
    normal : Tensor, shape (n, ...)
    offset : Tensor, shape (n,)
        Where it is ≥ 0, δ = 0 is feasible and is returned.
    lower, upper : Tensor, shape (n, ...)
        The box; lower ≤ 0 ≤ upper.
    iterations : int
        Newton steps at most.

    Returns
    -------
    Tensor, shape (n, ...)
        Where the half-space does not meet the box (or `normal` vanishes), the point reached on the way to
        the corner of the box that comes closest to it; it violates the half-space.
    """
    size = power_of_two(normal)  # whatever the scale of the logits
    normal, offset = normal / per_image(size, normal), (offset / size).clamp_min(FARTHEST)
    squared = inner(normal, normal)
    multiplier = ((-offset) / squared.clamp_min(0.25)).clamp_min(0) * (squared > 0)
    for _ in range(iterations):
        step = -per_image(multiplier, normal) * normal
        free = (step > lower) & (step < upper)
        missing = inner(normal, step.clamp(lower, upper)) - offset
        slope = inner(normal * free, normal)
        move = (missing > 1e-6 * offset.abs()) & (slope > 1e-12 * squared)
        if not bool(move.any()):
            break
        multiplier = multiplier + torch.where(move, missing / slope, 0)
    return (-per_image(multiplier, normal) * normal).clamp(lower, upper)
