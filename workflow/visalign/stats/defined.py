"""Means and medians over what is defined, and numbers that may be undefined."""

from __future__ import annotations

import numpy as np


def mean_of_defined(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Mean over an axis of what is not NaN; NaN, without a warning, where nothing is."""
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=axis) / (~np.isnan(values)).sum(axis=axis)


def median_of_defined(values: np.ndarray) -> np.ndarray:
    """Median over the last axis of what is not NaN; NaN, without a warning, where nothing is."""
    missing = np.isnan(values)
    if not missing.any():
        return np.median(values, axis=-1)
    undefined = missing.all(axis=-1)
    medians = np.nanmedian(np.where(undefined[..., None], 0, values), axis=-1)
    return np.where(undefined, np.nan, medians)


def or_none(value: float) -> float | None:
    """Return a number as JSON has it: None where it is NaN."""
    return None if np.isnan(value) else float(value)
