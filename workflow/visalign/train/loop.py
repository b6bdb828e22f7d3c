"""Training with supervision of saliency: schedule, steps, checkpoints, and what is measured meanwhile."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import safetensors.torch
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from visalign.errors import InputError
from visalign.train import gala as attention
from visalign.train.harmonizer import decayed_parameters, objective
from visalign.train.images import Batch, TrainingImages
from visalign.zoo.network import Normalised

#: Share of the steps over which the learning rate rises, and after which it falls to a tenth (Fel et al.
#: 2022: 5, and 30, 60 and 80, of 200 epochs).
WARM_UP = 0.025
MILESTONES = (0.15, 0.3, 0.4)
MOMENTUM = 0.9


@dataclass(frozen=True)
class Recipe:
    """What decides a training, but for its images and the model it starts from; see the sheet's schema."""

    supervision: str
    weight: float
    steps: int
    optimiser: str
    schedule: str
    learning_rate: float
    decay: float
    smoothing: float
    batch_norm: str
    seed: int

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        warm_up = math.ceil(WARM_UP * self.steps)
        if step < warm_up:
            return self.learning_rate * (step + 1) / (warm_up + 1)
        if self.schedule == "cosine":
            done = (step - warm_up) / (self.steps - warm_up)
            return self.learning_rate * (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * 0.1 ** sum(step >= share * self.steps for share in MILESTONES)

    def make_optimiser(self, model: nn.Module) -> torch.optim.Optimizer:
        """SGD, whose weight decay is a part of the loss, or AdamW with decoupled decay."""
        if self.optimiser == "sgd":
            return torch.optim.SGD(model.parameters(), self.learning_rate, MOMENTUM, nesterov=True)
        decayed = decayed_parameters(model)
        ids = {id(parameter) for parameter in decayed}
        others = [parameter for parameter in model.parameters() if id(parameter) not in ids]
        groups = [{"params": decayed, "weight_decay": self.decay}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, self.learning_rate)


@dataclass
class Progress:
    """Where a training stands: steps done, rows of metrics, and sums since the last row."""

    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, parts: dict[str, float]) -> None:
        """Count a step."""
        self.step += 1
        self.count += 1
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def close_row(self, more: dict[str, float]) -> None:
        """Make a row of the means since the last one."""
        means = {name: value / self.count for name, value in self.sums.items()}
        self.rows.append({"step": self.step} | means | more)
        self.sums, self.count = {}, 0


