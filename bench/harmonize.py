"""Throughput of training with the harmonizer, and its ratio to ordinary training.

Whole steps (forward, backward, optimiser) of a network with depthwise convolutions and of two of ordinary
ones, images and maps at random; on the CPU with one thread, in a minute. Where there is a GPU, two networks
at 224 pixels and batch 64 in bfloat16 too.
"""

from __future__ import annotations

from typing import Any

import timm
import torch
from lightning_fabric import Fabric

from _measure import as_a_job, paired_seconds, report, result
from visalign.stimuli.transforms import Normalisation
from visalign.train.images import Batch
from visalign.train.loop import Recipe, Step, freeze_batch_norm
from visalign.zoo.network import Normalised

#: Architecture, side in pixels, images per batch, largest ratio that is allowed (None: shown only).
ON_CPU = (
    ("tf_efficientnet_lite0", 112, 16, None),
    ("test_resnet", 64, 32, 4.0),
    ("resnet18", 112, 16, 4.0),
)
ON_GPU = (("resnet50", 224, 64, None), ("vit_base_patch16_224", 224, 64, None))
CONFIG: Normalisation = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def stepper(fabric: Fabric, architecture: str, size: int, batch: Batch, supervision: str) -> Any:
    """Return a function that trains a network of its own by one step."""
    torch.manual_seed(0)
    recipe = Recipe(supervision, 1.0, 1, "sgd", "step", 1e-3, 1e-5, 0.1, "frozen", 0)
    network = timm.create_model(architecture, num_classes=8).to(fabric.device)
    normalised = Normalised(network.to(memory_format=torch.channels_last), CONFIG)
    model, optimiser = fabric.setup(normalised.model, recipe.make_optimiser(normalised.model))
    step = Step(fabric, model, recipe, normalised, size)
    freeze_batch_norm(model.train())

    def run() -> None:
        optimiser.zero_grad()
        float(step(batch)["total"])
        optimiser.step()

    run()  # the first one allocates
    return run


def random_batch(size: int, n: int, device: torch.device) -> Batch:
    """Images, labels and maps at random; every image has a map."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(8, (n,), generator=generator)
    maps = torch.rand(n, size, size, generator=generator)
    return Batch(*(part.to(device) for part in (images, labels, maps, torch.ones(n, dtype=torch.bool))))


def rows(fabric: Fabric, cases: tuple[tuple[str, int, int, float | None], ...]) -> list[dict[str, Any]]:
    """Images a second of both trainings, and the ratio of their times."""
    found = []
    for architecture, size, n, largest in cases:
        batch = random_batch(size, n, fabric.device)
        steps = [stepper(fabric, architecture, size, batch, kind) for kind in ("harmonizer", "none")]
        harmonized, plain = paired_seconds(*steps, rounds=7)
        name, ratio = f"{architecture} at {size}, batch {n}", harmonized / plain
        found += [
            result(f"{name}: harmonized", n / harmonized, "images/s"),
            result(f"{name}: plain", n / plain, "images/s"),
            result(f"{name}: time of a harmonized step over a plain one", ratio, "x",
                   f"< {largest:g}" if largest else "", ratio < largest if largest else None),
        ]  # fmt: skip
    return found


def main() -> None:
    """Measure on the CPU, and on the GPU where there is one."""
    torch.set_num_threads(1)
    found = rows(Fabric(accelerator="cpu", devices=1), ON_CPU)
    if torch.cuda.is_available():
        found += rows(Fabric(accelerator="cuda", devices=1, precision="bf16-mixed"), ON_GPU)
    report("harmonize", found)


if __name__ == "__main__":
    as_a_job()
    main()
