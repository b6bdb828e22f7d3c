"""Geometric descent of the minimum-norm search: successive projections onto the linearised boundary.

For one target class t the boundary near x + δ_k is linearised to ⟨g, δ⟩ = ⟨g, δ_k⟩ − m, with m the margin
(largest logit of the label's group minus logit t) and g its gradient, and δ_{k+1} is the point of smallest
norm on it inside the pixel box, in closed form. Gradients of a ReLU network jump from one linear piece to
the next, so g is the running mean of the gradients along the path (weights k/(k+2)), which settles where the
plain iteration cycles. The nearest class is often not the runner-up, so the descents of several classes are
kept side by side, and each gradient goes to the class whose boundary looks nearest. `Refinement` polishes
the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from visalign.geometry import inner, l2, per_image, smallest_step

Model = Callable[[Tensor], Tensor]

#: Slots are ordered by distance × (1 − OPTIMISM·OPTIMISM_DECAY^(n − 1)) after n gradients: an estimate still
#: falls by up to a quarter after the first linearisation and hardly after six (embedded nets, 112 to 128 px).
OPTIMISM, OPTIMISM_DECAY = 0.25, 0.6
#: Added to the distance of a class whose linearised boundary lies outside the pixel box.
HIDDEN = 1e6
#: Length of the refinement and its first and last relative step and change of radius, annealed by a cosine.
REFINEMENT_STEPS = 20
STEP, RADIUS_CHANGE = (0.1, 0.005), (0.01, 0.0005)


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

    def offer(self, target: Tensor, value: Tensor, gradient: Tensor) -> None:
        """Let one more class per image, linearised at the image, take the furthest slot if it is nearer.

        Parameters
        ----------
        target : Tensor of int64, shape (n,)
        value : Tensor, shape (n,)
        gradient : Tensor, shape (n, C, H, W)
        """
        offset = -value
        delta = smallest_step(gradient, offset, self.lower, self.upper)
        distance = l2(delta)
        # where the linearised boundary does not meet the box, the class comes after every other
        distance = torch.where(inner(gradient, delta) > 0.9 * offset, distance + HIDDEN, distance)
        slots = self.distance.argmax(dim=1)
        rows = (distance < self.distance.gather(1, slots[:, None])[:, 0]).nonzero()[:, 0]
        slots = slots[rows]
        self.target[rows, slots], self.distance[rows, slots] = target[rows], distance[rows]
        self.gradient[rows, slots], self.delta[rows, slots] = gradient[rows], delta[rows]

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


def margin_gradient(model: Model, images: Tensor, same: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Margin of the label's group over one class, and its gradient.

    The gradient is taken with respect to the images only, so nothing accumulates in the model's parameters;
    entries that are not finite are set to zero.

    Parameters
    ----------
    images : Tensor, shape (n, C, H, W)
    same : Tensor of bool, shape (n, n_classes)
    target : Tensor of int64, shape (n,)

    Returns
    -------
    (value, gradient) : Tensor, shape (n,), and Tensor, shape (n, C, H, W)
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_(True)
        logits = model(images)
        value = logits.masked_fill(~same, -torch.inf).amax(dim=1) - logits.gather(1, target[:, None])[:, 0]
        (gradient,) = torch.autograd.grad(value.sum(), images)
    return value.detach(), gradient.nan_to_num(0.0, 0.0, 0.0)


def screen(model: Model, images: Tensor, same: Tensor, n_candidates: int, n_slots: int) -> Frontier:
    """Linearise the boundaries of the likeliest classes at the image and keep the nearest.

    Spends `n_candidates` gradient evaluations per image: one for each class of largest logit outside the
    label's group. The forward pass is shared.

    Parameters
    ----------
    images : Tensor, shape (n, C, H, W)
    same : Tensor of bool, shape (n, n_classes)

    Returns
    -------
    Frontier
    """
    n, device = len(images), images.device
    slots = torch.zeros(n, n_slots, dtype=torch.int64, device=device)
    frontier = Frontier(
        lower=-images,
        upper=1 - images,
        target=slots,
        gradient=images.new_zeros(n, n_slots, *images.shape[1:]),
        delta=images.new_zeros(n, n_slots, *images.shape[1:]),
        distance=images.new_full((n, n_slots), torch.inf),
        steps=slots + 1,
    )
    with torch.enable_grad():
        inputs = images.detach().requires_grad_(True)
        logits = model(inputs)
        own = logits.masked_fill(~same, -torch.inf).amax(dim=1)
        candidates = logits.detach().masked_fill(same, -torch.inf).topk(n_candidates, dim=1).indices
        for rank in range(n_candidates):
            target = candidates[:, rank]
            value = own - logits.gather(1, target[:, None])[:, 0]
            (gradient,) = torch.autograd.grad(value.sum(), inputs, retain_graph=rank + 1 < n_candidates)
            frontier.offer(target, value.detach(), gradient.nan_to_num(0.0, 0.0, 0.0))
    return frontier


@dataclass
class Refinement:
    """Decoupled direction and norm (DDN), without quantisation, from an adversarial start.

    The perturbation moves against the margin's gradient and is put back on a sphere, whose radius shrinks
    where the image is adversarial and grows where it is not. Started at the end of a descent it needs only
    small changes of radius and finds a few more thousandths of the norm.

    Source: Rony et al., CVPR 2019 (arXiv 1811.09600).

    Attributes
    ----------
    delta : Tensor, shape (n, C, H, W)
    radius : Tensor, shape (n,)
    steps : Tensor of int64, shape (n,)
        Gradients spent; 0 before the start.
    """

    delta: Tensor
    radius: Tensor
    steps: Tensor

    def start(self, rows: Tensor, delta: Tensor) -> None:
        """Begin at adversarial perturbations `delta` of these images, those already begun excepted."""
        new = self.steps[rows] == 0
        self.delta[rows[new]], self.radius[rows[new]] = delta[new], l2(delta[new])

    def advance(self, rows: Tensor, value: Tensor, gradient: Tensor, lower: Tensor, upper: Tensor) -> None:
        """Take one step, with the margin and its gradient at `delta`; `lower` and `upper` bound `delta`."""
        k = self.steps[rows]
        cosine = (1 + torch.cos(torch.pi * k / REFINEMENT_STEPS)) / 2
        step, change = (last + (first - last) * cosine for first, last in (STEP, RADIUS_CHANGE))
        radius = self.radius[rows] * torch.where(value < 0, 1 - change, 1 + change)
        length = step * radius / l2(gradient).clamp_min(1e-20)
        delta = self.delta[rows] - per_image(length, gradient) * gradient
        delta = per_image(radius / l2(delta).clamp_min(1e-20), delta) * delta
        self.delta[rows], self.radius[rows], self.steps[rows] = delta.clamp(lower, upper), radius, k + 1
