"""Saliency of a network: the gradient of a class, the label or the network's answer, by the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import zarr
from tqdm import tqdm

from visalign.io import stores
from visalign.zoo.inputs import Inputs

if TYPE_CHECKING:
    from torch import Tensor

    from visalign.zoo.network import Normalised

#: Names of the reductions over channels; the first is the default of every measure.
REDUCTIONS = ("max_abs_gradient", "abs_mean_gradient")
#: Name of the classes that the network answered, in stores of their saliency.
PREDICTED = "predicted"


def reductions(gradient: Tensor) -> dict[str, Tensor]:
    """Reduce gradients (n, channels, height, width) over channels, by the names of `REDUCTIONS`."""
    return dict(zip(REDUCTIONS, (gradient.abs().amax(1), gradient.mean(1).abs()), strict=True))


def answers(model: Normalised, pixels: Tensor) -> Tensor:
    """Classes (n,) that a network answers for pixels (n, 3, height, width) in [0, 1]."""
    import torch

    with torch.no_grad():
        return model(pixels).argmax(1)


def write(
    inputs: Inputs, weights: str, labels: np.ndarray | None, group: zarr.Group, batch_size: int
) -> None:
    """Write both reductions for the stimuli that the partial store does not hold yet, a batch at a time.

    Parameters
    ----------
    weights : str
        Weight file.
    labels : ndarray of int64, shape (n_stimuli,), optional
        Class of each stimulus whose gradient is taken; None: the one with the largest output, the first of
        equal ones. The store then has these classes too, under `PREDICTED`.
    group : zarr.Group
        Partial store; its attribute ``complete`` says how many stimuli it holds.
    batch_size : int
        Stimuli per batch.
    """
    import torch

    from visalign.zoo import network
    from visalign.zoo import pixels as batches
    from visalign.zoo.device import device

    model, pixels = inputs.network(weights), inputs.pixels
    n, _, height, width = pixels.shape
    start = stores.attribute(group, "complete", 0)
    if start == 0:
        for name in REDUCTIONS:
            dims = ("stimulus", "y", "x")
            stores.create_array(group, name, (n, height, width), np.float32, dims, rows=batch_size)
        if labels is None:
            stores.create_array(group, PREDICTED, (n,), np.int64, ("stimulus",), rows=batch_size)
    arrays = {name: stores.array(group, name) for name in REDUCTIONS}
    targets = None if labels is None else torch.as_tensor(labels, device=device())
    with tqdm(total=n, initial=start, desc=f"saliency {inputs.card['model']}", unit="image") as bar:
        for rows, batch in batches.pixel_batches(pixels, batch_size, start):
            if targets is None:
                own = answers(model, batch)
                stores.array(group, PREDICTED)[rows] = own.cpu().numpy()
            else:
                own = targets[rows]
            reduced = reductions(network.gradient(model, batch, own))
            for name, array in arrays.items():
                array[rows] = reduced[name].cpu().numpy()
            group.attrs["complete"] = rows.stop
            bar.update(rows.stop - rows.start)
