"""Geometric descent of the minimum-norm search: successive projections onto the linearised boundary.

For one target class t the boundary near x + δ_k is linearised to ⟨g, δ⟩ = ⟨g, δ_k⟩ − m, with m the margin
(largest logit of the label's group minus logit t) and g its gradient, and δ_{k+1} is the point of smallest
norm on it inside the pixel box, in closed form. Gradients of a ReLU network jump from one linear piece to the
next, so g is the running mean of the gradients along the path (weights k/(k+2)), which settles where the plain
iteration cycles. The nearest class is seldom the runner-up: the descents of several classes are kept side by
side, and each gradient goes to the class whose boundary looks nearest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from visalign.geometry import inner, l2, per_image, smallest_step

Model = Callable[[Tensor], Tensor]

#: A descent of n steps may still get this much nearer: norms fall by a quarter to a tenth after the first
#: linearisation and hardly after six (embedded nets, 112 to 128 px).
OPTIMISM, OPTIMISM_DECAY = 0.15, 0.6


def margin(logits: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
    """Margin of the label's group over every other class, and the best other class.

    Parameters
    ----------
    logits : Tensor, shape (n, n_classes)
    same : Tensor of bool, shape (n, n_classes)
        Classes that do not count as a change of label.

    Returns
    -------
    (margin, other) : Tensor, Tensor of int64, each of shape (n,)
        The image is adversarial where the margin is negative.
    """
    own = logits.masked_fill(~same, -torch.inf).amax(dim=1)
    other, target = logits.masked_fill(same, -torch.inf).max(dim=1)
    return own - other, target


@dataclass
class Frontier:
    """Running descents of a batch: up to `n_slots` target classes per image.

    Attributes
    ----------
    lower, upper : Tensor, shape (n, C, H, W)
        Box of the perturbations: −x and 1 − x.
    target : Tensor of int64, shape (n, n_slots)
    gradient, delta : Tensor, shape (n, n_slots, C, H, W)
        Mean gradient so far, and the perturbation to evaluate next.
    distance : Tensor, shape (n, n_slots)
        Norm of `delta`: the boundary's distance as now known; infinite where the slot is empty.
    steps : Tensor of int64, shape (n, n_slots)
        Gradients spent on the slot.
    """

    lower: Tensor
    upper: Tensor
    target: Tensor
    gradient: Tensor
    delta: Tensor
    distance: Tensor
    steps: Tensor

    def choose(self, rows: Tensor) -> Tensor:
        """Slot that each of these images should spend its next gradient on, shape (n_rows,)."""
        hope = 1 - OPTIMISM * OPTIMISM_DECAY ** (self.steps[rows] - 1)
        return (self.distance[rows] * hope).argmin(dim=1)

    def advance(self, rows: Tensor, slots: Tensor, value: Tensor, gradient: Tensor) -> None:
        """Move one descent per image: `value` and `gradient` are the margin's at the slot's `delta`."""
        delta, k = self.delta[rows, slots], self.steps[rows, slots]
        weight = per_image(k / (k + 2.0), gradient).to(gradient.dtype)
        gradient = weight * self.gradient[rows, slots] + (1 - weight) * gradient
        delta = smallest_step(gradient, inner(gradient, delta) - value, self.lower[rows], self.upper[rows])
        self.gradient[rows, slots], self.delta[rows, slots] = gradient, delta
        self.distance[rows, slots], self.steps[rows, slots] = l2(delta), k + 1


def margin_gradient(model: Model, images: Tensor, same: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, margin over `target` and its gradient, of shapes (n, n_classes), (n,), (n, C, H, W).

    Gradients are taken with respect to the images only, so nothing accumulates in the model's parameters;
    entries that are not finite are set to zero.
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_(True)
        logits = model(images)
        value = logits.masked_fill(~same, -torch.inf).amax(dim=1) - logits.gather(1, target[:, None])[:, 0]
        (gradient,) = torch.autograd.grad(value.sum(), images)
    return logits.detach(), value.detach(), gradient.nan_to_num(0.0, 0.0, 0.0)


def screen(model: Model, images: Tensor, same: Tensor, n_candidates: int, n_slots: int) -> Frontier:
    """Linearise the boundaries of the likeliest classes at the image and keep the nearest.

    Spends `n_candidates` gradient evaluations per image: one for each class of largest logit outside the
    label's group. The forward pass is shared.

    Returns
    -------
    Frontier
    """
    lower, upper = -images, 1 - images
    n = len(images)
    with torch.enable_grad():
        inputs = images.detach().requires_grad_(True)
        logits = model(inputs)
        own = logits.masked_fill(~same, -torch.inf).amax(dim=1)
        candidates = logits.detach().masked_fill(same, -torch.inf).topk(n_candidates, dim=1).indices
        frontier = Frontier(
            lower, upper, candidates.new_zeros(n, n_slots), *images.new_zeros(2, n, n_slots, *images.shape[1:]),
            images.new_full((n, n_slots), torch.inf), candidates.new_ones(n, n_slots),
        )
        for rank in range(n_candidates):
            target = candidates[:, rank]
            value = own - logits.gather(1, target[:, None])[:, 0]
            (gradient,) = torch.autograd.grad(value.sum(), inputs, retain_graph=rank + 1 < n_candidates)
            gradient, offset = gradient.nan_to_num(0.0, 0.0, 0.0), -value.detach()
            delta = smallest_step(gradient, offset, lower, upper)
            # an empty slot is infinitely far, so it goes first; a class that the box hides goes last
            hidden = inner(gradient, delta) > 0.9 * offset
            distance = torch.where(hidden, 1e6 + l2(delta), l2(delta))
            worst = frontier.distance.argmax(dim=1)
            rows = (distance < frontier.distance.gather(1, worst[:, None])[:, 0]).nonzero()[:, 0]
            slots = worst[rows]
            frontier.target[rows, slots], frontier.distance[rows, slots] = target[rows], distance[rows]
            frontier.gradient[rows, slots], frontier.delta[rows, slots] = gradient[rows], delta[rows]
    return frontier
