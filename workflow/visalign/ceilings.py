"""Noise ceilings of neural recordings: split-half reliability, and prediction between subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visalign import gram_pls, stats
from visalign.cross_validation import shuffle_splits

#: Fewer stimuli than these leave less than two, a tenth, to correlate over.
MIN_STIMULI = 20


class SplitHalf(NamedTuple):
    """Split-half reliability of neuroids, Spearman–Brown corrected; NaN where undefined.

    `per_split` is (n_splits, n_neuroids), with groups (n_splits · n_groups, n_neuroids), `per_neuroid`
    (n_neuroids,) its mean over splits; `value` is the median over neuroids, then the mean over splits (as
    Brain-Score's), with a bootstrap interval over neuroids.
    """

    value: float
    ci_low: float
    ci_high: float
    per_neuroid: np.ndarray
    per_split: np.ndarray


class SubjectCeiling(NamedTuple):
    """Prediction of neuroids from those of other subjects; NaN where undefined.

    `per_neuroid` is (n_neuroids,); `value` is its median, with a bootstrap interval over neuroids.
    """

    value: float
    ci_low: float
    ci_high: float
    per_neuroid: np.ndarray


def split_half_ceiling(
    responses: np.ndarray, n_splits: int = 10, seed: int = 1, groups: np.ndarray | None = None
) -> SplitHalf:
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
    groups : ndarray, shape (n_stimuli,), optional
        Image of each stimulus of a map recording: the correlation runs over the positions of one image at
        a time, and the mean over images as well as splits (methods.md §3).

    Returns
    -------
    SplitHalf
        All NaN with fewer than two repetitions.
    """
    n_repetitions, n_neuroids = responses.shape[1:]
    if n_repetitions < 2:
        undefined = np.full((n_splits, n_neuroids), np.nan)
        return SplitHalf(np.nan, np.nan, np.nan, undefined[0], undefined)
    from sklearn.model_selection import ShuffleSplit  # two seconds, that readers of this module need not pay

    present = ~np.isnan(responses)
    filled = np.where(present, responses, 0).astype(np.float64)
    splitter = ShuffleSplit(n_splits, train_size=0.5, test_size=None, random_state=seed)
    images = [slice(None)] if groups is None else [groups == image for image in np.unique(groups)]
    rows = []
    for one, other in splitter.split(np.arange(n_repetitions)):
        a, b = _half_mean(filled, present, one), _half_mean(filled, present, other)
        rows += [_corrected(a[image], b[image]) for image in images]
    per_split = np.array(rows)
    per_neuroid = _mean_of_defined(per_split)
    defined = per_split.T[~np.isnan(per_neuroid)]
    low, high = stats.bootstrap_interval(defined, _median_then_mean, rng=np.random.default_rng(seed))
    return SplitHalf(_median_then_mean(defined), low, high, per_neuroid, per_split)


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


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=0) / (~np.isnan(values)).sum(axis=0)


def subject_ceiling(
    responses: np.ndarray,
    subjects: np.ndarray,
    n_splits: int = 10,
    seed: int = 1,
    components: int = 25,
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
    n_splits, seed : int
        Of ``ShuffleSplit`` over the stimuli with nine tenths for training.
    components : int
        PLS components.
    groups : ndarray, shape (n_stimuli,), optional
        Image of each stimulus of a map recording: leaves one image out instead (methods.md §3).
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
    per_neuroid = _mean_of_defined(per_source)
    defined = per_neuroid[~np.isnan(per_neuroid)]
    low, high = stats.bootstrap_interval(defined, np.median, rng=np.random.default_rng(seed))
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
    r = [stats.pearson(gram_pls.predict(K, Y, train, test, components), Y[test]) for train, test in splits]
    return _mean_of_defined(np.array(r))


class SitePair(NamedTuple):
    """Likeness of the maps of two sites, where nothing was repeated; NaN where undefined.

    `value` is a correlation between two noisy maps of shared tuning, and so stands in for the
    reliability c; `best` is the optimistic one of the published code.
    """

    value: float
    ci_low: float
    ci_high: float
    best: float
    per_neuroid: np.ndarray


def site_pair_ceiling(maps: np.ndarray, seed: int = 1) -> SitePair:
    """Ceiling of maps without repetitions: how well another site's map resembles a site's own.

    The partner of a site is the one most alike on the other images, so the choice does not flatter
    the result; Pearson over positions on the image at hand, median over sites, mean over images.
    The published ceiling chooses the partner on the image at hand itself (`best`).

    Parameters
    ----------
    maps : ndarray, shape (n_images, n_positions, n_sites)
    seed : int
        Of the bootstrap over sites.
    """
    n_images, _, n_sites = maps.shape
    nothing = np.full(n_sites, np.nan)
    if n_sites < 2 or n_images < 2:
        return SitePair(np.nan, np.nan, np.nan, np.nan, nothing)
    centred = maps - maps.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    r = unit.transpose(0, 2, 1) @ unit  # (image, site, site)
    itself = np.eye(n_sites, dtype=bool)
    elsewhere = np.where(itself, -np.inf, r.sum(axis=0) - r)  # on the other images
    chosen = np.take_along_axis(r, elsewhere.argmax(axis=2)[..., None], axis=2)[..., 0]  # (image, site)
    low, high = stats.bootstrap_interval(chosen.T, _median_then_mean, rng=np.random.default_rng(seed))
    best = float(np.median(np.where(itself, -np.inf, r).max(axis=2), axis=1).mean())
    return SitePair(_median_then_mean(chosen.T), low, high, best, chosen.mean(axis=0))
