"""Intervals of probes: over the training draws and over groups of test trials.

Each of 2,000 draws takes one of the R training draws and resamples whole groups of test trials with
replacement. Draws depend on the trials and a seed, never on the model, so that differences between models can
be taken draw by draw. Few groups are made up for as in `stats.bootstrap`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visalign.stats.bootstrap import expanded_interval, resample_counts

DRAWS = 2000


class Resamples(NamedTuple):
    """``unit`` (n,) of each trial; of each draw, ``training`` (draws,) and ``weights`` (draws, n_units)."""

    unit: np.ndarray
    training: np.ndarray
    weights: np.ndarray

    @property
    def groups(self) -> int:
        """Groups that are resampled."""
        return self.weights.shape[1]

    def of_trials(self) -> np.ndarray:
        """How often each trial is in each draw, (draws, n)."""
        return self.weights[:, self.unit]

    def interval(self, draws: np.ndarray) -> tuple[float, float]:
        """95 % interval from what each draw gave (draws,); NaN with fewer than two groups."""
        return expanded_interval(draws, self.groups)


def resample(unit: np.ndarray, training: int, seed: int, draws: int = DRAWS) -> Resamples:
    """Draw groups and training draws.

    Parameters
    ----------
    unit : ndarray, shape (n,)
        Name of the group of each test trial.
    training : int
        Number of training draws.
    """
    rng = np.random.default_rng([seed, 1])
    number = np.unique(unit, return_inverse=True)[1]
    weights = resample_counts(int(number.max()) + 1, rng, draws)
    return Resamples(number, rng.integers(training, size=draws), weights)


def means(values: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Mean over trials in each draw.

    Parameters
    ----------
    values : ndarray, shape (R, n) or (R, n, m)
        Of every training draw, such as whether each trial is correct.

    Returns
    -------
    ndarray, shape (draws,) or (draws, m)
    """
    size = np.bincount(resamples.unit, minlength=resamples.groups).astype(float)
    flat = values.reshape(*values.shape[:2], -1)
    sums = np.zeros((len(values), resamples.groups, flat.shape[2]))
    np.add.at(sums.swapaxes(0, 1), resamples.unit, flat.swapaxes(0, 1))
    result = np.empty((len(resamples.weights), flat.shape[2]))
    for number, own in enumerate(sums):
        drawn = resamples.training == number
        result[drawn] = resamples.weights[drawn] @ own
    result /= (resamples.weights @ size)[:, None]
    return result.reshape(len(result), *values.shape[2:])


def auc(values: np.ndarray, label: np.ndarray, fold: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve: share of pairs of a trial of each label, within a fold, in the right order.

    Decision values of different folds come from different fits and are not compared.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Decision values.
    label : ndarray, shape (n,)
        1 and 0.
    fold : ndarray, shape (n,)
    weights : ndarray, shape (draws, n)
        How often each trial counts.

    Returns
    -------
    ndarray, shape (draws,)
        NaN where there is no pair.
    """
    right, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for name in np.unique(fold):
        own = np.flatnonzero(fold == name)
        level = np.unique(values[own], return_inverse=True)[1]
        order = np.argsort(level, kind="stable")
        starts = np.flatnonzero(np.diff(level[order], prepend=-1))
        ones, zeros = (
            np.add.reduceat(weights[:, own[order]] * (label[own[order]] == side), starts, axis=1)
            for side in (1, 0)
        )
        right += (ones * (np.cumsum(zeros, axis=1) - zeros / 2)).sum(axis=1)
        pairs += ones.sum(axis=1) * zeros.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(pairs > 0, right / pairs, np.nan)
