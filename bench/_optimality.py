"""Local optimality of an attack, AttackBench's measure, and what our search takes by its count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visalign.attacks.minimum_norm import MinimumNorm
from visalign.attacks.protocol import N_CANDIDATES


def local_optimality(norms: np.ndarray, best: np.ndarray) -> float:
    """How near an attack comes to the best norms: ξ of AttackBench, 1 where it has them all.

    ξ = (ρ ε₀ − A) / (ρ ε₀ − A*), with ρ the clean accuracy, 1 on images that the model names correctly, A and
    A* the areas under the curves of accuracy over the norm ε, of the attack and of the best, and ε₀ the norm
    where the best leaves no image right. A curve falls by 1/n at each norm, so that the area under it up to
    ε₀ is the mean of min(norm, ε₀).

    Source: Cinà, Rony and others 2024, arXiv 2404.19460.

    Parameters
    ----------
    norms, best : ndarray, shape (n,)
        Of the attack, infinite where it does not fool an image; the smallest of all attacks, finite.
    """
    end = best.max()
    return float((end - np.minimum(norms, end).mean()) / (end - best.mean()))


def propagations(found: MinimumNorm) -> np.ndarray:
    """Forward and backward passes of each image, (n,): the screening's gradients share one forward pass."""
    return 2 * found.gradient_evaluations - (N_CANDIDATES - 1) + found.forward_evaluations


def norms_within(searches: Sequence[MinimumNorm], limit: int) -> np.ndarray:
    """Our norm of each image, (n,), at the largest budget that takes no more than `limit` propagations."""
    norms = np.full(len(searches[0].norm), np.inf)
    for found in searches:  # of rising budgets, so of falling norms
        allowed = found.success & (propagations(found) <= limit)
        norms[allowed] = found.norm[allowed]
    return norms
