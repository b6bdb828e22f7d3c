"""How two quantities of a cloud of models go together: Spearman's ρ with intervals, and the envelope.

All of it is descriptive. Whether alignment *declines* beyond the changepoint takes a test in which the
changepoint is estimated anew in every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from visalign import stats
from visalign.envelope import Line, envelope

#: With fewer points than this there is no trend, only points.
MIN_POINTS = 10
#: With fewer points than this on one side, or in one family, ρ is not reported: four points in random order
#: reach |ρ| = 1 once in twelve.
MIN_SIDE = 5


def rho(x: np.ndarray, y: np.ndarray, *, seed: int, draws: int) -> dict[str, Any]:
    """Spearman's ρ with a percentile bootstrap interval over the points.

    Parameters
    ----------
    x, y : ndarray, shape (n,)

    Returns
    -------
    dict
        value, ci_low, ci_high, n; the numbers are None where ρ is undefined or n < ``MIN_SIDE``.
    """
    answer: dict[str, Any] = {"value": None, "ci_low": None, "ci_high": None, "n": len(x)}
    if len(x) < MIN_SIDE or np.ptp(x) == 0 or np.ptp(y) == 0:
        return answer
    low, high = stats.bootstrap_interval(
        np.column_stack([x, y]),
        lambda sample: stats.spearman(sample[:, 0], sample[:, 1]),
        rng=np.random.default_rng(seed),
        draws=draws,
    )
    if np.isfinite(low):  # not when x or y is constant in every draw
        answer |= {"ci_low": low, "ci_high": high}
    return answer | {"value": float(stats.spearman(x, y))}


def correlations(
    x: np.ndarray, y: np.ndarray, families: Sequence[str], split: float, *, seed: int, draws: int
) -> dict[str, Any]:
    """Spearman's ρ over all points, below and above x = `split`, and within each family.

    Points at `split` count on neither side: the changepoint is chosen for its height, and would push ρ up
    below and down above it whatever the data. The intervals take `split` as given.
    """

    def part(mask: np.ndarray) -> dict[str, Any]:
        return rho(x[mask], y[mask], seed=seed, draws=draws)

    family = np.asarray(families, dtype=object)
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


def describe(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    families: Sequence[str],
    *,
    seed: int,
    draws: int,
    anchor: int | None = None,
) -> dict[str, Any]:
    """Return the trend of a cloud of models as JSON-ready numbers.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Accuracy and alignment; finite.
    names, families : sequence of str, length n
    anchor : int, optional
        Index of the point to which the falling line is drawn.
    """
    found = envelope(x, y, anchor=anchor)

    def point(index: int) -> dict[str, Any]:
        return {"model": names[index], "x": float(x[index]), "y": float(y[index])}

    def line(drawn: Line | None) -> dict[str, Any] | None:
        return asdict(drawn) if drawn else None

    return {
        "spearman": correlations(x, y, families, float(x[found.changepoint]), seed=seed, draws=draws),
        "envelope": [point(i) for i in found.front],
        "changepoint": point(found.changepoint),
        "rising": line(found.rising),
        "beyond": [point(i) for i in found.beyond],
        "falling": line(found.falling),
    }


def too_few(n: int) -> str:
    """Return the reason why there is no trend, or '' when there are points enough."""
    return f"n = {n}; a trend takes at least {MIN_POINTS} points" if n < MIN_POINTS else ""
