"""The search for the perturbations of some stimuli of a model, as they lie in their store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from visalign.attacks import minimum_norm
from visalign.attacks.minimum_norm import Finished, MinimumNorm
from visalign.maps.revelation import N_ANIMALS
from visalign.zoo.device import device
from visalign.zoo.inputs import Inputs

#: Images that are attacked together, by type of device.
BATCH_SIZE = {"cpu": 8, "cuda": 64}


def batch_size(asked: int | None) -> int:
    """Images to attack together: as asked, or some calls of the network, so that few rows idle at the end."""
    return asked or BATCH_SIZE[device().type]


def searcher(
    inputs: Inputs, labels: np.ndarray, weights: str, target: str, size: int
) -> Callable[..., list[MinimumNorm]]:
    """Return the search, within budgets, for the perturbations of some rows of the stimuli.

    Parameters
    ----------
    inputs : Inputs
        The model and its stimuli.
    labels : ndarray of int64, shape (n_stimuli,)
    weights : str
        Weight file.
    target : str
        What has to change, ``label`` or ``superclass``, see `protocol`.
    size : int
        Images that are attacked together.
    """
    model = inputs.network(weights)
    superclass = torch.arange(inputs.classes).ge(N_ANIMALS).long()
    groups = superclass if target == "superclass" else None

    def search(
        budgets: Sequence[int], rows: np.ndarray, finished: Finished | None = None
    ) -> list[MinimumNorm]:
        images = inputs.images(rows)
        targets = torch.as_tensor(labels[rows], device=images.device)
        return minimum_norm.minimum_norms(
            model, images, targets, budgets=budgets, batch_size=size, groups=groups, finished=finished
        )

    return search
