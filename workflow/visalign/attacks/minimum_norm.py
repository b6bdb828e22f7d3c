"""Smallest L2 perturbation that changes a network's answer, found in batches and verified as stored.

The search linearises the boundaries of the likeliest classes, descends those that look nearest
(`descent.Frontier`), refines the result (`descent.Refinement`) and, while the budget lasts,
does so for the other classes. Whatever promises to be smaller than the image's record is bisected along its
ray in the form in which it will be stored (`records.Records`) at once, so that a larger budget,
which only continues the same sequence of steps, never gives a larger norm, and one search tells what each of
several budgets finds. Nothing is random and no image depends on another: the model always runs on the same
number of rows (`in_equal_batches`), because a network's sums are rounded differently in batches of another
size, and that difference of 1e-6 can send a search to another class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from visalign.attacks.descent import (
    COURSE,
    RECORD,
    Frontier,
    Model,
    Refinement,
    margin,
    margin_gradient,
    screen,
)
from visalign.attacks.projection import inner, l2
from visalign.attacks.protocol import MIN_BUDGET, N_CANDIDATES, WARM_UP
from visalign.attacks.records import CONFIRMING, Records

#: Rows of every call of the model, by type of device. Calls for fewer images are filled up: on a processor,
#: larger ones lose more by that than they gain.
ROWS_PER_CALL = {"cpu": 2, "cuda": 32}
#: How many of the classes that were linearised at the image may be descended.
N_SLOTS = 6
#: Where a boundary is (relative) near where it was expected, see `protocol.WARM_UP`.
NEAR = 0.02
#: Gradients without a smaller record after which an image goes from descent to refinement.
PATIENCE = 6


@dataclass(frozen=True)
class MinimumNorm:
    """Result of `minimum_norm`, one row per image, on the CPU.

    Attributes
    ----------
    delta : Tensor of the stored dtype, shape (N, C, H, W)
        Perturbation of pixels in [0, 1]; the adversarial image is clip(x + δ, 0, 1). Zero without success.
    norm : ndarray of float64, shape (N,)
        ‖clip(x + δ, 0, 1) − x‖₂; NaN without success.
    adversarial_label : ndarray of int64, shape (N,)
        Class the model gives the adversarial image; −1 without success.
    clean_correct : ndarray of bool, shape (N,)
        Whether the model gives the unperturbed image its label, or one of its group; a tie with another class
        or group does not count. Only these images are attacked.
    success : ndarray of bool, shape (N,)
        Where false for a clean-correct image, its norm is censored at `largest_tried_norm`.
    largest_tried_norm : ndarray of float64, shape (N,)
        Largest norm of any perturbation that the model was run on.
    gradient_evaluations, forward_evaluations : ndarray of int64, shape (N,)
        Backward passes (each with its forward pass, except that the screening shares one), and forward
        passes without gradient, that of the unperturbed image included.
    first_order_distance : ndarray of float64, shape (N,)
        Smallest of the screened margins ÷ norms of their gradients at the image: what a linear network's norm
        would be. Infinite where they vanish; NaN where not attacked.
    gradient_vanished : ndarray of bool, shape (N,)
        The gradients of all screened margins are exactly zero at the image.
    gradients_not_finite : ndarray of int64, shape (N,)
        Gradient evaluations with an entry that is not finite, which was taken for zero.
    reproduced : ndarray of bool, shape (N,)
        Whether image and perturbed image gave the same answers when they were run again in another batch.
    """

    delta: Tensor
    norm: np.ndarray
    adversarial_label: np.ndarray
    clean_correct: np.ndarray
    success: np.ndarray
    largest_tried_norm: np.ndarray
    gradient_evaluations: np.ndarray
    forward_evaluations: np.ndarray
    first_order_distance: np.ndarray
    gradient_vanished: np.ndarray
    gradients_not_finite: np.ndarray
    reproduced: np.ndarray

    @classmethod
    def unattacked(cls, images: Tensor, correct: Tensor, stored_dtype: torch.dtype) -> MinimumNorm:
        """Return the result of images that have been classified and nothing else."""
        n = len(images)
        return cls(
            delta=torch.zeros(images.shape, dtype=stored_dtype),
            norm=np.full(n, np.nan),
            adversarial_label=np.full(n, -1),
            clean_correct=correct.cpu().numpy(),
            success=np.zeros(n, dtype=bool),
            largest_tried_norm=np.zeros(n),
            gradient_evaluations=np.zeros(n, dtype=np.int64),
            forward_evaluations=np.ones(n, dtype=np.int64),
            first_order_distance=np.full(n, np.nan),
            gradient_vanished=np.zeros(n, dtype=bool),
            gradients_not_finite=np.zeros(n, dtype=np.int64),
            reproduced=np.ones(n, dtype=bool),
        )

    def enter(self, index: np.ndarray, records: Records, rows: Tensor) -> None:
        """Enter what was found for the images `rows` of a batch, which are those at `index` here."""

        def of(values: Tensor) -> np.ndarray:
            return values[rows].cpu().numpy()

        norm, screening = of(records.norm), records.screening
        self.success[index] = np.isfinite(norm)
        self.norm[index] = np.where(np.isfinite(norm), norm, np.nan)
        self.delta[index] = records.delta[rows].cpu()
        self.adversarial_label[index] = of(records.label)
        self.largest_tried_norm[index] = of(records.largest_tried)
        self.gradient_evaluations[index] = of(records.gradients)
        self.forward_evaluations[index] += of(records.forwards) + CONFIRMING
        self.first_order_distance[index] = of(screening.first_order)
        self.gradient_vanished[index] = of(screening.vanished)
        self.gradients_not_finite[index] = of(screening.not_finite)
        self.reproduced[index] = of(records.reproduced)

    def of(self, index: np.ndarray) -> MinimumNorm:
        """Return the result of some images."""
        return MinimumNorm(**{name: values[index] for name, values in vars(self).items()})


#: Takes the ascending indices (k,) of images and their results.
Finished = Callable[[np.ndarray, MinimumNorm], object]


def in_equal_batches(model: Model, rows: int) -> Model:
    """Wrap a model so that it always runs on exactly `rows` images, the last batch filled by repetition."""

    def run(images: Tensor) -> Tensor:
        logits = []
        for batch in images.split(rows):
            filled = torch.cat([batch, batch[-1:].expand(rows - len(batch), *batch.shape[1:])])
            logits.append(model(filled)[: len(batch)])
        return torch.cat(logits)

    return run


def minimum_norm(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    budget: int,
    batch_size: int,
    tolerance: float = 1e-3,
    stored_dtype: torch.dtype = torch.float16,
    groups: Tensor | None = None,
    finished: Finished | None = None,
) -> MinimumNorm:
    """Find for each image the smallest L2 perturbation in the pixel box that changes the model's answer.

    Parameters
    ----------
    model : callable
        From pixels in [0, 1], shape (n, C, H, W), to logits, shape (n, n_classes); in evaluation mode, so
        that images do not affect each other. Its parameters' gradients are left alone.
    images : Tensor of float32, shape (N, C, H, W)
        Pixels in [0, 1], on the model's device.
    labels : Tensor of int64, shape (N,)
    budget : int
        Gradient evaluations per image at most; at least `MIN_BUDGET`. What the first search leaves goes to
        the other classes that were screened, COURSE gradients each; an image that has had them all leaves.
    batch_size : int
        Images attacked together; the result does not depend on it. Takes about 15 times their memory.
    tolerance : float
        Relative width of the bisection's final bracket, and the least relative gain that counts as progress.
    stored_dtype : torch.dtype
        Floating-point type of the perturbations returned, in which each has been verified.
    groups : Tensor of int64, shape (n_classes,), optional
        Group of each class, when only a change of group counts (animate or inanimate). By default each class
        is its own.
    finished : callable, optional
        Called as soon as images leave the search, once for each of them.

    Returns
    -------
    MinimumNorm

    Raises
    ------
    ValueError
        An argument is out of range, named with its value.
    """
    (result,) = minimum_norms(
        model,
        images,
        labels,
        budgets=(budget,),
        batch_size=batch_size,
        tolerance=tolerance,
        stored_dtype=stored_dtype,
        groups=groups,
        finished=finished,
    )
    return result


def minimum_norms(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    budgets: Sequence[int],
    batch_size: int,
    tolerance: float = 1e-3,
    stored_dtype: torch.dtype = torch.float16,
    groups: Tensor | None = None,
    finished: Finished | None = None,
) -> list[MinimumNorm]:
    """Find what `minimum_norm` finds within each of several budgets, by the one search of the largest.

    Where a smaller budget ends, the search notes what it holds and goes on. Beyond the gradients of the
    largest budget this takes `CONFIRMING` forward passes per image and smaller budget; the evaluations of a
    result are those that its own budget takes alone.

    Parameters
    ----------
    model, images, labels, batch_size, tolerance, stored_dtype, groups
        As of `minimum_norm`.
    budgets : sequence of int
        Gradient evaluations per image at most, in any order.
    finished : callable, optional
        As of `minimum_norm`, about the largest budget.

    Returns
    -------
    list of MinimumNorm
        One per budget, in their order.

    Raises
    ------
    ValueError
        An argument is out of range, named with its value.
    """
    _check(images, labels, budgets, batch_size, tolerance)
    model = in_equal_batches(model, ROWS_PER_CALL.get(images.device.type, 32))
    with torch.no_grad():
        logits = torch.cat([model(chunk) for chunk in images.split(batch_size)])
    group = torch.arange(logits.shape[1]) if groups is None else groups
    group = group.to(logits.device)
    n_others = len(group) - int(group.unique(return_counts=True)[1].max())
    if n_others == 0:
        raise ValueError("groups: every class is in the same one, so no change of label counts")
    correct = margin(logits, group[None, :] == group[labels][:, None])[0] > 0
    results = [MinimumNorm.unattacked(images, correct, stored_dtype) for _ in budgets]
    largest = int(np.argmax(budgets))

    def leave(index: np.ndarray) -> None:
        if finished is not None and len(index):
            finished(index, results[largest].of(index))

    leave(np.flatnonzero(~results[largest].clean_correct))
    attacked = correct.nonzero()[:, 0]
    for rows in attacked.split(batch_size) if len(attacked) else ():
        same = group[None, :] == group[labels[rows]][:, None]
        records = Records.empty(model, images[rows], same, logits[rows], stored_dtype)
        for at, left in _search(records, budgets, min(N_CANDIDATES, n_others), tolerance):
            index = rows[left].cpu().numpy()
            results[at].enter(index, records, left)
            if at == largest:
                leave(index)
    return results


def _check(images: Tensor, labels: Tensor, budgets: Sequence[int], batch_size: int, tolerance: float) -> None:
    """Raise ValueError for the first argument of `minimum_norms` that is out of range."""
    if images.dim() != 4 or len(images) == 0 or len(images) != len(labels):
        shapes = f"images: shape {tuple(images.shape)} with labels {tuple(labels.shape)}"
        raise ValueError(f"{shapes}; expected (N, C, H, W) with (N,), N > 0")
    if not (bool((images >= 0).all()) and bool((images <= 1).all())):
        low, high = float(images.min()), float(images.max())
        raise ValueError(f"images: pixels from {low} to {high}; expected [0, 1]")
    if not len(budgets):
        raise ValueError("budgets: none; expected numbers of gradient evaluations per image")
    if (budget := min(budgets)) < MIN_BUDGET:
        raise ValueError(f"budget: {budget} gradient evaluations per image; expected at least {MIN_BUDGET}")
    if batch_size < 1:
        raise ValueError(f"batch_size: {batch_size}; expected at least 1")
    if not 0 < tolerance < 0.1:
        raise ValueError(f"tolerance: {tolerance}; expected between 0 and 0.1")


def _search(
    records: Records, budgets: Sequence[int], n_candidates: int, tolerance: float
) -> Iterator[tuple[int, Tensor]]:
    """Attack the images of one batch, and yield them as they come to the end of each budget.

    Yields
    ------
    (at, rows) : int, Tensor of int64
        Images that the search within ``budgets[at]`` leaves with what the records now hold.
    """
    counts, limits = records.gradients, torch.tensor(budgets, device=records.gradients.device)
    n_slots = min(n_candidates, N_SLOTS)
    frontier, records.screening = screen(records.model, records.images, records.same, n_candidates, n_slots)
    counts += n_candidates
    idle = torch.zeros_like(counts)
    refinement = Refinement.idle(records.images)
    rows = torch.arange(len(counts), device=counts.device)
    within = torch.ones(len(counts), len(limits), dtype=torch.bool, device=counts.device)
    while len(rows):
        before = records.norm[rows]
        warm = counts[rows] + 1 >= n_candidates + WARM_UP
        refining = ((idle[rows] >= PATIENCE) | (refinement.started[rows])) & before.isfinite()
        _step(records, frontier, refinement, rows, refining, warm, tolerance)
        idle[rows] = torch.where(records.norm[rows] < before * (1 - tolerance), 0, idle[rows] + 1)
        on = within[rows] & (counts[rows, None] < limits)
        over = (refinement.finished[rows] & on.any(dim=1)).nonzero()[:, 0]
        slots = frontier.neglected(rows[over])
        neglected = frontier.steps[rows[over], slots] < COURSE
        on[over] &= neglected[:, None] & (limits - counts[rows[over], None] >= COURSE)
        again = on[over].any(dim=1)
        _start_anew(records, frontier, refinement, rows[over[again]], slots[again])
        ends = within[rows] & ~on
        within[rows] = on
        if bool(ends.any()):
            records.confirm(rows[ends.any(dim=1)])
            for at in ends.any(dim=0).nonzero()[:, 0].tolist():
                yield at, rows[ends[:, at]]
            rows = rows[on.any(dim=1)]


def _start_anew(
    records: Records, frontier: Frontier, refinement: Refinement, rows: Tensor, slots: Tensor
) -> None:
    """Begin a course of these images towards the classes of `slots`, none of which has had one."""
    target, delta = frontier.target[rows, slots], frontier.delta[rows, slots]
    refinement.restart(rows, target, delta, records.norm[rows])
    frontier.steps[rows, slots] += COURSE


def _step(
    records: Records,
    frontier: Frontier,
    refinement: Refinement,
    rows: Tensor,
    refining: Tensor,
    warm: Tensor,
    tolerance: float,
) -> None:
    """Spend one gradient evaluation on each of the images `rows` and bisect what may be a new record.

    Parameters
    ----------
    rows : Tensor of int64, shape (n_rows,)
    refining, warm : Tensor of bool, shape (n_rows,)
        Which images are refined rather than descended, and which are past the warm-up.
    tolerance : float
    """
    slots = frontier.choose(rows)
    target, delta = frontier.target[rows, slots], frontier.delta[rows, slots]
    refined = rows[refining]
    refinement.start(refined, records.delta[refined].to(delta.dtype))
    course = refinement.target[refined]
    target[refining] = torch.where(course == RECORD, records.label[refined], course)
    delta[refining] = refinement.delta[refined]

    images = (records.images[rows] + delta).clamp(0, 1)
    value, gradient, finite = margin_gradient(records.model, images, records.same[rows], target)
    records.gradients[rows] += 1
    records.screening.not_finite[rows] += ~finite
    records.largest_tried[rows] = torch.maximum(records.largest_tried[rows], l2(delta).double())

    ray, scale = _ray(records, rows, delta, value, inner(gradient, delta))
    tried = (warm | ((scale - 1).abs() < NEAR)) & (scale * l2(ray) < records.norm[rows] * (1 - tolerance))
    if bool(tried.any()):
        records.bisect(rows[tried], ray[tried], scale[tried], tolerance)

    lower, upper = frontier.lower[refined], frontier.upper[refined]
    refinement.advance(refined, value[refining], gradient[refining], lower, upper)
    frontier.advance(rows[~refining], slots[~refining], value[~refining], gradient[~refining])


def _ray(
    records: Records, rows: Tensor, delta: Tensor, value: Tensor, slope: Tensor
) -> tuple[Tensor, Tensor]:
    """Ray to search for each image, and the scale at which the boundary is expected on it.

    Newton's estimate from the margin `value` and its `slope` along δ; where the gradient vanished and δ = 0,
    the ray to the furthest corner of the pixel box, so that a censored norm is as large as can be.
    """
    images = records.images[rows]
    scale = 1 - (value + records.slack[rows]) / torch.where(slope < 0, slope, -torch.inf)
    scale = scale.nan_to_num(1.0).clamp(0.5, 2.0)
    still = l2(delta) == 0
    corner = torch.where(images < 0.5, 1 - images, -images)
    return torch.where(still[:, None, None, None], corner, delta), torch.where(still, 1.0, scale)
