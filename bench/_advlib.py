"""Run attacks of adv-lib 0.2 on an exported model, in an interpreter of its own.

``python _advlib.py model.pt2 case.npz evaluations scale adversarial.npz``: the model is a `torch.export` of
one from pixels to logits; the case holds ``images`` and ``labels``; each attack starts at norms of `scale`
and may run the model `evaluations` times an image.
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
    """A model that counts the images it is run on."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model, self.images = model, 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        self.images += len(images)
        return self.model(images)


def main(model_path: str, case_path: str, evaluations: int, scale: float, output: str) -> None:
    """Attack one case and write adversarial images and evaluations per image, by attack."""
    torch.set_num_threads(1)
    with np.load(case_path) as case:
        images, labels = torch.from_numpy(case["images"]), torch.from_numpy(case["labels"])
    model, found = torch.export.load(model_path).module(), {}
    iterations = math.ceil(evaluations / (2 * FAB_CLASSES))
    for name, attack in {
        "DDN": lambda model: ddn(model, images, labels, steps=evaluations, init_norm=scale, levels=None),
        "FAB": lambda model: fab(
            model, images, labels, 2, n_iter=iterations, restarts=FAB_CLASSES, targeted_restarts=True
        ),
        "ALMA": lambda model: alma(
            model, images, labels, num_steps=evaluations, init_lr_distance=scale, α=0.5, check_steps=1
        ),
    }.items():
        counted = Counted(model)
        found[name] = attack(counted).detach().numpy()
        found[f"{name} evaluations"] = np.array(counted.images / len(images))
    np.savez(output, **found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
