"""Ceilings between subjects: how well the neuroids of other subjects predict a neuroid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visalign.gram import pls
from visalign.stats import bootstrap, correlations
from visalign.stats.cross_validation import shuffle_splits
from visalign.stats.defined import mean_of_defined

#: Fewer stimuli than these leave less than two, a tenth, to correlate over.
MIN_STIMULI = 20


class SubjectCeiling(NamedTuple):
    """Prediction of neuroids from those of other subjects; NaN where undefined.

    `per_neuroid` is (n_neuroids,); `value` is its median, with a bootstrap interval over neuroids.
    """

    value: float
    ci_low: float
    ci_high: float
    per_neuroid: np.ndarray


def subject_ceiling(
    responses: np.ndarray,
    subjects: np.ndarray,
    components: int,
    n_splits: int,
    seed: int,
    groups: np.ndarray | None = None,
    pictures: np.ndarray | None = None,
) -> SubjectCeiling:
    """How well the neuroids of other subjects predict a neuroid, as a model's features would.

    For each ordered pair of subjects: cross-validated PLS from all neuroids of the one to those of the other,
    Pearson per neuroid over held-out stimuli, mean over splits. A neuroid's ceiling is the mean over the
    other subjects. Not corrected for the noise of either: on the scale of a model's raw r.

    Parameters
    ----------
    responses : ndarray, shape (n_stimuli, n_neuroids)
        Mean over repetitions; NaN where missing: a pair uses the stimuli that both have whole.
    subjects : ndarray, shape (n_neuroids,)
        Subject of each neuroid.
    components : int
        PLS components.
    n_splits, seed : int
        Of ``ShuffleSplit`` over the stimuli with nine tenths for training.
    groups : ndarray, shape (n_stimuli,), optional
        Image of each stimulus of a grid recording: leaves one image out instead (docs/methods.md §3).
    pictures : ndarray, shape (n_stimuli,), optional
        Picture of each stimulus: the same one is on one side of every split.

    Returns
    -------
    SubjectCeiling
        All NaN with one subject, or too few stimuli to split.
    """
    sources = np.unique(subjects)
    per_source = np.full((len(sources), len(subjects)), np.nan)
    for row, source in enumerate(sources):
        for target in sources[sources != source]:
            X, Y = responses[:, subjects == source], responses[:, subjects == target]
            shown = ~np.isnan(X).any(axis=1) & ~np.isnan(Y).any(axis=1)
            own = (None if names is None else names[shown] for names in (groups, pictures))
            splits = _splits(int(shown.sum()), n_splits, seed, *own)
            per_source[row, subjects == target] = _held_out(X[shown], Y[shown], splits, components)
    per_neuroid = mean_of_defined(per_source)
    defined = per_neuroid[~np.isnan(per_neuroid)]
    low, high = bootstrap.percentile_interval(defined, np.median, rng=np.random.default_rng(seed))
    return SubjectCeiling(float(np.median(defined)) if defined.size else np.nan, low, high, per_neuroid)


def _splits(
    n_stimuli: int,
    n_splits: int,
    seed: int,
    groups: np.ndarray | None,
    pictures: np.ndarray | None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test stimuli of each split; none where there are too few pictures or groups."""
    shown = pictures if pictures is not None else np.arange(n_stimuli) if groups is None else groups
    if groups is not None:
        if len(np.unique(shown)) < 2:
            return []
        tests = [np.flatnonzero(groups == name) for name in np.unique(groups)]
        return [(np.flatnonzero(shown != shown[test[0]]), test) for test in tests]
    if len(np.unique(shown)) < MIN_STIMULI:
        return []
    return shuffle_splits(n_stimuli, None, n_splits, 0.9, seed, shown)


def _held_out(
    X: np.ndarray, Y: np.ndarray, splits: list[tuple[np.ndarray, np.ndarray]], components: int
) -> np.ndarray:
    """Pearson (n_targets,) of predicted and measured held-out responses, mean over splits."""
    if not splits:
        return np.full(Y.shape[1], np.nan)
    X, Y = (values.astype(np.float64) - values.mean(axis=0, dtype=np.float64) for values in (X, Y))
    K = X @ X.T
    r = [correlations.pearson(pls.predict(K, Y, train, test, components), Y[test]) for train, test in splits]
    return mean_of_defined(np.array(r))
