"""Simulated populations of sites that read a low-rank projection of a network's layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import zarr

from visalign.gram.matrix import blocks
from visalign.stats.correlations import spearman_brown


def project(fit: zarr.Array, shown: zarr.Array, dimensions: int) -> np.ndarray:
    """Principal-component scores of shown stimuli, with components fitted on other stimuli.

    Works from products between stimuli, so memory is stimuli squared plus one feature block.

    Parameters
    ----------
    fit, shown : zarr.Array, shape (n_fit, ...) and (n_shown, ...)
        Features of one layer.

    Returns
    -------
    ndarray, shape (n_shown, dimensions)
        Each column divided by its standard deviation over the fitted stimuli.
    """
    within, across = np.zeros((fit.shape[0],) * 2), np.zeros((shown.shape[0], fit.shape[0]))
    for a, b in zip(blocks(fit), blocks(shown), strict=True):
        mean = a.mean(axis=0, dtype=np.float64).astype(np.float32)
        a, b = a.astype(np.float32) - mean, b.astype(np.float32) - mean
        within += a @ a.T
        across += b @ a.T
    values, vectors = np.linalg.eigh(within)
    top = np.argsort(values)[::-1][:dimensions]
    return across @ vectors[:, top] / values[top] * np.sqrt(fit.shape[0])


def project_rows(fit: np.ndarray, shown: np.ndarray, dimensions: int) -> np.ndarray:
    """`project` for features in memory, (n_fit, p) and (n_shown, p)."""
    mean = fit.mean(axis=0, dtype=np.float64)
    _, values, axes = np.linalg.svd(fit - mean, full_matrices=False)
    return (shown - mean) @ axes[:dimensions].T / values[:dimensions] * np.sqrt(len(fit))


def mix(latent: np.ndarray, neuroids: int, rng: np.random.Generator) -> np.ndarray:
    """Signals (n_stimuli, neuroids) of unit variance: random mixtures of latent dimensions."""
    signal = latent @ rng.standard_normal((latent.shape[1], neuroids))
    return (signal - signal.mean(axis=0)) / signal.std(axis=0)


def noisy(signal: np.ndarray, repetitions: int, reliability: float, rng: np.random.Generator) -> np.ndarray:
    """Responses (n_stimuli, repetitions, neuroids): a signal of unit variance plus Gaussian trial noise.

    Parameters
    ----------
    reliability : float
        Signal variance over total variance of one trial.
    """
    noise = np.sqrt((1 - reliability) / reliability)
    return signal[:, None] + noise * rng.standard_normal((len(signal), repetitions, signal.shape[1]))


def within_image_reliability(
    signal: np.ndarray, n_images: int, reliability: float, repetitions: int
) -> float:
    """What a split-half ceiling over the positions of one image at a time estimates.

    Parameters
    ----------
    signal : ndarray, shape (n_images · positions, n_sites)
        Of unit variance over all rows.
    reliability : float
        Of a single trial, over all rows.

    Returns
    -------
    float
        Reliability of the mean over repetitions: median over sites, then the square of the mean root over
        images, for a score that is a mean of r over images can reach the mean of their √c.
    """
    variance = signal.reshape(n_images, -1, signal.shape[1]).var(axis=1, ddof=1)
    noise = (1 - reliability) / reliability / repetitions
    return float(np.sqrt(np.median(variance / (variance + noise), axis=1)).mean() ** 2)


class Planted(TypedDict):
    """The truth of a simulated recording."""

    simulated: bool
    teacher_features: str
    layer: str
    dimensions: int
    single_trial_reliability: Mapping[str, float]  # by time window
    ceilings: dict[str, float]  # by time window
    repetitions: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Population:
    """What is planted: sites, their trials, and the single-trial reliability of each time window.

    Attributes
    ----------
    name : str
        Of the recording, with which names of sites begin.
    dimensions : int
        Rank of the projection of the layer.
    windows : mapping
        Window in ms, such as ``70-170``, to the reliability of a single trial.
    """

    name: str
    neuroids: int
    dimensions: int
    repetitions: int
    windows: Mapping[str, float]
    seed: int

    @property
    def time_bins(self) -> list[tuple[float, float]]:
        """Start and end of each window in ms."""
        return [tuple(map(float, name.split("-"))) for name in self.windows]  # type: ignore[misc]

    @property
    def neuroid_ids(self) -> list[str]:
        """Names of the sites."""
        return [f"{self.name}-{index:03d}" for index in range(self.neuroids)]

    def respond(self, latent: np.ndarray) -> np.ndarray:
        """Responses (stimulus, repetition, neuroid, window): one signal, noise of each window's own.

        Parameters
        ----------
        latent : ndarray, shape (n_stimuli, dimensions)
        """
        rng = np.random.default_rng(self.seed)
        signal = mix(latent, self.neuroids, rng)
        trials = [noisy(signal, self.repetitions, r, rng) for r in self.windows.values()]
        return np.stack(trials, axis=-1)

    def within_image(self, latent: np.ndarray, n_images: int) -> dict[str, float]:
        """Reliability of each window's responses over the positions of one image."""
        signal = mix(latent, self.neuroids, np.random.default_rng(self.seed))
        return {
            name: within_image_reliability(signal, n_images, reliability, self.repetitions)
            for name, reliability in self.windows.items()
        }

    def planted(self, features: str, layer: str) -> Planted:
        """What was planted in a recording of sites that read a layer of a teacher's features."""
        ceilings = {
            name: float(spearman_brown(np.array(reliability), self.repetitions))
            for name, reliability in self.windows.items()
        }
        return {
            "simulated": True,
            "teacher_features": features,
            "layer": layer,
            "dimensions": self.dimensions,
            "single_trial_reliability": self.windows,
            "ceilings": ceilings,
            "repetitions": self.repetitions,
            "seed": self.seed,
        }
