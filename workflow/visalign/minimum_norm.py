"""Smallest L2 perturbation that changes a network's answer, found in batches and verified as stored.

Every candidate is rounded to the dtype in which it will be stored, added to the image, clipped to [0, 1] and
run before it counts; the norm and the label reported are those of that image (methods §6). Candidates come
from `visalign.descent`; each is bisected along its ray before it becomes the image's record, so that a larger
budget, which only continues the same sequence, never gives a larger norm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from visalign.descent import Frontier, Model, margin, margin_gradient, screen
from visalign.geometry import inner, l2, per_image

#: Classes linearised at the image, and how many of them are descended further.
N_CANDIDATES, N_SLOTS = 9, 4
#: An image leaves the batch after this many gradients in a row without a smaller record.
PATIENCE = 10
WARM = 12
#: Forward passes at most for one bisection along a ray.
MAX_PROBES = 24
#: Widening of the bracket while one side of the boundary is still unknown.
WIDENING = 4.0


@dataclass(frozen=True)
class MinimumNorm:
    """Result of `minimum_norm`, one row per image, on the CPU.

    Attributes
    ----------
    delta : Tensor of the stored dtype, shape (N, C, H, W)
        Perturbation in pixels of [0, 1]; zero without success. The adversarial image is clip(x + δ, 0, 1).
    norm : ndarray of float64, shape (N,)
        ‖clip(x + δ, 0, 1) − x‖₂; NaN without success.
    adversarial_label : ndarray of int64, shape (N,)
        Class the model gives the adversarial image; −1 without success.
    clean_correct : ndarray of bool, shape (N,)
        Whether the model gives the unperturbed image its label. Only these images are attacked.
    success : ndarray of bool, shape (N,)
        False for a clean-correct image is a censored norm: see `largest_tried_norm`.
    largest_tried_norm : ndarray of float64, shape (N,)
        Largest norm of any perturbation that the model was run on.
    gradient_evaluations, forward_evaluations : ndarray of int64, shape (N,)
        Backward passes (each with its forward, but for the shared one of the screening), and forward passes
        without gradient.
    """

    delta: Tensor
    norm: np.ndarray
    adversarial_label: np.ndarray
    clean_correct: np.ndarray
    success: np.ndarray
    largest_tried_norm: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray


@dataclass
class _Batch:
    """Records and counts of the images of one batch; tensors of shape (n, ...)."""

    model: Model
    images: Tensor
    same: Tensor
    slack: Tensor
    delta: Tensor
    norm: Tensor
    label: Tensor
    largest: Tensor
    gradients: Tensor
    forwards: Tensor

    def probe(self, rows: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Run the stored form of perturbations of these images, keep new records.

        Returns
        -------
        (adversarial, norm) : Tensor of bool, Tensor of float64, each of shape (n_rows,)
        """
        clean = self.images[rows]
        stored = delta.to(self.delta.dtype)
        images = (clean + stored.to(clean.dtype)).clamp(0, 1)
        norm = l2(images.double() - clean.double())
        with torch.no_grad():
            logits = self.model(images)
        value, label = margin(logits, self.same[rows])
        adversarial = value < -self.slack[rows]
        self.forwards[rows] += 1
        self.largest[rows] = torch.maximum(self.largest[rows], norm)
        better = adversarial & (norm < self.norm[rows])
        won = rows[better]
        self.delta[won], self.norm[won], self.label[won] = stored[better], norm[better], label[better]
        return adversarial, norm


