"""Perturbations checked in exactly the form in which they are stored, the smallest adversarial one kept.

A perturbation counts only after it has been rounded to its stored dtype, added to the image, clipped to
[0, 1] and run (docs/methods.md §6).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from visalign.attacks.descent import Model, Screening, margin
from visalign.attacks.projection import l2, per_image

#: Forward passes at most for one bisection along a ray.
MAX_PROBES = 24
#: Growth of the bracket's width while one side of the boundary is still unknown.
WIDENING = 4.0
#: A perturbation counts when its margin is below −SLACK[0]·(clean margin) − SLACK[1]·(range of the clean
#: logits) − SLACK[2]·(largest of them), so that it still fools the model in another batch, whose sums may be
#: rounded otherwise. The last is the resolution of float32, below which logits with an offset tell nothing.
SLACK = (1e-4, 1e-6, 2.0**-23)
#: Forward passes per image of `Records.confirm`, which `Records.forwards` does not count: a search of several
#: budgets takes them once for each.
CONFIRMING = 2
#: Slacks by which a margin may differ when the model runs again: a hundredth of the clean margin, and more.
REPEATABLE = 100


@dataclass
class Records:
    """Smallest verified perturbation of each image of a batch, and what it cost.

    Attributes
    ----------
    model : callable
    images : Tensor, shape (n, C, H, W)
    same : Tensor of bool, shape (n, n_classes)
        Classes that do not count as a change of label.
    slack : Tensor, shape (n,)
        How negative the margin has to be.
    delta : Tensor of the stored dtype, shape (n, C, H, W)
    norm : Tensor of float64, shape (n,)
        Infinite while there is none.
    label : Tensor of int64, shape (n,)
        −1 while there is none.
    value : Tensor, shape (n,)
        Margin of the perturbed image.
    reproduced : Tensor of bool, shape (n,)
        Whether the model gave the same answers again, as `confirm` found.
    largest_tried : Tensor of float64, shape (n,)
    gradients, forwards : Tensor of int64, shape (n,)
        Gradient evaluations, and forward passes without gradient, but those of `confirm`.
    screening : Screening
        What the gradients at the image said.
    """

    model: Model
    images: Tensor
    same: Tensor
    slack: Tensor
    delta: Tensor
    norm: Tensor
    label: Tensor
    value: Tensor
    reproduced: Tensor
    largest_tried: Tensor
    gradients: Tensor
    forwards: Tensor
    screening: Screening

    @classmethod
    def empty(
        cls, model: Model, images: Tensor, same: Tensor, clean_logits: Tensor, stored_dtype: torch.dtype
    ) -> Records:
        """Return records of a batch before any perturbation has been tried."""
        value, _ = margin(clean_logits, same)
        low, high = clean_logits.aminmax(dim=1)
        counts = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        return cls(
            model=model,
            images=images,
            same=same,
            slack=SLACK[0] * value + SLACK[1] * (high - low) + SLACK[2] * clean_logits.abs().amax(dim=1),
            delta=torch.zeros_like(images, dtype=stored_dtype),
            norm=torch.full_like(counts, torch.inf, dtype=torch.float64),
            label=counts - 1,
            value=torch.zeros_like(value),
            reproduced=torch.ones_like(counts, dtype=torch.bool),
            largest_tried=torch.zeros_like(counts, dtype=torch.float64),
            gradients=counts.clone(),
            forwards=counts.clone(),
            screening=Screening.empty(counts),
        )

    def probe(self, rows: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Run the stored form of perturbations of these images and keep those that are new records.

        Returns
        -------
        (adversarial, norm) : Tensor of bool, Tensor of float64, each of shape (n_rows,)
        """
        clean = self.images[rows]
        stored = delta.to(self.delta.dtype)
        images = (clean + stored.to(clean.dtype)).clamp(0, 1)
        norm = l2(images.double() - clean.double())
        with torch.no_grad():
            value, label = margin(self.model(images), self.same[rows])
        adversarial = value < -self.slack[rows]
        self.forwards[rows] += 1
        self.largest_tried[rows] = torch.maximum(self.largest_tried[rows], norm)
        better = adversarial & (norm < self.norm[rows])
        won = rows[better]
        self.delta[won], self.norm[won], self.label[won] = stored[better], norm[better], label[better]
        self.value[won] = value[better]
        return adversarial, norm

    def confirm(self, rows: Tensor) -> None:
        """Run these images and their records again, in another batch, and note which answers are the same.

        The answers of a network that draws at random (noise on its input, dropout) are not: the search then
        took the luckiest of its tries.
        """
        clean = self.images[rows]
        stored = (clean + self.delta[rows].to(clean.dtype)).clamp(0, 1)
        with torch.no_grad():
            value, _ = margin(self.model(torch.cat([clean, stored])), self.same[rows].repeat(2, 1))
        value, again = value.split(len(rows))
        near = (again - self.value[rows]).abs() <= REPEATABLE * self.slack[rows]
        self.reproduced[rows] = (value > 0) & (self.norm[rows].isinf() | ((again < 0) & near))

    def bisect(self, rows: Tensor, delta: Tensor, scale: Tensor, tolerance: float) -> None:
        """Find the boundary along the rays of `delta`, starting from an estimate of its place.

        Probes scale·(1 ± tolerance/2) first, which settles most rays; then widens the bracket on the side
        that is still unknown, inwards or outwards, then halves it. A ray is given up when it can no longer
        beat the image's record, or when every pixel on it is clipped.

        Parameters
        ----------
        rows : Tensor of int64, shape (n_rows,)
        delta : Tensor, shape (n_rows, C, H, W)
        scale : Tensor, shape (n_rows,)
            The boundary is expected at scale·δ.
        tolerance : float
            Relative width of the final bracket.
        """
        inside, outside = torch.zeros_like(scale), torch.full_like(scale, torch.inf)
        position, width = scale * (1 + tolerance / 2), torch.full_like(scale, tolerance)
        reached = torch.zeros_like(self.norm[rows])
        ray = torch.arange(len(rows), device=rows.device)
        for _ in range(MAX_PROBES):
            at = position[ray]
            adversarial, norm = self.probe(rows[ray], per_image(at, delta) * delta[ray])
            outside[ray] = torch.where(adversarial, at, outside[ray])
            inside[ray] = torch.where(adversarial, inside[ray], at)
            hopeless = ~adversarial & (
                (norm >= self.norm[rows[ray]] * (1 - tolerance)) | (norm <= reached[ray] * (1 + 1e-9))
            )
            reached[ray] = torch.where(adversarial, reached[ray], norm)
            open_ = ~hopeless & (inside[ray] < outside[ray] * (1 - 1.001 * tolerance))
            ray = ray[open_]
            if not len(ray):
                return
            low, high = inside[ray], outside[ray]
            inwards = torch.maximum(high * (1 - width[ray]), high / 2)
            unbracketed = torch.where(high.isfinite(), inwards, low * (1 + width[ray]))
            bracketed = (low > 0) & high.isfinite()
            position[ray] = torch.where(bracketed, (low + high) / 2, unbracketed)
            width[ray] *= WIDENING
