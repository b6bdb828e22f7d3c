"""Adversarial alignment: whether a model's smallest perturbations fall where people look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import zarr

from visalign.maps import alignment
from visalign.maps.alignment import Alignment

#: Reduction of perturbations (n, channels, height, width) over channels, by metric.
REDUCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "adversarial_alignment": lambda delta: np.linalg.norm(delta, axis=1),
    "adversarial_alignment_mean": lambda delta: np.abs(delta.mean(axis=1)),
    "adversarial_alignment_max": lambda delta: np.abs(delta.max(axis=1)),
}
#: The one in figures.
HEADLINE = "adversarial_alignment"


def align(delta: zarr.Array | np.ndarray, human: Callable[[Any], np.ndarray]) -> dict[str, Alignment]:
    """Compare where perturbations fall with human maps, one comparison per reduction.

    Parameters
    ----------
    delta : array, shape (n, channels, height, width)
        Zero where there is none; read a batch at a time.
    human : callable
        Human maps (rows, height, width) of a slice, or of an index array.

    Returns
    -------
    dict of str to Alignment
        Spearman's ρ over pixels. Reductions: L2 norm, |mean| (Linsley, Feng et al. 2023, arXiv 2306.03229)
        and |max| (its follow-up of 2025).
    """

    def reduced(rows: slice) -> dict[str, np.ndarray]:
        batch = np.asarray(delta[rows], dtype=np.float32)
        return {metric: reduce(batch) for metric, reduce in REDUCTIONS.items()}

    found = alignment.align_batches(delta.shape[0], reduced, human, HEADLINE)
    return {metric: found[metric] for metric in REDUCTIONS}
