"""Geometric descent of the minimum-norm search: successive projections onto the linearised boundary.

For one target class t the boundary near x + δ_k is linearised to ⟨g, δ⟩ = ⟨g, δ_k⟩ − m, with m the margin
(largest logit of the label's group minus logit t) and g its gradient, and δ_{k+1} is the point of smallest
norm on it inside the pixel box, in closed form. Gradients of a ReLU network jump from one linear piece to
the next, so g is the running mean of the gradients along the path (weights k/(k+2)), which settles where the
plain iteration cycles. The nearest class is often not the runner-up, so the descents of several classes are
kept side by side, and each gradient goes to the class whose boundary looks nearest. `Refinement` polishes
the result, and then starts anew elsewhere while the budget lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from visalign.attacks.projection import inner, l2, per_image, smallest_step, unit

Model = Callable[[Tensor], Tensor]

#: Slots are ordered by distance × (1 − OPTIMISM·OPTIMISM_DECAY^(n − 1)) after n gradients: an estimate still
#: falls by up to a quarter after the first linearisation and hardly after six (embedded nets, 112 to 128 px).
OPTIMISM, OPTIMISM_DECAY = 0.25, 0.6
#: Added to the distance of a class whose linearised boundary lies outside the pixel box.
HIDDEN = 1e6
#: Gradients of a course of the refinement, and its first and last relative step and change of radius, which a
#: cosine anneals: of the first course, which polishes the record, and of later ones, towards another class.
COURSE = 20
STEP = (0.1, 0.005), (0.3, 0.003)
RADIUS_CHANGE = (0.01, 0.0005), (0.05, 0.0003)
#: Target of the first course: the class of the record.
RECORD = -1
#: A later course starts at most this many times as far as the record.
FAR = 2.0


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

    def neglected(self, rows: Tensor) -> Tensor:
        """Slot of each of these images that has had the fewest gradients, the nearest one of them."""
        order = self.steps[rows].double() * 2 * HIDDEN + self.distance[rows].double().clamp_max(2 * HIDDEN)
        return order.argmin(dim=1)

    def advance(self, rows: Tensor, slots: Tensor, value: Tensor, gradient: Tensor) -> None:
        """Move one descent per image: `value` and `gradient` are the margin's at the slot's `delta`."""
        delta, k = self.delta[rows, slots], self.steps[rows, slots]
        weight = per_image(k / (k + 2.0), gradient).to(gradient.dtype)
        gradient = weight * self.gradient[rows, slots] + (1 - weight) * gradient
        delta = smallest_step(gradient, inner(gradient, delta) - value, self.lower[rows], self.upper[rows])
        self.gradient[rows, slots], self.delta[rows, slots] = gradient, delta
        self.distance[rows, slots], self.steps[rows, slots] = l2(delta), k + 1


def gradient_of(value: Tensor, images: Tensor, retain_graph: bool = False) -> tuple[Tensor, Tensor]:
    """Gradient of values (n,) by images (n, C, H, W), and where it is finite.

    It is taken with respect to the images only, so nothing accumulates in the model's parameters. It is zero
    where the values do not depend on the images, and its entries that are not finite are set to zero.

    Returns
    -------
    (gradient, finite) : Tensor, shape (n, C, H, W), and Tensor of bool, shape (n,)
    """
    if not value.requires_grad:
        gradient = torch.zeros_like(images)
    else:
        (gradient,) = torch.autograd.grad(
            value.sum(), images, retain_graph=retain_graph, materialize_grads=True
        )
    finite = gradient.isfinite().flatten(1).all(dim=1) & value.detach().isfinite()
    return gradient.nan_to_num(0.0, 0.0, 0.0), finite


def margin_gradient(
    model: Model, images: Tensor, same: Tensor, target: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Margin of the label's group over one class, and its gradient.

    Parameters
    ----------
    images : Tensor, shape (n, C, H, W)
    same : Tensor of bool, shape (n, n_classes)
    target : Tensor of int64, shape (n,)

    Returns
    -------
    (value, gradient, finite) : Tensor, shape (n,), and as of `gradient_of`
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_(True)
        logits = model(images)
        value = logits.masked_fill(~same, -torch.inf).amax(dim=1) - logits.gather(1, target[:, None])[:, 0]
        gradient, finite = gradient_of(value, images)
    return value.detach(), gradient, finite


@dataclass
class Screening:
    """What the margins of the likeliest classes say at the image itself.

    Attributes
    ----------
    first_order : Tensor of float64, shape (n,)
        Smallest margin ÷ norm of its gradient: the distance of the nearest boundary as it looks from the
        image. Infinite where every gradient is zero.
    vanished : Tensor of bool, shape (n,)
        Every entry of every gradient is exactly zero, though a boundary may be anywhere.
    not_finite : Tensor of int64, shape (n,)
        Gradients with an entry that is not finite.
    """

    first_order: Tensor
    vanished: Tensor
    not_finite: Tensor

    @classmethod
    def empty(cls, counts: Tensor) -> Screening:
        """Return what is known before any gradient, of as many images as `counts` (n,) int64."""
        far = torch.full_like(counts, torch.inf, dtype=torch.float64)
        return cls(far, far.isinf(), torch.zeros_like(counts))

    def enter(self, value: Tensor, gradient: Tensor, finite: Tensor) -> None:
        """Enter the margins of one more class, shape (n,), and their gradients."""
        norm = l2(gradient.double())
        distance = torch.where(norm > 0, value.double() / norm, torch.inf)
        self.first_order = torch.fmin(self.first_order, distance)
        self.vanished &= finite & (norm == 0)
        self.not_finite += ~finite


def screen(
    model: Model, images: Tensor, same: Tensor, n_candidates: int, n_slots: int
) -> tuple[Frontier, Screening]:
    """Linearise the boundaries of the likeliest classes at the image and keep the nearest.

    Spends `n_candidates` gradient evaluations per image: one for each class of largest logit outside the
    label's group. The forward pass is shared.

    Parameters
    ----------
    images : Tensor, shape (n, C, H, W)
    same : Tensor of bool, shape (n, n_classes)
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
    screening = Screening.empty(slots[:, 0])
    with torch.enable_grad():
        inputs = images.detach().requires_grad_(True)
        logits = model(inputs)
        own = logits.masked_fill(~same, -torch.inf).amax(dim=1)
        candidates = logits.detach().masked_fill(same, -torch.inf).topk(n_candidates, dim=1).indices
        for rank in range(n_candidates):
            target = candidates[:, rank]
            value = own - logits.gather(1, target[:, None])[:, 0]
            gradient, finite = gradient_of(value, inputs, retain_graph=rank + 1 < n_candidates)
            frontier.offer(target, value.detach(), gradient)
            screening.enter(value.detach(), gradient, finite)
    return frontier, screening


