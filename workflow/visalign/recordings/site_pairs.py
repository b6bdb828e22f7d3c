"""What stands in for the noise ceiling of grids that were not repeated: the likeness of two sites."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visalign.stats import bootstrap, resampling
from visalign.stats.resampling import Draws, mean_over_units


class SitePair(NamedTuple):
    """Likeness of the activity of two sites, where nothing was repeated; NaN where undefined.

    It is no reliability: sites may be alike in their noise, and each may be tuned to what no other is.
    ``best`` is the optimistic one of the published code; `value` is of ``per_image`` (n_images, n_neuroids).
    """

    value: float
    ci_low: float
    ci_high: float
    best: float
    per_neuroid: np.ndarray
    per_image: np.ndarray

    def resampled(self, draws: Draws) -> np.ndarray:
        """`value` (n_draws,) under draws of images and sites, each with its partner."""
        return np.concatenate(
            [
                mean_over_units(np.array([part.median(values) for values in self.per_image]), part.weights)
                for part in draws.parts()
            ]
        )


def site_pair_ceiling(activity: np.ndarray, seed: int) -> SitePair:
    """Ceiling of grids without repetitions: how well another site's activity resembles a site's own.

    The partner of a site is the one most alike on the other images, so the choice does not flatter
    the result; Pearson over positions on the image at hand, median over sites, mean over images.
    The published ceiling chooses the partner on the image at hand itself (`best`).

    Parameters
    ----------
    activity : ndarray, shape (n_images, n_positions, n_sites)
    seed : int
        Of the bootstrap over images and sites.
    """
    n_images, _, n_sites = activity.shape
    if n_sites < 2 or n_images < 2 or np.isnan(activity).any():
        nothing = np.full((n_images, n_sites), np.nan)
        return SitePair(np.nan, np.nan, np.nan, np.nan, nothing[0], nothing)
    centred = activity - activity.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    r = unit.transpose(0, 2, 1) @ unit  # (image, site, site)
    itself = np.eye(n_sites, dtype=bool)
    elsewhere = np.where(itself, -np.inf, r.sum(axis=0) - r)  # on the other images
    chosen = np.take_along_axis(r, elsewhere.argmax(axis=2)[..., None], axis=2)[..., 0]  # (image, site)
    best = float(np.median(np.where(itself, -np.inf, r).max(axis=2), axis=1).mean())
    value = float(np.median(chosen, axis=1).mean())
    pairs = SitePair(value, np.nan, np.nan, best, chosen.mean(axis=0), chosen)
    draws = resampling.draw(np.arange(n_images), n_sites, seed)
    low, high = bootstrap.expanded_interval(pairs.resampled(draws), draws.units)
    return pairs._replace(ci_low=low, ci_high=high)
