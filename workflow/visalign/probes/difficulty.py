"""How a probe's accuracy falls with difficulty: a logistic function, its threshold and slope.

p(correct) = 1 / (1 + exp(−(b₀ + b₁ x))) by maximum likelihood; the threshold is the difficulty x at which it
is .75, half-way between chance and certainty in a task of two answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from visalign.io.delimited import number
from visalign.probes.intervals import Resamples

#: Fewer levels show no curve.
LEVELS = 3
THRESHOLD = 0.75
#: Logits over the range of difficulty beyond which levels are told apart without error: no slope is finite.
STEEPEST = 50.0


@dataclass(frozen=True)
class DifficultyFit:
    """Threshold (a difficulty) and slope (logits per unit of it) with 95 % intervals; NaN where undefined.

    ``reason`` says why there is no fit, '' where there is one; ``levels`` is how many there are.
    """

    threshold: float
    threshold_interval: tuple[float, float]
    slope: float
    slope_interval: tuple[float, float]
    levels: int
    reason: str = ""


def fit_difficulty(difficulty: np.ndarray, correct: np.ndarray, resamples: Resamples) -> DifficultyFit:
    """Fit accuracy over difficulty, with an interval over groups of trials and training draws.

    Parameters
    ----------
    difficulty : ndarray of str, shape (n,)
    correct : ndarray, shape (R, n)
        Of every training draw: 1, 0 or ½.
    """
    nan = float("nan")
    parsed = [number(str(cell)) for cell in difficulty]
    x = np.array([nan if value is None else value for value in parsed])
    levels, level = np.unique(x, return_inverse=True)
    count = int(np.isfinite(levels).sum())
    reason = ""
    if count < len(levels):
        reason = f"difficulty: {int(np.isnan(x).sum())} of {len(x)} trials have none that is a number"
    elif count < LEVELS:
        reason = f"{count} levels of difficulty, at least {LEVELS} are needed"
    if reason:
        return DifficultyFit(nan, (nan, nan), nan, (nan, nan), count, reason)
    member = np.eye(len(levels))[level]
    times = resamples.of_trials()
    right = np.empty((len(times) + 1, len(levels)))
    shown = np.vstack([member.sum(axis=0), times @ member])
    right[0] = correct.mean(axis=0) @ member
    for draw in range(len(correct)):
        own = np.flatnonzero(resamples.training == draw)
        right[own + 1] = (times[own] * correct[draw]) @ member
    intercept, slope = logistic_of_levels(levels, right, shown)
    with np.errstate(invalid="ignore", divide="ignore"):
        threshold = (np.log(THRESHOLD / (1 - THRESHOLD)) - intercept) / slope
    if np.isnan(slope[0]):
        reason = "undefined: levels are told apart without error, or all are answered alike"
    return DifficultyFit(
        float(threshold[0]) if np.isfinite(threshold[0]) else nan,
        resamples.interval(threshold[1:]),
        float(slope[0]),
        resamples.interval(slope[1:]),
        count,
        reason,
    )


def logistic_of_levels(
    x: np.ndarray, right: np.ndarray, shown: np.ndarray, iterations: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Maximum likelihood of b₀ + b₁ x by Newton's method, for many draws at once.

    Parameters
    ----------
    x : ndarray, shape (k,)
        Levels.
    right, shown : ndarray, shape (draws, k)
        Correct trials and all trials of each level.

    Returns
    -------
    intercept, slope : ndarray, shape (draws,)
        NaN where the likelihood has no maximum.
    """
    middle, scale = x.mean(), np.ptp(x)
    z = (x - middle) / scale
    b = np.zeros((2, len(shown)))
    for _ in range(iterations):
        p = expit(b[0][:, None] + b[1][:, None] * z)
        curvature = shown * p * (1 - p)
        residual = right - shown * p
        gradient = residual.sum(axis=1), residual @ z
        h00, h01, h11 = curvature.sum(axis=1), curvature @ z, curvature @ z**2
        determinant = h00 * h11 - h01**2
        with np.errstate(invalid="ignore", divide="ignore"):
            step = np.array(
                [h11 * gradient[0] - h01 * gradient[1], h00 * gradient[1] - h01 * gradient[0]]
            ) / np.where(determinant > 1e-14, determinant, np.nan)
        step = np.clip(step, -4, 4)  # far from the maximum Newton's steps overshoot
        b = b + step
        if not (np.abs(step) > 1e-10).any():
            break
    lost = ~(np.abs(b) < STEEPEST).all(axis=0)
    slope = np.where(lost, np.nan, b[1] / scale)
    return np.where(lost, np.nan, b[0] - b[1] / scale * middle), slope
