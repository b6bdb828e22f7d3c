"""Noise ceilings of neural recordings: split-half reliability with Spearman–Brown correction."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import ShuffleSplit

from visalign import stats


class SplitHalf(NamedTuple):
    """Split-half reliability of neuroids, Spearman–Brown corrected; NaN where undefined.

    `per_split` is (n_splits, n_neuroids), `per_neuroid` (n_neuroids,) its mean over splits; `value` is the
    median over neuroids, then the mean over splits (as Brain-Score's), with a bootstrap interval over
    neuroids.
    """

    value: float
    ci_low: float
    ci_high: float
    per_neuroid: np.ndarray
    per_split: np.ndarray


def split_half_ceiling(responses: np.ndarray, n_splits: int = 10, seed: int = 1) -> SplitHalf:
    """Ceiling of Brain-Score: how well half of the repetitions predicts the other half.

    Per split, the repetitions fall into two random halves; Pearson per neuroid over the stimuli between the
    halves' means, corrected to the full number of repetitions by 2r/(1 + r) (methods.md §2).

    Parameters
    ----------
    responses : ndarray, shape (n_stimuli, n_repetitions, n_neuroids)
        NaN where missing: each half is averaged over what it has, and a neuroid's correlation runs over
        the stimuli that it has in both halves.
    n_splits, seed : int
        Of scikit-learn's ``ShuffleSplit`` over the repetitions in sorted order.

    Returns
    -------
    SplitHalf
        All NaN with fewer than two repetitions.
    """
    n_repetitions, n_neuroids = responses.shape[1:]
    if n_repetitions < 2:
        undefined = np.full((n_splits, n_neuroids), np.nan)
        return SplitHalf(np.nan, np.nan, np.nan, undefined[0], undefined)
    present = ~np.isnan(responses)
    filled = np.where(present, responses, 0).astype(np.float64)
    splitter = ShuffleSplit(n_splits, train_size=0.5, test_size=None, random_state=seed)
    per_split = np.array(
        [
            _corrected(_half_mean(filled, present, a), _half_mean(filled, present, b))
            for a, b in splitter.split(np.arange(n_repetitions))
        ]
    )
    defined = ~np.isnan(per_split).all(axis=0)
    per_neuroid = np.full(n_neuroids, np.nan)
    per_neuroid[defined] = np.nanmean(per_split[:, defined], axis=0)
    rng = np.random.default_rng(seed)
    low, high = stats.bootstrap_interval(per_split.T[defined], _median_then_mean, rng=rng)
    return SplitHalf(_median_then_mean(per_split.T[defined]), low, high, per_neuroid, per_split)


def _half_mean(filled: np.ndarray, present: np.ndarray, half: np.ndarray) -> np.ndarray:
    count = present[:, half].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, filled[:, half].sum(axis=1) / count, np.nan)


def _corrected(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.all():
        r = stats.pearson(a, b)
    else:
        columns = zip(a.T, b.T, both.T, strict=True)
        r = np.array([stats.pearson(x[k], y[k]) if k.sum() > 1 else np.nan for x, y, k in columns])
    with np.errstate(divide="ignore"):
        corrected = stats.spearman_brown(r)
    return np.where(np.isfinite(corrected), corrected, np.nan)


def _median_then_mean(sample: np.ndarray) -> float:
    """Median over neuroids, then mean over splits; `sample` is (n_neuroids, n_splits)."""
    return float(np.nanmean(np.nanmedian(sample, axis=0))) if sample.size else float("nan")
