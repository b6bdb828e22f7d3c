"""How much of the spread between models is more than the noise of their scores."""

from __future__ import annotations

import numpy as np


def reliability(values: np.ndarray, standard_errors: np.ndarray) -> float:
    """Share of the variance over models that their scores' errors do not explain: 1 − mean(SE²) / variance.

    Parameters
    ----------
    values, standard_errors : ndarray, shape (n_models,)

    Returns
    -------
    float
        At most 1; below 0 where models differ less than their errors alone would have it. NaN of fewer than
        three models, or of equal ones.
    """
    values, errors = np.asarray(values, float), np.asarray(standard_errors, float)
    variance = float(values.var(ddof=1)) if len(values) > 2 else 0.0
    return 1 - float((errors**2).mean()) / variance if variance > 0 else float("nan")


def binomial_error(accuracy: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Standard error of an accuracy over n independent trials."""
    accuracy = np.asarray(accuracy, float)
    return np.sqrt(accuracy * (1 - accuracy) / n)


def attainable(reliability: float) -> float:
    """Largest |ρ| with anything that scores of this reliability can have: its root; 0 below 0."""
    return float(np.sqrt(max(reliability, 0.0)))
