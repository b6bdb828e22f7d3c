"""Smallest perturbations against those of Foolbox and adv-lib, and against exact distances.

EfficientNet-Lite0 and Lite1 at 112 pixels on the embedded photographs, two small networks on scikit-learn's
digits, one of them trained adversarially, and a linear classifier; on the CPU with one thread. An
attack's norm is the median over the images that the model names correctly; an image that it does not fool
counts as infinite. Every peer may run the model as often as our search does in all, whose forward passes
without gradient count as whole evaluations, and starts at twice our median, which it could not know.

Local optimality is AttackBench's measure of an attack: how near it comes to the smallest norm of each image
that any attack of the run found, DDN of 1,000 steps among them, within so many propagations of each image.

adv-lib is installed in an environment of its own, once; VISALIGN_ADVLIB_PYTHON names another interpreter that
can import it. Where it cannot be had its attacks are left out.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

import _advlib_environment
import _peers
from _cases import CROPS, Case, digits, photographs
from _measure import as_a_job, report, result
from _optimality import local_optimality, norms_within, propagations
from visalign.attacks.minimum_norm import minimum_norm

BUDGETS = (20, 40, 80, 160)
#: Photographs, of the first network, on which budgets, batch sizes and orders are compared.
FEW = 4
#: Least local optimality within so many propagations per image.
OPTIMALITY = {60: 0.98, 200: 0.995}
#: Budgets of one search, of which each image's is the largest that a number of propagations allows; the last
#: is more than any image takes.
SEARCHED = (*range(12, 40, 2), *range(40, 120, 10), 1000)


# --- peers ---


def against_peers(case: Case, folder: Path, python: str | None, optimality: bool) -> list[dict[str, Any]]:
    """Our median norm over each peer's, how many images we fool, and, if asked for, local optimality."""
    ours = case.search(case.budget)
    evaluations = math.ceil(float(np.mean(ours.gradient_evaluations + ours.forward_evaluations)))
    share, median = float(ours.success.mean()), float(np.median(ours.norm))
    rows = [
        result(f"{case.name}: images fooled, of {len(case.images)}", share, "", "= 1", share == 1),
        result(f"{case.name}: evaluations per image", evaluations, ""),
    ]
    peers = list(_peers.all_of(case, evaluations, 2 * median, folder, python, optimality))
    for peer in peers:
        ratio = median / float(np.median(peer.norms))
        label = f"{case.name}: median norm over {peer.name} ({peer.evaluations:.0f} evaluations)"
        equal = peer.propagations < 2 * _peers.STEPS
        rows.append(result(label, ratio, "x", "<= 1.00" if equal else "", ratio <= 1 if equal else None))
    return rows + (optimality_rows(case, peers) if optimality else [])


# --- local optimality ---


def optimality_rows(case: Case, peers: list[_peers.Peer]) -> list[dict[str, Any]]:
    """Local optimality of our search within a number of propagations, and of each peer."""
    searches = case.searches(SEARCHED)
    whole = np.where(searches[-1].success, searches[-1].norm, np.inf)
    best = np.min([whole, *(peer.norms for peer in peers)], axis=0)
    rows = []
    for limit, least in OPTIMALITY.items():
        value = local_optimality(norms_within(searches, limit), best)
        label = f"{case.name}: local optimality, {limit} propagations at most"
        rows.append(result(label, value, "", f">= {least}", value >= least))
    of_all = [("of our largest budget", whole, float(propagations(searches[-1]).mean()))]
    of_all += [(f"of {peer.name}", peer.norms, peer.propagations) for peer in peers]
    for name, norms, spent in of_all:
        label = f"{case.name}: local optimality {name} ({spent:.0f} propagations)"
        rows.append(result(label, local_optimality(norms, best), ""))
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
    rows, python = linear_rows(), _advlib_environment.interpreter()
    if python is None:
        rows.append(result(f"adv-lib {_advlib_environment.VERSION}", math.nan, "", "not installed"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, robust = digits(), digits(adversarial=True)
        networks = [photographs(folder, model) for model in CROPS]
        for case in (small, robust, *networks):
            rows += against_peers(case, folder, python, optimality=case is not networks[-1])
        for case in (small, networks[0].first(FEW)):
            rows += stability_rows(case)
    report("attacks", rows)


if __name__ == "__main__":
    as_a_job()
    main()
