"""Correlations of a cloud of models with intervals over models, and over families of models.

Models of one family are alike, so they are no independent witnesses. A model without a family is a family of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from visalign.stats import bootstrap
from visalign.stats import correlations as stats
from visalign.trend.answer import Correlation, Correlations
from visalign.trend.segmented import MIN_FAMILIES

#: With fewer points than this on one side, in one family or in one class of training data, nothing is
#: estimated there: an interval of five independent models excludes 0 in 13 % of studies, one of six in 3 %.
MIN_SIDE = 6

#: The correlations of many resamples at once.
RESAMPLED: dict[Callable[..., np.ndarray], Callable[..., np.ndarray]] = {
    stats.spearman: stats.resampled_spearman,
    stats.pearson: stats.resampled_pearson,
}


def family_codes(families: Sequence[str]) -> np.ndarray:
    """Number the families 0, 1, …; every '' is one of its own. Shape (n,)."""
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(name or i, len(numbers)) for i, name in enumerate(families)])


def family_interval(
    families: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float] | None:
    """95 % interval of a correlation over whole families, by the jackknife.

    z ± t √((G − 1)/G Σ (z₍f₎ − z)²), z Fisher's transform of the correlation, z₍f₎ without family f, t of
    G − 1 degrees of freedom. A percentile bootstrap over families misses the truth up to twice as often as it
    says where they are few (docs/calibration.md).

    Parameters
    ----------
    families : ndarray of int, shape (n,)
    statistic : callable
        Takes the indices of some models, returns their correlation.

    Returns
    -------
    (low, high) or None
        None where there are fewer than ``MIN_FAMILIES``, or the correlation is undefined without one.
    """
    from scipy.special import stdtrit

    n, labels = len(families), np.unique(families)
    G = len(labels)
    if G < MIN_FAMILIES:
        return None
    found = np.array([statistic(np.arange(n)), *(statistic(np.flatnonzero(families != f)) for f in labels)])
    # Models in perfect order have an infinite z: take half of what one exchange of neighbours would change.
    largest = 1 - 6 / (n**3 - n)
    z, *without = np.arctanh(np.clip(found, -largest, largest))
    half = stdtrit(G - 1, 0.975) * np.sqrt((G - 1) / G * np.sum((np.array(without) - z) ** 2))
    return (float(np.tanh(z - half)), float(np.tanh(z + half))) if np.isfinite(half + z) else None


def correlation(
    x: np.ndarray,
    y: np.ndarray,
    families: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray] = stats.spearman,
    *,
    seed: int,
    draws: int,
) -> Correlation:
    """Correlation with a percentile bootstrap interval over the models, and one over their families.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    statistic : callable
        ``stats.spearman`` or ``stats.pearson``.

    Returns
    -------
    dict
        value, ci_low, ci_high, family_ci_low, family_ci_high, n, n_families; the correlations are None where
        undefined or n < ``MIN_SIDE``, those over families also where every model is its own, or they are
        fewer than ``MIN_FAMILIES``.
    """
    n, n_families = len(x), len(np.unique(families))
    answer: Correlation = {
        "value": None,
        "ci_low": None,
        "ci_high": None,
        "family_ci_low": None,
        "family_ci_high": None,
        "n": n,
        "n_families": n_families,
    }
    if n < MIN_SIDE or np.ptp(x) == 0 or np.ptp(y) == 0:
        return answer
    counts = bootstrap.resample_counts(n, np.random.default_rng(seed), draws)
    drawn = RESAMPLED[statistic](x, y, counts)
    if np.isfinite(drawn).any():  # not when x or y is constant in every draw
        answer["ci_low"], answer["ci_high"] = map(float, np.nanquantile(drawn, [0.025, 0.975]))
    interval = family_interval(families, lambda i: statistic(x[i], y[i])) if n_families < n else None
    if interval:
        answer["family_ci_low"], answer["family_ci_high"] = interval
    answer["value"] = float(statistic(x, y))
    return answer


def correlations(
    x: np.ndarray,
    y: np.ndarray,
    families: Sequence[str],
    split: float,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray] = stats.spearman,
    *,
    seed: int,
    draws: int,
) -> Correlations:
    """Correlation over all points, below and above x = `split`, and within each family.

    Points at `split` count on neither side: the changepoint is chosen for its height, and would push ρ up
    below and down above it whatever the data. The intervals take `split` as given.
    """
    codes, family = family_codes(families), np.asarray(families, dtype=object)
    alone = np.arange(len(x))  # what a family has in common does not order its own models

    def part(mask: np.ndarray, codes: np.ndarray = codes) -> Correlation:
        return correlation(x[mask], y[mask], codes[mask], statistic, seed=seed, draws=draws)

    return {
        "overall": part(np.ones(len(x), dtype=bool)),
        "below": part(x < split),
        "above": part(x > split),
        "by_family": {
            name: part(family == name, alone)
            for name in sorted(set(families) - {""})
            if np.sum(family == name) >= MIN_SIDE
        },
    }
