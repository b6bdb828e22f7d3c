"""Attacks of Foolbox and adv-lib, and what they take.

An evaluation is a run of the model on an image. A propagation is a forward or a backward pass, as AttackBench
counts them (Cinà and others 2024, arXiv 2404.19460).
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _cases import Case

#: Attacks of adv-lib that are compared at equal evaluations.
ADVLIB = ("DDN", "FAB", "ALMA")
#: Attack that is let run long, and its steps.
LONG, STEPS = "DDN", 1000
#: Ends of the names under which ``_advlib.py`` writes what an attack took.
COSTS = ("evaluations", "propagations")


@dataclass(frozen=True)
class Peer:
    """What an attack found: norms (n,), infinite where an image is not fooled; its cost per image."""

    name: str
    norms: np.ndarray
    evaluations: float
    propagations: float


def all_of(
    case: Case, evaluations: int, scale: float, folder: Path, python: str | None, long: bool
) -> Iterator[Peer]:
    """Yield what every attack finds that is installed.

    Parameters
    ----------
    evaluations : int
        Runs of the model per image that an attack may take.
    scale : float
        Norm at which attacks start.
    folder : Path
        For files that are passed to adv-lib.
    python : str or None
        Interpreter with adv-lib, if there is one.
    long : bool
        Whether to let LONG take STEPS steps too, adv-lib's where that is installed.
    """
    yield from of_foolbox(case, evaluations, scale, long and python is None)
    if python:
        asked = [f"{name}={evaluations}" for name in ADVLIB] + [f"{LONG}={STEPS}"] * long
        yield from of_advlib(case, asked, scale, folder, python)


def of_foolbox(case: Case, evaluations: int, scale: float, long: bool) -> Iterator[Peer]:
    """Yield what Foolbox's attacks find."""
    import foolbox
    from foolbox.attacks import DDNAttack, L2CarliniWagnerAttack, L2DeepFoolAttack

    runs: list[tuple[int, bool]] = []
    handle = case.model.register_forward_pre_hook(
        lambda _, inputs: runs.append((len(inputs[0]), inputs[0].requires_grad))
    )
    model = foolbox.PyTorchModel(case.model, bounds=(0, 1), device="cpu")
    stepsize = scale / math.sqrt(case.images[0].numel())
    attacks: dict[str, Any] = {
        "DDN": DDNAttack(init_epsilon=scale, steps=evaluations),
        "DeepFool": L2DeepFoolAttack(steps=50),  # stops where every image is fooled
        "C&W": L2CarliniWagnerAttack(1, evaluations, stepsize, initial_const=scale, abort_early=False),
    }
    if long:
        attacks[f"{LONG} of {STEPS} steps"] = DDNAttack(init_epsilon=scale, steps=STEPS)
    for name, attack in attacks.items():
        runs.clear()
        adversarial = attack.run(model, case.images, case.labels).clamp(0, 1)
        spent = [sum(n for n, _ in runs), sum(n for n, differentiated in runs if differentiated)]
        forward, backward = (images / len(case.images) for images in spent)
        yield Peer(f"Foolbox's {name}", case.norms(adversarial), forward, forward + backward)
    handle.remove()


def of_advlib(case: Case, asked: list[str], scale: float, folder: Path, python: str) -> Iterator[Peer]:
    """Yield what adv-lib's attacks find, in its own interpreter; see ``_advlib.py``."""
    model, data, output = (str(folder / name) for name in ("model.pt2", "case.npz", "adversarial.npz"))
    any_number = {0: torch.export.Dim.DYNAMIC}
    exported = torch.export.export(case.model, (case.images[:3],), dynamic_shapes=(any_number,))
    torch.export.save(exported, model)
    np.savez(data, images=case.images.numpy(), labels=case.labels.numpy())
    script = str(Path(__file__).with_name("_advlib.py"))
    subprocess.run([python, script, model, data, str(scale), output, *asked], check=True)
    with np.load(output) as found:
        for name in asked:
            attack, steps = name.split("=")
            title = f"adv-lib's {attack}" + (f" of {steps} steps" if int(steps) == STEPS else "")
            evaluations, propagations = (float(found[f"{name} {cost}"]) for cost in COSTS)
            yield Peer(title, case.norms(torch.from_numpy(found[name])), evaluations, propagations)
