"""Images with human maps on which a trained model is measured, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import zarr

from visalign.maps import alignment
from visalign.stats.defined import mean_of_defined
from visalign.stimuli.transforms import Transform
from visalign.train.harmonizer import map_distance
from visalign.zoo import pixels as batches
from visalign.zoo.network import Normalised

#: Images at a time: memory does not grow with their number.
BATCH = 64


@dataclass(frozen=True)
class HeldOut:
    """A stimulus table, its labels (n,), preprocessed pixels (n, 3, H, W), maps (n, 64, 64) and transform."""

    table: pd.DataFrame
    labels: np.ndarray
    pixels: zarr.Array
    maps: np.ndarray
    transform: Transform

    def measure(self, model: Normalised) -> dict[str, np.ndarray]:
        """Measure a model in evaluation mode on each image.

        Returns
        -------
        dict of ndarray of float, shape (n,)
            ``accuracy``, 0 or 1; ``alignment``, Spearman's ρ between max |gradient| over channels and the
            human map, not divided by a ceiling; ``harmonizer_loss``, see `harmonizer.map_distance`. The last
            two are NaN where the human map is constant or not finite.
        """
        labels = torch.tensor(self.labels)
        parts = [
            self._measure(model, batch, labels[rows].to(batch.device), rows)
            for rows, batch in batches.pixel_batches(self.pixels, BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _measure(
        self, model: Normalised, pixels: torch.Tensor, labels: torch.Tensor, rows: slice
    ) -> dict[str, np.ndarray]:
        inputs = model.normalise(pixels).requires_grad_()
        logits = model.model(inputs)
        (gradient,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), inputs)
        human = alignment.at_input(self.maps[rows], self.table.iloc[rows], self.transform)
        saliency = gradient.abs().amax(1).cpu().numpy()
        rho = np.einsum("np,np->n", alignment.standard_ranks(saliency), alignment.standard_ranks(human))
        loss = map_distance(gradient.mean(1), torch.from_numpy(human).to(gradient.device)).cpu().numpy()
        loss[human.min(axis=(1, 2)) == human.max(axis=(1, 2))] = np.nan
        return {
            "accuracy": (logits.argmax(1) == labels).float().cpu().numpy(),
            "alignment": rho,
            "harmonizer_loss": loss,
        }


def validator(images: HeldOut, model: Normalised) -> Callable[[], dict[str, float]]:
    """Return a function that measures the means over the images, of the model as it then is."""

    def validate() -> dict[str, float]:
        found = images.measure(model)
        return {f"validation_{name}": float(mean_of_defined(v, axis=0)) for name, v in found.items()}

    return validate
