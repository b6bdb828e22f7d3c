"""Orientations, which repeat after 180°: their coding by the double angle, decoding and errors."""

from __future__ import annotations

import numpy as np


def double_angle(theta: np.ndarray) -> np.ndarray:
    """Cosine and sine (n, 2) of twice an orientation (n,) in degrees: 0° and 180° are one."""
    twice = np.radians(2 * theta)
    return np.column_stack([np.cos(twice), np.sin(twice)])


def decoded(values: np.ndarray) -> np.ndarray:
    """Orientations (n,) in degrees, from 0 to 180, of predicted cosines and sines (n, 2)."""
    return np.degrees(np.arctan2(values[:, 1], values[:, 0])) / 2 % 180


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Difference a − b of orientations in degrees, from −90 to 90."""
    return (a - b + 90) % 180 - 90
