"""Closed-form projections of the minimum-norm search."""

from __future__ import annotations

from torch import Tensor


def per_image(values: Tensor, like: Tensor) -> Tensor:
    """Reshape one value per image, shape (n,), so that it broadcasts over `like`, shape (n, ...)."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner product per image of two tensors of shape (n, ...); returns shape (n,)."""
    return (a * b).flatten(1).sum(dim=1)


def l2(a: Tensor) -> Tensor:
    """L2 norm per image of a tensor of shape (n, ...); returns shape (n,)."""
    return a.flatten(1).norm(dim=1)


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
    squared = inner(normal, normal)
    tiny = squared.new_tensor(1e-30)
    multiplier = ((-offset) / squared.clamp_min(tiny)).clamp_min(0) * (squared > tiny)
    for _ in range(iterations):
        step = -per_image(multiplier, normal) * normal
        free = (step > lower) & (step < upper)
        missing = inner(normal, step.clamp(lower, upper)) - offset
        slope = inner(normal * free, normal)
        move = (missing > 1e-6 * offset.abs()) & (slope > 1e-12 * squared) & (squared > tiny)
        if not bool(move.any()):
            break
        multiplier = multiplier + (missing / slope.clamp_min(tiny)) * move
    return (-per_image(multiplier, normal) * normal).clamp(lower, upper)
