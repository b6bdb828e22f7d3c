"""Noise ceilings of neural recordings: the reliability of responses that were repeated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from visalign.stats import bootstrap, correlations, resampling
from visalign.stats.defined import mean_of_defined, median_of_defined
from visalign.stats.resampling import Draws, mean_over_units

Pair = tuple[np.ndarray, np.ndarray]

#: Level of the F test that tells a reliable neuroid from noise, beside its ceiling.
ALPHA = 0.05


class SplitHalf(NamedTuple):
    """Reliability of the means over repetitions; NaN where undefined.

    ``value`` is the c that scores are divided by: the median over neuroids, then the mean over splits, as
    Brain-Score's; of a grid recording (mean over images of √c_i)², as what a noise-free model scores, √c_i on
    image i, is averaged over images. Its 95 % interval is of a bootstrap over stimuli (images) and neuroids.
    ``per_split`` is (n_splits, n_neuroids), of grids (n_splits, n_images, n_neuroids), ``per_neuroid``
    (n_neuroids,) over all splits and images. ``p_value`` (n_neuroids,) is that of an F test against responses
    that do not depend on the stimulus. ``slots`` is Brain-Score's estimate, halves of repetition *numbers*:
    the same where repetitions are ``equal``, and even in number.
    """

    value: float
    ci_low: float
    ci_high: float
    per_neuroid: np.ndarray
    per_split: np.ndarray
    p_value: np.ndarray
    slots: float
    equal: bool


@dataclass(frozen=True)
class Trials:
    """What reliability is computed from: means, their noise, and halves.

    Parameters
    ----------
    mean : ndarray, shape (n_stimuli, n_neuroids)
        Over repetitions; NaN where there is none.
    noise : ndarray, shape (n_stimuli, n_neuroids)
        Variance of `mean` over new repetitions: the trial variance over their number. NaN where missing.
    halves : list of (a, b), each of shape (n_stimuli, n_neuroids)
        Means over halves of the repetitions, where these are equal and even in number; else none.
    image : ndarray of int, shape (n_stimuli,), optional
        Number of the image of each stimulus of a grid recording, in the order of their names.
    """

    mean: np.ndarray
    noise: np.ndarray
    halves: list[Pair]
    image: np.ndarray | None = None

    def of(self, neuroids: np.ndarray) -> Trials:
        """Those of some neuroids."""
        halves = [(a[:, neuroids], b[:, neuroids]) for a, b in self.halves]
        return Trials(self.mean[:, neuroids], self.noise[:, neuroids], halves, self.image)

    @property
    def images(self) -> list[np.ndarray]:
        """Stimuli of each image; of whole images all, once."""
        if self.image is None:
            return [np.arange(len(self.mean))]
        return [np.flatnonzero(self.image == i) for i in range(self.image.max() + 1)]

    def per_split(self) -> np.ndarray:
        """Reliability (n_splits, [n_images,] n_neuroids); one split where there are no halves."""
        result = np.array(
            [[under(np.ones((1, len(s))), self, split, s)[0] for s in self.images] for split in self.splits]
        )
        return result if self.image is not None else result[:, 0]

    @property
    def splits(self) -> list[Pair | None]:
        """The halves, or one that stands for all of them."""
        return [*self.halves] or [None]

    def resampled(self, draws: Draws) -> np.ndarray:
        """`c_of` under draws (n_draws,) of stimuli and neuroids."""
        if self.image is not None:
            return resampled_images(self.per_split(), draws)
        stimuli, values = np.arange(len(self.mean)), []
        for part in draws.parts():
            weights = part.of_stimuli()
            per_split = [part.median(under(weights, self, split, stimuli)) for split in self.splits]
            values.append(mean_of_defined(np.array(per_split)))
        return np.concatenate(values)


def under(weights: np.ndarray, trials: Trials, split: Pair | None, stimuli: np.ndarray) -> np.ndarray:
    """Reliability (draws, n_neuroids) of the means of some stimuli under weights (draws, n) of these.

    Of two halves 2r/(1 + r) (Spearman–Brown). Without them 1 − mean noise / variance of the means, which is
    the mean over all halvings of each stimulus' own repetitions (Cronbach's α, of Rulon's coefficients), and
    holds for any number of repetitions, equal or not, and for the very stimuli that are scored.
    """
    if split is not None:
        with np.errstate(divide="ignore"):
            c = correlations.spearman_brown(
                resampling.weighted_pearson(weights, *(half[stimuli] for half in split))
            )
        return np.where(np.isfinite(c), c, np.nan)
    mean, noise = trials.mean[stimuli], trials.noise[stimuli]
    present = ~np.isnan(noise)
    total, y = weights @ present.astype(np.float64), resampling.shifted(mean, present)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (weights @ (y * y) - (weights @ y) ** 2 / total) / (total - 1)
        constant = variance <= 1e-24 * (np.where(present, mean, 0) ** 2).max(axis=0)
        c = 1 - weights @ np.where(present, noise, 0) / total / variance
    return np.where(constant | ~np.isfinite(c), np.nan, c)


def c_of(per_split: np.ndarray) -> float:
    """What scores are divided by, of (n_splits, [n_images,] n_neuroids), see `SplitHalf`."""
    medians = mean_of_defined(median_of_defined(per_split))
    if np.ndim(medians) == 0:
        return float(medians)
    return float(mean_of_defined(np.sqrt(np.maximum(medians, 0))) ** 2)


def resampled_images(per_split: np.ndarray, draws: Draws) -> np.ndarray:
    """`c_of` (n_draws,) under draws of images and neuroids, of (n_splits, n_images, n_neuroids)."""
    result = []
    for part in draws.parts():
        medians = np.array([[part.median(values) for values in split] for split in per_split])
        roots = np.sqrt(np.maximum(mean_of_defined(medians), 0))  # (images, draws)
        result.append(mean_over_units(roots, part.weights) ** 2)
    return np.concatenate(result)


def trials(responses: np.ndarray, n_splits: int, seed: int, groups: np.ndarray | None = None) -> Trials:
    """Means, noise and halves of responses; same arguments as `split_half_ceiling`."""
    present = ~np.isnan(responses)
    count, repetitions = present.sum(axis=1), responses.shape[1]
    filled = np.where(present, responses, 0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, filled.sum(axis=1) / count, np.nan)
        squares = (np.where(present, responses - mean[:, None], 0) ** 2).sum(axis=1)
        own = np.where(count > 1, squares / (count - 1), np.nan)  # of each stimulus
        of_all = squares.sum(axis=0) / np.maximum(count - 1, 0).sum(axis=0)
        noise = np.where(count > 0, np.where(count > 1, own, of_all) / count, np.nan)
    image = None if groups is None else np.unique(groups, return_inverse=True)[1]
    equal = present.all() and repetitions % 2 == 0
    return Trials(mean, noise, slot_halves(filled, present, n_splits, seed) if equal else [], image)


def slot_halves(filled: np.ndarray, present: np.ndarray, n_splits: int, seed: int) -> list[Pair]:
    """Means over halves of the repetition numbers, as scikit-learn's ``ShuffleSplit`` draws them."""
    from sklearn.model_selection import ShuffleSplit  # two seconds, that readers of this module need not pay

    splitter = ShuffleSplit(n_splits, train_size=0.5, test_size=None, random_state=seed)
    halves = splitter.split(np.arange(filled.shape[1]))
    a_half = partial(_half_mean, filled, present)
    return [(a_half(one), a_half(other)) for one, other in halves]