def _bisect(batch: _Batch, rows: Tensor, delta: Tensor, scale: Tensor, tolerance: float) -> None:
    """Find the boundary along the rays of `delta`, starting at an estimate of its place.

    Probes scale·(1 ± tolerance/2) first, which settles most rays; then widens the bracket on the side that is
    unknown, then halves it. A ray is given up when it can no longer beat the image's record.

    Parameters
    ----------
    rows : Tensor of int64, shape (n_rows,)
    delta : Tensor, shape (n_rows, C, H, W)
    scale : Tensor, shape (n_rows,)
        The boundary is expected at scale·delta.
    tolerance : float
        Relative width of the final bracket.
    """
    low, high = torch.zeros_like(scale), torch.full_like(scale, torch.inf)
    position, width = scale * (1 + tolerance / 2), torch.full_like(scale, tolerance)
    # the ray beyond which every pixel is clipped
    furthest = 1 / delta.flatten(1).abs().amax(dim=1).clamp_min(1e-12) * 1e4
    open_ = torch.ones_like(scale, dtype=torch.bool)
    for _ in range(MAX_PROBES):
        index = open_.nonzero()[:, 0]
        if not len(index):
            return
        at = position[index]
        adversarial, norm = batch.probe(rows[index], per_image(at, delta) * delta[index])
        high[index] = torch.where(adversarial, at, high[index])
        low[index] = torch.where(adversarial, low[index], at)
        beaten = ~adversarial & (norm >= batch.norm[rows[index]] * (1 - tolerance))
        bracketed = (low > 0) & high.isfinite()
        down, up = high * (1 - width), low * (1 + width)
        position = torch.where(bracketed, (low + high) / 2, torch.where(high.isfinite(), down, up))
        position = torch.where(position > 0, position, high / 2)
        width = torch.where(bracketed, width, width * WIDENING)
        settled = (low >= high * (1 - 1.001 * tolerance)) | (low > furthest)
        open_[index] = ~(settled[index] | beaten)


def _crossing(value: Tensor, slack: Tensor, slope: Tensor) -> Tensor:
    """Scale at which the margin along δ reaches −slack, from its value and slope ⟨g, δ⟩ at scale 1."""
    newton = 1 - (value + slack) / torch.where(slope < 0, slope, -torch.inf)
    return newton.clamp(0.5, 2.0)


def _descend(batch: _Batch, frontier: Frontier, rows: Tensor, tolerance: float) -> None:
    """Spend one gradient evaluation on each of these images and try what it found as a record."""
    slots = frontier.choose(rows)
    target, delta = frontier.target[rows, slots], frontier.delta[rows, slots]
    images = (batch.images[rows] + delta).clamp(0, 1)
    _, value, gradient = margin_gradient(batch.model, images, batch.same[rows], target)
    batch.gradients[rows] += 1
    batch.largest[rows] = torch.maximum(batch.largest[rows], l2(delta).double())
    scale = _crossing(value, batch.slack[rows], inner(gradient, delta))
    promising = scale * l2(delta) < batch.norm[rows] * (1 - tolerance)
    promising &= batch.gradients[rows] >= WARM
    if bool(promising.any()):
        _bisect(batch, rows[promising], delta[promising], scale[promising], tolerance)
    frontier.advance(rows, slots, value, gradient)


def _attack(model: Model, images: Tensor, same: Tensor, clean_logits: Tensor, budget: int, tolerance: float,
            dtype: torch.dtype) -> _Batch:
    n = len(images)
    value, _ = margin(clean_logits, same)
    slack = 1e-4 * value + 1e-6 * clean_logits.abs().amax(dim=1)
    zeros = torch.zeros(n, dtype=torch.int64, device=images.device)
    batch = _Batch(model, images, same, slack, torch.zeros_like(images, dtype=dtype),
                   torch.full((n,), torch.inf, dtype=torch.float64), zeros - 1, torch.zeros(n, dtype=torch.float64),
                   zeros.clone(), zeros.clone())
    k = min(N_CANDIDATES, int((~same).sum(1).min()))
    frontier = screen(model, images, same, k, min(k, N_SLOTS))
    batch.gradients += k
    idle = zeros.clone()
    while True:
        rows = ((batch.gradients < budget) & (idle < PATIENCE)).nonzero()[:, 0]
        if not len(rows):
            return batch
        before = batch.norm[rows]
        _descend(batch, frontier, rows, tolerance)
        idle[rows] = torch.where(batch.norm[rows] < before * (1 - tolerance), 0, idle[rows] + 1)
