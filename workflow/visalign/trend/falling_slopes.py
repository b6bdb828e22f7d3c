"""Slopes beyond many starts at once, with errors robust to what models of one family have in common."""

from __future__ import annotations

import numpy as np


def beyond_starts(
    x: np.ndarray, families: np.ndarray, starts: np.ndarray, n_families: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return who is whose, who is beyond each start, and how far from the mean x of those.

    Returns
    -------
    member : ndarray of 0 and 1, shape (n, n_families)
    beyond : ndarray of 0 and 1, shape (n_starts, n)
    dx : ndarray, shape (n_starts, n)
        0 for models that are not beyond.
    """
    member = (families[:, None] == np.arange(n_families)).astype(float)
    beyond = (x > starts[:, None]).astype(float)
    return member, beyond, beyond * (x - beyond @ x[:, None] / beyond.sum(axis=1, keepdims=True))


def family_shares(x: np.ndarray, families: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return each family's share in the variance of the slope beyond each start.

    With equal noise, half of it shared within families, a family adds Σ dx² + (Σ dx)² up to a factor. The
    inverse of the sum of squared shares is the effective number of families (Carter, Schnepel, Steigerwald
    2017).

    Parameters
    ----------
    x, families : ndarray, shape (n,)
    starts : ndarray, shape (n_starts,)
        Beyond each, x varies.

    Returns
    -------
    ndarray, shape (n_starts, n_families)
    """
    member, _, dx = beyond_starts(x, families, starts, families.max() + 1)
    shares = dx**2 @ member + (dx @ member) ** 2
    return shares / shares.sum(axis=1, keepdims=True)


def decline_statistic(
    x: np.ndarray,
    values: np.ndarray,
    families: np.ndarray,
    starts: np.ndarray,
    signs: np.ndarray,
    shift: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest t of a falling slope over all starts, for every draw.

    t = −b / s, b the least squares slope on the models with x > start, s its error robust to correlation
    within families: s² = (g − 1)/g Σ_f (b − b₍f₎)², b₍f₎ without family f and g the number of families beyond
    the start (CR3; an error from residuals alone is too small where one family draws the slope to itself).
    b − b₍f₎ = Σ_{i in f} q_i r_i, r the residuals, q the row of the slope in (X'X − X_f'X_f)⁻¹ X_f'. In a
    draw y_i is ``shift`` plus the value of model i times the sign of its family, so the squares expand into
    products of (starts × families) and (families × draws) matrices.

    Parameters
    ----------
    x : ndarray, shape (n,)
    values : ndarray, shape (n,), or (n_starts, n) where they differ between starts
    families : ndarray of int, shape (n,)
    starts : ndarray, shape (n_starts,)
        Beyond each, no family alone determines the slope.
    signs : ndarray, shape (n_families, draws)
        −1 or 1.
    shift : ndarray, shape (n,), optional

    Returns
    -------
    statistic : ndarray, shape (draws,)
    start : ndarray of int, shape (draws,)
        Index of the start where it is reached.
    """
    member, beyond, dx = beyond_starts(x, families, starts, len(signs))
    n, squares_of_x = beyond.sum(axis=1, keepdims=True), (dx**2).sum(axis=1, keepdims=True)
    own_n, own_dx, own_squares = beyond @ member, dx @ member, dx**2 @ member
    # The slope's row of (X'X − X_f'X_f)⁻¹, for (1, dx).
    determinant = (n - own_n) * (squares_of_x - own_squares) - own_dx**2
    of_one, of_dx = (part / determinant @ member.T for part in (own_dx, n - own_n))
    q = beyond * (of_one + of_dx * dx)

    def per_family(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each family's weighted sum of values, and of the shift."""
        return (weights * values) @ member, (weights * shift) @ member

    def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b).sum(axis=1, keepdims=True)

    of_slope, slope_shift = per_family(dx / squares_of_x)
    of_mean, mean_shift = per_family(beyond / n)
    change, change_shift = per_family(q)
    slope = of_slope @ signs + slope_shift.sum(axis=1, keepdims=True)
    mean = of_mean @ signs + mean_shift.sum(axis=1, keepdims=True)
    # What one unit of the mean, or of the slope, takes from a family's change of slope.
    per_mean, per_slope = q @ member, (q * dx) @ member
    squares = (
        dot(change, change)
        + dot(change_shift, change_shift)
        + mean**2 * dot(per_mean, per_mean)
        + slope**2 * dot(per_slope, per_slope)
        + 2 * ((change * change_shift) @ signs)
        - 2 * mean * ((change * per_mean) @ signs + dot(change_shift, per_mean))
        - 2 * slope * ((change * per_slope) @ signs + dot(change_shift, per_slope))
        + 2 * mean * slope * dot(per_mean, per_slope)
    )
    # Points on a line leave no residuals: rounding must not make their square negative.
    squares = np.maximum(squares, 1e-12 * dot(change, change) + np.finfo(float).tiny)
    g = (own_n > 0).sum(axis=1, keepdims=True)
    t = -slope / np.sqrt(squares * (g - 1) / g)
    return t.max(axis=0), t.argmax(axis=0)