def _half_mean(filled: np.ndarray, present: np.ndarray, half: np.ndarray) -> np.ndarray:
    count = present[:, half].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, filled[:, half].sum(axis=1) / count, np.nan)


def mean_over_repetitions(responses: np.ndarray) -> np.ndarray:
    """Responses (n_stimuli, n_neuroids) averaged over the repetitions that were recorded, NaN where none was.

    Parameters
    ----------
    responses : ndarray, shape (n_stimuli, n_neuroids, n_repetitions)
    """
    return mean_of_defined(np.ascontiguousarray(responses, dtype=np.float64), axis=-1)


def split_half_ceiling(
    responses: np.ndarray,
    n_splits: int,
    seed: int,
    groups: np.ndarray | None = None,
    pictures: np.ndarray | None = None,
) -> SplitHalf:
    """Split-half reliability of the responses that are scored, the means over repetitions.

    Where repetitions are equal and even in number, Brain-Score's: per split, Pearson over the stimuli between
    the means of two random halves, Spearman–Brown corrected (docs/methods.md §2). Else its mean over all
    halvings of each stimulus' own repetitions, in closed form, see `under`: halves of repetition *numbers*
    lose the stimuli that only one half has, and those are scored.

    Parameters
    ----------
    responses : ndarray, shape (n_stimuli, n_repetitions, n_neuroids)
        NaN where missing.
    n_splits, seed : int
        Of scikit-learn's ``ShuffleSplit`` over the repetitions in sorted order.
    groups : ndarray, shape (n_stimuli,), optional
        Image of each stimulus of a grid recording: reliability runs over the positions of one image at a time
        (docs/methods.md §3).
    pictures : ndarray, shape (n_stimuli,), optional
        Picture of each stimulus, which a bootstrap draws as one (default: each its own).

    Returns
    -------
    SplitHalf
        All NaN where no stimulus has two repetitions.
    """
    own = trials(responses, n_splits, seed, groups)
    per_split, p_value = own.per_split(), p_values(responses, groups)
    unit = groups if groups is not None else np.arange(len(responses)) if pictures is None else pictures
    draws = resampling.draw(unit, responses.shape[2], seed)
    low, high = bootstrap.expanded_interval(own.resampled(draws), draws.units)
    slots = value = c_of(per_split)
    if not own.halves and responses.shape[1] > 1 and groups is None:
        present = ~np.isnan(responses)
        filled = np.where(present, responses, 0).astype(np.float64)
        slots = c_of(replace(own, halves=slot_halves(filled, present, n_splits, seed)).per_split())
    every = per_neuroid(per_split, own)
    return SplitHalf(value, low, high, every, per_split, p_value, slots, bool(own.halves))


