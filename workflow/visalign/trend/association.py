"""How two quantities of a cloud of models go together: correlations, envelope, two pieces, test of decline.

Models of one family are alike, so they are no independent witnesses: beside intervals over models stand
intervals over families. A model without a family is a family of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visalign.stats import correlations as stats
from visalign.trend import mean_decline, segmented, shapes, verdict
from visalign.trend.answer import Equation, Position, Trend
from visalign.trend.correlation import correlations, family_codes
from visalign.trend.covariates import MIN_POINTS, adjusted, power_law
from visalign.trend.envelope import Line, envelope
from visalign.trend.envelope_decline import envelope_decline


def describe(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    families: Sequence[str],
    *,
    parameters: np.ndarray | None = None,
    training_data: Sequence[str] | None = None,
    sides: np.ndarray | None = None,
    seed: int,
    draws: int,
    anchor: int | None = None,
) -> Trend:
    """Return the trend of a cloud of models as JSON-ready numbers, and its verdict in words.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Accuracy and alignment; finite.
    names, families : sequence of str, length n
    parameters : ndarray, shape (n,), optional
        Number of parameters; positive, NaN where unknown.
    training_data : sequence of str, length n, optional
        Class of training data; '' where unknown.
    sides : ndarray, shape (n,), optional
        Side of the model's input in pixels; NaN where unknown.
    anchor : int, optional
        Index of the point to which the falling line is drawn.
    """
    found = envelope(x, y, anchor=anchor)
    codes, split = family_codes(families), float(x[found.changepoint])
    signs = segmented.wild_signs(codes, np.random.default_rng(seed), draws)
    sizes = np.full(len(x), np.nan) if parameters is None else parameters
    classes = [""] * len(x) if training_data is None else training_data

    def point(index: int) -> Position:
        return {"model": names[index], "x": float(x[index]), "y": float(y[index])}

    def line(drawn: Line | None) -> Equation | None:
        if drawn is None:
            return None
        return {"slope": drawn.slope, "intercept": drawn.intercept, "rule": drawn.rule}

    trend: Trend = {
        "spearman": correlations(x, y, families, split, seed=seed, draws=draws),
        "pearson": correlations(x, y, families, split, stats.pearson, seed=seed, draws=draws),
        "envelope": [point(i) for i in found.front],
        "changepoint": point(found.changepoint),
        "rising": line(found.rising),
        "beyond": [point(i) for i in found.beyond],
        "falling": line(found.falling),
        "segmented": segmented.fit(x, y, codes, signs),
        "decline": mean_decline.decline(x, y, codes, signs),
        "envelope_decline": envelope_decline(x, y, codes, signs),
        "shapes": shapes.compare(x, y, codes, np.random.default_rng(seed)),
        "adjusted": adjusted(x, y, codes, sizes, classes, sides),
        "power_law": power_law(y, codes, sizes),
    }
    trend["verdict"] = verdict.of_trend(trend)
    return trend


def too_few(n: int) -> str:
    """Return the reason why there is no trend, or '' when there are points enough."""
    return f"n = {n}; a trend takes at least {MIN_POINTS} points" if n < MIN_POINTS else ""
