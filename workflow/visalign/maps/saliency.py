"""Saliency alignment: whether a model's saliency falls where people look."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from visalign.maps import alignment
from visalign.maps.alignment import Alignment
from visalign.stimuli.transforms import Transform

#: Reduction of the gradient over channels, by metric.
METRICS = {"spearman": "max_abs_gradient", "spearman_abs_mean": "abs_mean_gradient"}
#: The one in figures.
HEADLINE = "spearman"


def align(
    saliency: Callable[[slice], Mapping[str, np.ndarray]],
    maps: np.ndarray,
    table: pd.DataFrame,
    transform: Transform,
) -> dict[str, Alignment]:
    """Compare saliency with processed human maps of the stimuli of a table.

    Parameters
    ----------
    saliency : callable
        Saliency, by metric, of a slice of stimuli: arrays (rows, height, width).
    maps : ndarray, shape (n_stimuli, 64, 64)
    transform : Transform
        That of the stimuli, which the maps go through too.

    Returns
    -------
    dict of str to Alignment
        By metric, see `maps.alignment.align_batches`.
    """
    return alignment.align_batches(len(table), saliency, alignment.mover(maps, table, transform), HEADLINE)