@dataclass
class Checkpoint:
    """The one file from which a killed training goes on, replaced as a whole.

    Parameters
    ----------
    path : Path
    identity : str
        Of all that decides the training; a checkpoint of another one is not used.
    """

    path: Path
    identity: str

    def save(self, model: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
        """Write weights, state of the optimiser and progress."""
        temporary = self.path.with_suffix(".partial")
        state = {"identity": self.identity, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
        torch.save(state | {"progress": asdict(progress)}, temporary)
        os.replace(temporary, self.path)

    def restore(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
        """Load what was saved into model and optimiser; nothing where it is of another training."""
        if not self.path.exists():
            return Progress()
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        if state["identity"] != self.identity:
            return Progress()
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        return Progress(**state["progress"])


class Step:
    """Loss of one batch, forward and backward, under a recipe.

    Parameters
    ----------
    fabric : Fabric
    model : nn.Module
        As ``Fabric.setup`` returns it.
    recipe : Recipe
    normalised : Normalised
        The model of timm inside, with the mean and std of its input.
    size : int
        Side of its input in pixels.
    """

    def __init__(
        self, fabric: Fabric, model: nn.Module, recipe: Recipe, normalised: Normalised, size: int
    ) -> None:
        self.fabric, self.model, self.recipe, self.normalised = fabric, model, recipe, normalised
        gala = recipe.supervision == "gala" and recipe.weight > 0
        self.layers = attention.spatial_layers(normalised.model.eval(), size) if gala else {}

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Accumulate the gradient of the loss; returns its parts and the batch's accuracy."""
        images = self.normalised.normalise(batch.images.float().div_(255))
        recipe = self.recipe
        correct: list[Tensor] = []
        decay = recipe.decay if recipe.optimiser == "sgd" else 0.0
        weight = recipe.weight if recipe.supervision == "harmonizer" else 0.0
        with ExitStack() as stack:
            see = self.model.register_forward_hook(
                lambda module, inputs, logits: correct.append(logits.argmax(1) == batch.labels)
            )
            stack.callback(see.remove)
            active = stack.enter_context(attention.activities(self.normalised.model, self.layers))
            parts = objective(
                self.model,
                images,
                batch.labels,
                batch.human_maps,
                batch.has_map,
                weight=weight,
                smoothing=recipe.smoothing,
                decay=decay,
            )
            if active:
                parts["gala"] = attention.attention_loss(active, batch.human_maps, batch.has_map)
                parts["total"] = parts["total"] + recipe.weight * parts["gala"]
        self.fabric.backward(parts["total"])
        parts["accuracy"] = correct[0].float().mean()
        return {name: self.mean(part) for name, part in parts.items()}

    def mean(self, part: Tensor) -> Tensor:
        """Mean of a number over the processes."""
        return cast(Tensor, self.fabric.all_reduce(part.detach(), reduce_op="mean"))


def freeze_batch_norm(model: nn.Module) -> None:
    """Keep batch normalisation to its running statistics, which then stay as they are."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def gradient_norm(model: nn.Module) -> float:
    """L2 norm of the gradient of all parameters."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return float(torch.nn.utils.get_total_norm(gradients))


def fit(
    fabric: Fabric,
    normalised: Normalised,
    recipe: Recipe,
    images: TrainingImages,
    checkpoint: Checkpoint,
    *,
    workers: int,
    checkpoint_every: int,
    evaluate_every: int,
    evaluate: Callable[[], dict[str, float]] | None = None,
    report: Callable[[Progress], object] = lambda progress: None,
) -> Progress:
    """Train a model in place, from its last checkpoint where there is one.

    On a CPU, a training that was killed and goes on ends in the same bits as one that was not.

    Parameters
    ----------
    fabric : Fabric
        Launched; with several processes each has its part of every batch.
    normalised : Normalised
    recipe : Recipe
    images : TrainingImages
    checkpoint : Checkpoint
        Written by the first process.
    workers : int
        Threads that read images.
    checkpoint_every, evaluate_every : int
        Steps.
    evaluate : callable, optional
        Metrics of the model as it is, for each row.
    report : callable
        Called after every step.

    Raises
    ------
    InputError
        The loss or its gradient is not finite; the batch is then saved beside the checkpoint.
    """
    model = normalised.model
    optimiser = recipe.make_optimiser(model)
    progress = checkpoint.restore(model, optimiser)
    wrapped, wrapped_optimiser = fabric.setup(model, optimiser)
    step_of = Step(fabric, wrapped, recipe, normalised, images.size)
    wrapped.train()
    batches = images.batches(progress.step, recipe.steps, workers, fabric.global_rank, fabric.world_size)
    for batch in on_device(fabric, batches):
        step = progress.step
        # Dropout and stochastic depth, too, depend on the step and not on what came before it.
        torch.manual_seed(
            int(np.random.SeedSequence([recipe.seed, step, fabric.global_rank]).generate_state(1)[0])
        )
        if recipe.batch_norm == "frozen":
            freeze_batch_norm(wrapped)
        for group in wrapped_optimiser.param_groups:
            group["lr"] = recipe.rate(step)
        wrapped_optimiser.zero_grad()
        parts = {name: float(part) for name, part in step_of(batch).items()}
        parts |= {"gradient_norm": gradient_norm(wrapped), "learning_rate": recipe.rate(step)}
        if not all(map(math.isfinite, parts.values())):
            raise InputError(describe_failure(step, parts, save_batch(fabric, checkpoint, step, batch)))
        wrapped_optimiser.step()
        progress.add(parts)
        last = progress.step == recipe.steps
        if last or progress.step % evaluate_every == 0:
            more = {}
            if evaluate is not None:
                model.eval()
                more = evaluate()
                wrapped.train()
            progress.close_row(more)
        if fabric.is_global_zero and (last or progress.step % checkpoint_every == 0):
            checkpoint.save(model, optimiser, progress)
        report(progress)
    model.eval()
    return progress


def on_device(fabric: Fabric, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Move batches to the process's device."""
    return (Batch(*(part.to(fabric.device) for part in batch)) for batch in batches)


def save_batch(fabric: Fabric, checkpoint: Checkpoint, step: int, batch: Batch) -> Path:
    """Save the batch of a step for inspection, as safetensors."""
    path = checkpoint.path.with_name(f"not_finite_step_{step}_process_{fabric.global_rank}.safetensors")
    safetensors.torch.save_file({name: part.contiguous() for name, part in batch._asdict().items()}, path)
    return path


def describe_failure(step: int, parts: dict[str, float], saved: Path) -> str:
    """Say which part of the loss is not finite, and what to do."""
    wrong = ", ".join(f"{name} {value}" for name, value in parts.items() if not math.isfinite(value))
    return f"step {step}: {wrong}; its batch is in {saved}; try a smaller learning_rate or weight"
