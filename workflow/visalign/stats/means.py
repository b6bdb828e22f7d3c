"""Means over what is defined, and numbers that may be undefined."""

from __future__ import annotations

import numpy as np


def mean_defined(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of the values that are not NaN; NaN where there is none."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(axis=axis) / defined.sum(axis=axis)


def or_none(value: float) -> float | None:
    """Return a number as JSON has it: None where it is NaN."""
    return None if np.isnan(value) else float(value)
