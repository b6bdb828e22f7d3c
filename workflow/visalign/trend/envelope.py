"""The published description of accuracy against alignment: front, changepoint, rising and falling line.

Source: Linsley, Feng, Serre 2025 (arXiv 2504.16940), Fig. 1, as its released code computes it. It describes
the upper edge of a cloud of models. It tests nothing: every cloud has a highest point, so a changepoint is
"found" in any data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: A front point counts as covered when it lies less than this far below the falling line (units of y).
TOLERANCE = 0.01


@dataclass(frozen=True)
class Line:
    """y = slope · x + intercept, and the rule it was drawn by."""

    slope: float
    intercept: float
    rule: str

    def at(self, x: np.ndarray) -> np.ndarray:
        """Return the line's y at `x`."""
        return self.slope * x + self.intercept


@dataclass(frozen=True)
class Envelope:
    """What the published algorithm finds; indices point into the arrays it was given."""

    front: np.ndarray  # (n_front,), x ascending; the last one is the changepoint
    changepoint: int
    rising: Line | None  # None when no front point lies left of the changepoint
    beyond: np.ndarray  # (n_beyond,), running-maximum front of the points right of the changepoint
    falling: Line | None  # None when no point lies right of the changepoint


def front(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the points that are higher than every point at or left of them.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Finite.

    Returns
    -------
    ndarray of int, shape (n_front,)
        Indices, x ascending, y strictly rising. Of points at one x only the highest can be in the front,
        and of equal points the first given, so the front's coordinates do not depend on the order of rows.
    """
    order = np.lexsort((-y, x))
    running = np.maximum.accumulate(y[order])
    return order[np.concatenate(([True], running[1:] > running[:-1]))[: len(order)]]


def line_through(
    x: np.ndarray, y: np.ndarray, x0: float, y0: float, *, weights: np.ndarray | None = None, rule: str
) -> Line:
    """Weighted least squares among the lines through (x0, y0).

    slope = Σ w (x − x0)(y − y0) / Σ w (x − x0)².

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        At least one x differs from `x0` at positive weight.
    weights : ndarray, shape (n,), optional
        Not negative; equal when left out.
    """
    w = np.ones(len(x)) if weights is None else weights
    dx, dy = x - x0, y - y0
    slope = float((w * dx * dy).sum() / (w * dx * dx).sum())
    return Line(slope, float(y0 - slope * x0), rule)


def rising_line(x: np.ndarray, y: np.ndarray, x0: float, y0: float) -> Line | None:
    """Least squares through the changepoint (x0, y0) on the front points (x, y) up to it."""
    left = x < x0
    if not left.any():
        return None
    return line_through(x[left], y[left], x0, y0, rule="least squares on the front")


def falling_line(x: np.ndarray, y: np.ndarray, x0: float, y0: float) -> Line | None:
    """Weighted least squares through the changepoint (x0, y0) on the front (x, y) beyond it.

    The weights are y / max y. When fewer than half of the points satisfy y > ŷ − .01, the line is
    replaced by that from the changepoint to the last front point.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Front of the points beyond the changepoint, x ascending.
    """
    if not len(x):
        return None
    # The published weights suppose positive y; a negative weight would pull the line away from its point.
    weights = np.clip(y / y.max(), 0, None) if y.max() > 0 else np.ones(len(y))
    line = line_through(x, y, x0, y0, weights=weights, rule="weighted least squares on the front beyond")
    if np.mean(y > line.at(x) - TOLERANCE) < 0.5:
        return line_through(x[-1:], y[-1:], x0, y0, rule="to the last front point beyond")
    return line


def envelope(x: np.ndarray, y: np.ndarray, *, anchor: int | None = None) -> Envelope:
    """Front, changepoint, rising and falling line of a cloud of points.

    Parameters
    ----------
    x, y : ndarray, shape (n,), n ≥ 1
        Accuracy and alignment, one entry per model; finite.
    anchor : int, optional
        Draw the falling line from the changepoint to this point instead (as for panel A of the paper).

    Raises
    ------
    ValueError
        When there are no points, a value is not finite, or the anchor is not right of the changepoint.
    """
    if not len(x) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("the envelope needs at least one point and finite values")
    upper = front(x, y)
    peak = int(upper[-1])  # the front rises strictly: its last point is its highest
    x0, y0 = float(x[peak]), float(y[peak])
    right = np.flatnonzero(x > x0)
    beyond = right[front(x[right], y[right])] if len(right) else right
    if anchor is None:
        falling = falling_line(x[beyond], y[beyond], x0, y0)
    elif x[anchor] > x0:
        falling = line_through(x[[anchor]], y[[anchor]], x0, y0, rule="to the anchor")
    else:
        raise ValueError(f"the anchor (x = {x[anchor]:g}) is not right of the changepoint (x = {x0:g})")
    return Envelope(upper, peak, rising_line(x[upper], y[upper], x0, y0), beyond, falling)
