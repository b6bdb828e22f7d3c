"""How well a line, rise then plateau, and two pieces describe a cloud of models."""

from __future__ import annotations

import numpy as np

from visalign.trend.answer import Shape
from visalign.trend.segmented import best_fit, candidate_knots, designs

FOLDS = 10


def compare(
    x: np.ndarray, y: np.ndarray, families: np.ndarray, rng: np.random.Generator
) -> dict[str, Shape] | None:
    """Return how well a line, rise then plateau, and two pieces describe the models.

    Descriptive only: neither number is a test, since the changepoint is not identified without a change.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    rng : Generator
        Deals the families into folds.

    Returns
    -------
    dict or None
        shape -> bic, n log(RSS/n) + k log n with k the number of coefficients and the changepoint, None
        where the fit is perfect; cv_rmse, root mean squared error of models whose family was left out
        (``FOLDS`` folds), in units of y, None where there is one family. None where x
        leaves no room for a changepoint.
    """
    knots = candidate_knots(x)
    if not len(knots):
        return None
    n = len(x)
    fold = (rng.permutation(families.max() + 1) % FOLDS)[families]
    folds = np.unique(fold)
    answer: dict[str, Shape] = {}
    for shape in ("linear", "plateau", "segmented"):
        design = designs(x, knots, shape)
        best, coefficients = best_fit(design, y[:, None])
        rss = float(((y - design[best[0]] @ coefficients[0]) ** 2).sum())
        k = design.shape[2] + (shape != "linear")
        errors = np.empty(n)
        for test in (fold == f for f in folds if len(folds) > 1):
            best, coefficients = best_fit(design[:, ~test], y[~test, None])
            errors[test] = y[test] - design[best[0]][test] @ coefficients[0]
        answer[shape] = {
            "bic": float(n * np.log(rss / n) + k * np.log(n)) if rss > 0 else None,
            "cv_rmse": float(np.sqrt(np.mean(errors**2))) if len(folds) > 1 else None,
        }
    return answer
