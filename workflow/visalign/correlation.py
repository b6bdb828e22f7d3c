"""Correlations of a cloud of models with intervals over models, and over families of models.

Models of one family are alike, so they are no independent witnesses. A model without a family is a family of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from visalign import stats
from visalign.segmented import MIN_FAMILIES

#: With fewer points than this on one side, in one family or in one class of training data, nothing is
#: estimated there: four points in random order reach |ρ| = 1 once in twelve.
MIN_SIDE = 5


def family_codes(families: Sequence[str]) -> np.ndarray:
    """Number the families 0, 1, …; every '' is one of its own. Shape (n,)."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(name or i, len(numbers)) for i, name in enumerate(families)])


def family_interval(
    families: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], *, seed: int, draws: int
) -> tuple[float, float] | None:
    """Percentile bootstrap interval over whole families.

    Parameters
    ----------
    families : ndarray of int, shape (n,)
    statistic : callable
        Takes the indices of the drawn models.

    Returns
    -------
    (low, high) or None
        None where there are fewer than ``MIN_FAMILIES``, or it is undefined in every draw.
    """
    members = [np.flatnonzero(families == family) for family in np.unique(families)]
    if len(members) < MIN_FAMILIES:
        return None
    interval = stats.bootstrap_interval(
        np.arange(len(members))[:, None],
        lambda drawn: statistic(np.concatenate([members[family] for family in drawn[:, 0]])),
        rng=np.random.default_rng(seed),
        draws=draws,
    )
    return interval if np.isfinite(interval).all() else None


def correlation(
    x: np.ndarray,
    y: np.ndarray,
    families: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray] = stats.spearman,
    *,
    seed: int,
    draws: int,
) -> dict[str, Any]:
    """Correlation with percentile bootstrap intervals over the models, and over their families.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    statistic : callable
        ``stats.spearman`` or ``stats.pearson``.

    Returns
    -------
    dict
        value, ci_low, ci_high, family_ci_low, family_ci_high, n; the numbers are None where the correlation
        is undefined or n < ``MIN_SIDE``, those over families also where these are too few, or the models.
    """
    bounds = ("ci_low", "ci_high", "family_ci_low", "family_ci_high")
    answer: dict[str, Any] = {"value": None} | dict.fromkeys(bounds) | {"n": len(x)}
    if len(x) < MIN_SIDE or np.ptp(x) == 0 or np.ptp(y) == 0:
        return answer
    low, high = stats.bootstrap_interval(
        np.column_stack([x, y]),
        lambda sample: statistic(sample[:, 0], sample[:, 1]),
        rng=np.random.default_rng(seed),
        draws=draws,
    )
    if np.isfinite(low):  # not when x or y is constant in every draw
        answer |= {"ci_low": low, "ci_high": high}
    alike = len(np.unique(families)) < len(families)
    interval = family_interval(families, lambda i: statistic(x[i], y[i]), seed=seed, draws=draws)
    if alike and interval:
        answer |= {"family_ci_low": interval[0], "family_ci_high": interval[1]}
    return answer | {"value": float(statistic(x, y))}


def correlations(
    x: np.ndarray,
    y: np.ndarray,
    families: Sequence[str],
    split: float,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray] = stats.spearman,
    *,
    seed: int,
    draws: int,
) -> dict[str, Any]:
    """Correlation over all points, below and above x = `split`, and within each family.

    Points at `split` count on neither side: the changepoint is chosen for its height, and would push ρ up
    below and down above it whatever the data. The intervals take `split` as given.
    """
    codes, family = family_codes(families), np.asarray(families, dtype=object)

    def part(mask: np.ndarray) -> dict[str, Any]:
        return correlation(x[mask], y[mask], codes[mask], statistic, seed=seed, draws=draws)

    return {
        "overall": part(np.ones(len(x), dtype=bool)),
        "below": part(x < split),
        "above": part(x > split),
        "by_family": {
            name: part(family == name)
            for name in sorted(set(families) - {""})
            if np.sum(family == name) >= MIN_SIDE
        },
    }
