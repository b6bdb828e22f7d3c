"""The score that a perfect model would get with these stimuli, this noise and this layer.

Divided by the reliability c, r² is 1 for predictions of the noise-free responses. A readout learned from few
noisy responses falls short of these, even from the very features that the neuroids read. How far depends on
how the signal is spread over the principal components of the layer: little on few components, much on many.

So readouts with the spread of the recorded signal are planted in the layer, noise of the recorded variance
is added, and the planted responses are scored as the recorded ones were. The spread is estimated without
the bias that noise adds: the power of the mean responses on each component, averaged over neuroids, less
that of the noise, and less a flat level, which is the signal that the layer does not tell from any other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

from visalign.comparisons.comparison import Layer, Regression
from visalign.neural.layers import Read, median_score, score_block
from visalign.stats.cross_validation import Split
from visalign.stats.defined import mean_of_defined

#: Leading principal components of a layer that may carry signal: bounds time for many stimuli.
LEADING = 1000
#: Fewest directions: a layer of fewer components is filled up with others, outside of it.
FEWEST = 50
#: Share of the directions, those of least variance in the layer, whose power is the flat level.
FLAT = 0.25
#: Power that the components from some on add up to counts as none within so many standard errors.
ERRORS = 1.5
#: Share of the largest variance up to which a component is rounding (of float32 products).
ROUNDING = 1e-10


class Attainable(NamedTuple):
    """Score of planted readouts; NaN where no neuroid or no component of the layer has signal.

    ``r`` is the score as `median_score` gives it, mean over draws, ``sd`` its standard deviation over draws;
    ``c`` the reliability that was planted, so that r²/c is what a perfect model attains of 1;
    ``components`` the number that carry the planted signal, and ``carried`` the share of the recorded signal
    on them, beyond what any direction has; ``n_neuroids`` were planted, ``n_excluded`` left
    out: noise exceeds the variance of their mean responses, or is not known.
    """

    r: float
    sd: float
    c: float
    components: int
    carried: float
    n_neuroids: int
    n_excluded: int


class Spread(NamedTuple):
    """Share of the signal on each direction (k,), 0 from `components` on, and the flat level."""

    share: np.ndarray
    level: float
    components: int


def attainable(
    read: Read,
    Y: np.ndarray,
    noise: np.ndarray,
    splits: list[Split],
    comparison: Regression,
    rng: np.random.Generator,
    draws: int = 3,
    groups: np.ndarray | None = None,
) -> Attainable:
    """Score of a perfect readout of a layer, of as many neuroids with as much signal and noise.

    Of a layer that does not carry all of the signal it is the score if the layer did: that of neuroids with
    all their signal spread as the part is that the layer carries: ``carried`` says how much that is. A poor
    layer may spread the signal widely and attain less, or carry little of it on few components and attain
    nearly 1; so models are compared by the attainable score of one layer, the best, not each by its own.

    With 100 and 208 stimuli, 60 neuroids and c from .3 to .96, r²/c of one recording is within .04 on
    average of what the exact layer scores, with a standard deviation of up to .08, if the power of the signal
    falls over up to 40 leading components. It is up to .09 low at c = .3 with half of the signal outside the
    layer, and .1 to .3 high where the signal is spread as the layer's own variance down to its least
    components: that much of it is taken for signal outside the layer.

    Parameters
    ----------
    read : callable
        Gives what `gram.matrix.gram` gives, or features ``X`` (n, p).
    Y : ndarray, shape (n, m)
        Mean responses, NaN where missing.
    noise : ndarray, shape (n, m)
        Variance of `Y` over new trials: the trial variance over the number of trials. Where it is NaN beside
        a response, the mean of the neuroid stands in.
    splits : list of Split
        Of the score; inner pairs are not used.
    draws : int
        Draws of the noise, each scored.
    groups : ndarray, shape (n,), optional
        Image of each stimulus of a grid recording, whose c is (mean over images of √(median c_i))².
    """
    noise = np.where(np.isnan(Y), np.nan, np.where(np.isnan(noise), mean_of_defined(noise), noise))
    signal = signal_variance(Y, noise)
    some = signal > 0
    Y, noise, signal = Y[:, some], noise[:, some], signal[some]
    counts = (int(some.sum()), int((~some).sum()))
    if not some.any():
        return Attainable(np.nan, np.nan, np.nan, 0, 0.0, *counts)
    layer = read()
    U = directions(layer, len(Y), rng)
    F, components, carried = planted(U, Y, noise, signal)
    if not components:
        return Attainable(np.nan, np.nan, np.nan, 0, 0.0, *counts)
    noisy = F + np.sqrt(noise) * rng.standard_normal((draws, *F.shape))
    bare = [Split(split.train, split.test) for split in splits]
    r = score_draws(layer, noisy, bare, comparison)
    sd = r.std(ddof=1) if draws > 1 else np.nan
    c = reliability(F, noise, groups)
    return Attainable(float(r.mean()), float(sd), c, components, carried, *counts)


def signal_variance(Y: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Variance (m,) of the noise-free responses: that of the mean responses, less their noise.

    0 where a neuroid is constant up to rounding, or has no noise or fewer than two responses.
    """
    count = (~np.isnan(Y)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = mean_of_defined((Y - mean_of_defined(Y)) ** 2) * count / (count - 1)
        signal = variance - mean_of_defined(noise)
        varies = variance > 1e-24 * mean_of_defined(Y**2)
    return np.where(varies & (signal > 0), signal, 0)


def directions(layer: Layer, n: int, rng: np.random.Generator) -> np.ndarray:
    """Orthonormal directions (n, k) over the stimuli, by falling variance in the layer.

    The leading principal components; where they are few, then random directions orthogonal to them, which
    the layer does not have.
    """
    if "X" in layer:
        X = layer["X"] - layer["X"].mean(axis=0, dtype=np.float64)
        U, lengths, _ = linalg.svd(X, full_matrices=False)
        variance = lengths**2
    else:
        K = layer["K"] - layer["K"].mean(axis=0)
        K -= K.mean(axis=1, keepdims=True)
        variance, U = linalg.eigh(K, subset_by_index=[max(n - LEADING, 0), n - 1])
        variance, U = variance[::-1], U[:, ::-1]
    U = U[:, :LEADING][:, variance[:LEADING] > ROUNDING * variance[0]]
    k = U.shape[1]
    outside = rng.standard_normal((n, max(min(FEWEST, n - 1) - k, 0)))
    outside -= outside.mean(axis=0)
    outside -= U @ (U.T @ outside)
    return np.hstack([U, linalg.qr(outside, mode="economic")[0]])


def planted(
    U: np.ndarray, Y: np.ndarray, noise: np.ndarray, signal: np.ndarray
) -> tuple[np.ndarray, int, float]:
    """Noise-free responses (n, m) linear in the layer, number of components, share of the signal on these.

    The recorded responses, filtered so that the power on each component is that of the signal: a neuroid
    keeps its own readout and its likeness to others as far as noise lets them be known.

    Parameters
    ----------
    U : ndarray, shape (n, k)
        See `directions`.
    signal : ndarray, shape (m,)
        Variance of the planted responses.
    """
    present = ~np.isnan(Y)
    count = present.sum(axis=0)
    coefficients = U.T @ np.where(present, Y - mean_of_defined(Y), 0)
    of_noise = (U**2).T @ np.where(present, noise, 0)
    variance = signal + mean_of_defined(noise)
    of_signal = ((coefficients**2 - of_noise) / variance).mean(axis=1)
    share, level, components = spread(of_signal)
    if not components:
        return np.zeros(Y.shape), 0, 0.0
    power = share[:, None] * signal * count
    F = U @ (np.sqrt(power / np.maximum(power + of_noise + level * variance, power)) * coefficients)
    F = np.where(present, F, np.nan)
    F -= mean_of_defined(F)
    carried = (of_signal[:components] - level).sum() / (signal * (count - 1) / variance).mean()
    return (
        F * np.sqrt(signal * (count - 1) / count / mean_of_defined(F**2)),
        components,
        min(float(carried), 1.0),
    )


def spread(power: np.ndarray) -> Spread:
    """How the signal is spread over directions, from its power (k,) on each, known with error.

    What the least directions have on average, the flat level, is taken off all. From the first component on
    after which the rest adds up to nothing that its error does not explain, nothing is planted. Before it
    the power falls, as that of a least-squares fit, which averages the error out.
    """
    flat = power[-max(2, round(FLAT * len(power))) :]
    level = max(float(flat.mean()), 0.0)
    total = np.cumsum(power - level)
    error = flat.std() * np.sqrt(np.arange(len(power), -1, -1))
    remainder = np.maximum(total.max(), 0) - np.append(0, total)
    components = int(np.argmax(remainder <= ERRORS * error))
    falling = optimize.isotonic_regression(power[:components] - level, increasing=False).x
    share = np.zeros(len(power))
    share[:components] = np.maximum(falling, 0)
    return Spread(share / max(share.sum(), np.finfo(float).tiny), level, components)


def score_draws(layer: Layer, drawn: np.ndarray, splits: list[Split], comparison: Regression) -> np.ndarray:
    """Score (draws,) of each draw (draws, n, m); in one fit where neuroids are fitted one by one."""
    if comparison.jointly:
        return np.array(
            [median_score(score_block(lambda: layer, Y, splits, comparison).values) for Y in drawn]
        )
    values = score_block(lambda: layer, np.hstack(list(drawn)), splits, comparison).values
    return np.array([median_score(part) for part in np.split(values, len(drawn), axis=1)])


def reliability(F: np.ndarray, noise: np.ndarray, groups: np.ndarray | None) -> float:
    """Reliability c of noise-free responses (n, m) under noise (n, m), as scores are divided by."""
    if groups is None:
        return float(np.nanmedian(shares(F, noise)))
    medians = np.array([np.nanmedian(shares(F[groups == i], noise[groups == i])) for i in np.unique(groups)])
    return float(np.sqrt(medians).mean() ** 2)


def shares(F: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Share (m,) of the variance of responses that is signal, not noise."""
    count = (~np.isnan(F)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        signal = mean_of_defined((F - mean_of_defined(F)) ** 2) * count / (count - 1)
        return signal / (signal + mean_of_defined(noise))
