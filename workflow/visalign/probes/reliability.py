"""How much of the spread between models is more than the error of each one's score."""

from __future__ import annotations

import numpy as np

#: Least reliability at which a correlation may be divided by its attainable size.
LEAST = 0.3


def spread_reliability(scores: np.ndarray, errors: np.ndarray) -> float:
    """Share of the variance between models that is not error: 1 − mean(SE²) / variance.

    Parameters
    ----------
    scores, errors : ndarray, shape (n_models,)
        Scores and their standard errors, in one unit; models with one of them missing (NaN) do not count.

    Returns
    -------
    float
        Below 0 where models differ less than their errors promise; NaN for fewer than two models, or for
        equal scores.
    """
    known = ~(np.isnan(scores) | np.isnan(errors))
    if known.sum() < 2:
        return float("nan")
    variance = scores[known].var(ddof=1)
    if not variance > 1e-24 * np.abs(scores[known]).max() ** 2:
        return float("nan")
    return float(1 - (errors[known] ** 2).mean() / variance)


def binomial_errors(accuracy: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Standard errors of accuracies over n independent trials; trials that are not make them too small."""
    return np.sqrt(accuracy * (1 - accuracy) / n)


def attainable(reliability: float) -> float:
    """The largest |ρ| that scores of this reliability can have with anything, √rel; NaN without any."""
    return float(np.sqrt(reliability)) if reliability > 0 else float("nan")


def disattenuated(rho: float, reliability: float) -> float:
    """ρ/√rel, the correlation without the errors of the scores; NaN unless the reliability is above .3."""
    return float(rho / np.sqrt(reliability)) if reliability > LEAST else float("nan")