@dataclass
class Refinement:
    """Decoupled direction and norm (DDN), without quantisation, in courses of COURSE gradients.

    The perturbation moves against the margin's gradient and is put back on a sphere, whose radius shrinks
    where the image is adversarial and grows where it is not. Started at the end of a descent it needs only
    small changes of radius and finds a few more thousandths of the norm. Started towards another class it
    may find another minimum.

    Source: Rony et al., CVPR 2019 (arXiv 1811.09600).

    Attributes
    ----------
    delta : Tensor, shape (n, C, H, W)
    radius : Tensor, shape (n,)
    target : Tensor of int64, shape (n,)
        Class of the course; `RECORD` in the first one.
    steps : Tensor of int64, shape (n,)
        Gradients spent on the course; 0 before the start.
    """

    delta: Tensor
    radius: Tensor
    target: Tensor
    steps: Tensor

    @classmethod
    def idle(cls, images: Tensor) -> Refinement:
        """Return the refinement of images (n, C, H, W) before its start."""
        counts = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        return cls(torch.zeros_like(images), images.new_zeros(len(images)), counts + RECORD, counts)

    @property
    def started(self) -> Tensor:
        """Images whose first course has begun, shape (n,)."""
        return (self.steps > 0) | (self.target != RECORD)

    @property
    def finished(self) -> Tensor:
        """Images whose course is at its end, shape (n,)."""
        return self.steps >= COURSE

    def start(self, rows: Tensor, delta: Tensor) -> None:
        """Begin the first course at records `delta` of these images, those already begun excepted."""
        new = ~self.started[rows]
        self.delta[rows[new]], self.radius[rows[new]] = delta[new], l2(delta[new])

    def restart(self, rows: Tensor, target: Tensor, delta: Tensor, norm: Tensor) -> None:
        """Begin another course of these images, towards the boundary of `target` (n_rows,) as it looks.

        It starts at `delta`, where that is expected, but not further than FAR times the record's `norm`.
        """
        radius = torch.minimum(l2(delta), FAR * norm.to(delta.dtype))
        self.target[rows], self.radius[rows], self.steps[rows] = target, radius, 0
        self.delta[rows] = per_image(radius, delta) * unit(delta)

    def advance(self, rows: Tensor, value: Tensor, gradient: Tensor, lower: Tensor, upper: Tensor) -> None:
        """Take one step, with the margin and its gradient at `delta`; `lower` and `upper` bound `delta`."""
        k, polish = self.steps[rows], self.target[rows] == RECORD
        cosine = (1 + torch.cos(torch.pi * k / COURSE)) / 2

        def annealed(courses: tuple[tuple[float, float], tuple[float, float]]) -> Tensor:
            first, later = (end + (start - end) * cosine for start, end in courses)
            return torch.where(polish, first, later)

        step, change = annealed(STEP), annealed(RADIUS_CHANGE)
        radius = self.radius[rows] * torch.where(value < 0, 1 - change, 1 + change)
        delta = self.delta[rows] - per_image(step * radius, gradient) * unit(gradient)
        delta = per_image(radius, delta) * unit(delta)
        self.delta[rows], self.radius[rows], self.steps[rows] = delta.clamp(lower, upper), radius, k + 1