def per_neuroid(per_split: np.ndarray, own: Trials) -> np.ndarray:
    """Reliability (n_neuroids,) over all splits and images.

    Of halves, their mean r is corrected, as the correction is concave: a mean of corrected values is low.
    """
    flat = per_split.reshape(-1, per_split.shape[-1])
    if not own.halves:
        return mean_of_defined(flat)
    return correlations.spearman_brown(mean_of_defined(flat / (2 - flat)))


def p_values(responses: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """P values (n_neuroids,) of F tests that responses do not depend on the stimulus; NaN where undefined.

    Variance of the means between stimuli (positions within an image, with groups) over that between
    repetitions of one stimulus. Same arguments as `split_half_ceiling`.
    """
    present = ~np.isnan(responses)
    count = present.sum(axis=1)
    image = np.zeros(len(responses), int) if groups is None else np.unique(groups, return_inverse=True)[1]
    of_image = image == np.arange(image.max() + 1)[:, None]
    filled = np.where(present, responses, 0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, filled.sum(axis=1) / count, 0)
        grand = (of_image @ (count * mean) / (of_image @ count))[image]
        between = np.where(count > 0, count * (mean - grand) ** 2, 0).sum(axis=0)
        within = (np.where(present, responses - mean[:, None], 0) ** 2).sum(axis=(0, 1))
        shown = count > 0
        df_between = shown.sum(axis=0) - (of_image @ shown > 0).sum(axis=0)
        df_within = count.sum(axis=0) - shown.sum(axis=0)
        scale = (filled**2).sum(axis=(0, 1))
        f = between / df_between / (within / df_within)
        constant = between + within <= 1e-24 * scale
        return np.where(constant | (df_within < 1), np.nan, fdtrc(df_between, df_within, f))
