"""Run attacks of adv-lib 0.2 on an exported model, in an interpreter of its own.

``python _advlib.py model.pt2 case.npz scale adversarial.npz ATTACK=EVALUATIONS …``: the model is a
`torch.export` of one from pixels to logits; the case holds ``images`` and ``labels``; each attack starts at
norms of `scale` and may run the model so many times an image. Of each, ``ATTACK=EVALUATIONS`` in the output
are its adversarial images, ``… evaluations`` and ``… propagations`` what it took an image.
"""

import math
import sys
import types

import numpy as np
import torch

sys.modules.setdefault("visdom", types.ModuleType("visdom"))  # adv-lib imports it to plot, which it does not
from adv_lib.attacks import alma, ddn, fab  # noqa: E402

#: Classes that FAB attacks in turn; each step takes a gradient and a forward pass.
FAB_CLASSES = 4


class Counted(torch.nn.Module):
    """A model that counts the images it is run on, and those that a gradient is taken of."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model, self.images, self.gradients = model, 0, 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        self.images += len(images)
        self.gradients += len(images) if images.requires_grad and torch.is_grad_enabled() else 0
        return self.model(images)


def attacked(
    attack: str,
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    evaluations: int,
    scale: float,
) -> torch.Tensor:
    """Adversarial images that an attack finds."""
    if attack == "DDN":
        return ddn(model, images, labels, steps=evaluations, init_norm=scale, levels=None)
    if attack == "FAB":
        steps = math.ceil(evaluations / (2 * FAB_CLASSES))
        return fab(model, images, labels, 2, n_iter=steps, restarts=FAB_CLASSES, targeted_restarts=True)
    return alma(model, images, labels, num_steps=evaluations, init_lr_distance=scale, α=0.5, check_steps=1)


def main(model_path: str, case_path: str, scale: float, output: str, attacks: list[str]) -> None:
    """Attack one case and write adversarial images, evaluations and propagations per image, by attack."""
    torch.set_num_threads(1)
    with np.load(case_path) as case:
        images, labels = torch.from_numpy(case["images"]), torch.from_numpy(case["labels"])
    model, found = torch.export.load(model_path).module(), {}
    for name in attacks:
        attack, evaluations = name.split("=")
        counted = Counted(model)
        found[name] = attacked(attack, counted, images, labels, int(evaluations), scale).detach().numpy()
        found[f"{name} evaluations"] = np.array(counted.images / len(images))
        found[f"{name} propagations"] = np.array((counted.images + counted.gradients) / len(images))
    np.savez(output, allow_pickle=False, **found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4], sys.argv[5:])
