"""What accuracy says of a score beside the size of models, their input side and their training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from visalign.stats import correlations
from visalign.trend.answer import Adjusted, Estimate, PowerLaw
from visalign.trend.correlation import MIN_SIDE, family_interval
from visalign.trend.segmented import MIN_FAMILIES

#: With fewer models than this nothing is regressed, and there is no trend.
MIN_POINTS = 10


def class_columns(training_data: Sequence[str]) -> dict[str, np.ndarray]:
    """Return an indicator a class of training data, the most frequent class left out as reference.

    Classes of fewer than ``MIN_SIDE`` models are one class, ``others``.
    """
    counts = Counter(training_data)
    pooled = [name if counts[name] >= MIN_SIDE else "others" for name in training_data]
    classes = [name for name, _ in Counter(pooled).most_common()]
    return {name: np.array([label == name for label in pooled], dtype=float) for name in classes[1:]}


def clustered_regression(
    design: np.ndarray, y: np.ndarray, families: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Least squares with 95 % intervals robust to correlation within families.

    The sandwich CR3: (G − 1)/G Σ (β₍f₎ − β)², β₍f₎ fitted without family f, and t with G − 1 degrees of
    freedom (Bell and McCaffrey 2002). With families of unequal size the plain sandwich (CR1) misses the truth
    two to three times as often as it says (docs/calibration.md).

    Parameters
    ----------
    design : ndarray, shape (n, p)
        Of full rank.
    y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)

    Returns
    -------
    coefficients : ndarray, shape (p,)
    intervals : ndarray, shape (p, 2), or None
        None where families are fewer than ``MIN_FAMILIES``, or not more than coefficients. NaN for a
        coefficient that one family alone determines.
    """
    from scipy.special import stdtrit

    (p, labels), coefficients = (design.shape[1], np.unique(families)), np.linalg.pinv(design) @ y
    G = len(labels)
    if max(p + 1, MIN_FAMILIES) > G:
        return coefficients, None
    changes, known = np.empty((G, p)), np.ones(p, dtype=bool)
    for row, family in enumerate(labels):
        others = families != family
        inverse = np.linalg.pinv(design[others])
        changes[row] = inverse @ y[others] - coefficients
        known &= np.diag(inverse @ design[others]) > 1 - 1e-9
    half = stdtrit(G - 1, 0.975) * np.sqrt((changes**2).sum(axis=0) * (G - 1) / G)
    half[~known] = np.nan
    return coefficients, np.column_stack([coefficients - half, coefficients + half])


def estimate(value: float, interval: Sequence[float] | np.ndarray | None) -> Estimate:
    """Return a number, None for NaN, with its 95 % interval over families as JSON-ready fields."""
    low, high = (None, None) if interval is None or np.isnan(interval).any() else map(float, interval)
    return {
        "value": float(value) if np.isfinite(value) else None,
        "family_ci_low": low,
        "family_ci_high": high,
    }


def adjusted(
    x: np.ndarray,
    y: np.ndarray,
    families: np.ndarray,
    parameters: np.ndarray,
    training_data: Sequence[str],
    sides: np.ndarray | None = None,
) -> Adjusted | None:
    """Relate y to x beside the number of parameters, the side of the input and the class of training data.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    parameters : ndarray, shape (n,)
        Positive; NaN where unknown.
    training_data : sequence of str, length n
        '' where unknown.
    sides : ndarray, shape (n,), optional
        Side of the model's input in pixels; NaN where unknown.

    Returns
    -------
    dict or None
        ``partial``: Spearman's partial ρ of x and y. ``betas``: a standardised coefficient each of accuracy,
        log parameters, log side (in SDs of score a SD) and every other class of training data (in SDs of
        score from the most frequent class). Rows without a covariate are left out (``n``), covariates that
        are unknown for all or do not vary too. None where fewer than ``MIN_POINTS`` rows, too few for the
        coefficients, or no covariate remain, or they determine the accuracy.
    """
    classes = np.asarray(training_data, dtype=object)
    covariates = {"log parameters": np.log10(parameters)}
    if sides is not None:
        covariates["log side"] = np.log10(sides)
    known = np.ones(len(x), dtype=bool)
    for given in (*(np.isfinite(values) for values in covariates.values()), classes != ""):
        known &= given | ~given.any()
    columns = {name: values[known] for name, values in covariates.items()}
    columns = {
        name: values
        for name, values in columns.items()
        if np.isfinite(values).all() and len(np.unique(values)) > 1
    }
    dummies = class_columns(list(classes[known]))
    x, y, families, n = x[known], y[known], families[known], int(known.sum())
    if (
        n < max(MIN_POINTS, 3 + len(columns) + len(dummies))
        or not (columns or dummies)
        or not (np.ptp(x) and np.ptp(y))
    ):
        return None
    given = np.column_stack([np.ones(n), *map(correlations.ranks, columns.values()), *dummies.values()])
    ranked = np.column_stack([correlations.ranks(x), correlations.ranks(y)])

    def partial(i: np.ndarray) -> np.ndarray:
        left = ranked[i] - given[i] @ np.linalg.lstsq(given[i], ranked[i], rcond=None)[0]
        left[np.abs(left) < 1e-9] = 0  # rounding, of ranks that the covariates determine
        return correlations.pearson(left[:, 0], left[:, 1])

    columns = {"accuracy": x} | columns
    standard = [(column - column.mean()) / column.std(ddof=1) for column in (y, *columns.values())]
    design = np.column_stack([np.ones(n), *standard[1:], *dummies.values()])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    betas, intervals = clustered_regression(design, standard[0], families)
    names = ["constant", *columns, *(f"training data: {name}" for name in dummies)]
    within = [None] * len(betas) if intervals is None else list(intervals)
    rho = float(partial(np.arange(n)))
    interval = family_interval(families, partial) if np.isfinite(rho) else None
    return {
        "n": n,
        "partial": estimate(rho, interval),
        "betas": {name: estimate(betas[i], within[i]) for i, name in enumerate(names) if i},
    }


def power_law(y: np.ndarray, families: np.ndarray, parameters: np.ndarray) -> PowerLaw | None:
    """Fit y = c · parameters^a by least squares of log y on log parameters.

    Returns
    -------
    dict or None
        ``exponent`` a and ``factor`` c, each an estimate; n; n_excluded, models whose y is not positive,
        which have no logarithm. None where fewer than ``MIN_POINTS`` models or one size remain.
    """
    sized = np.isfinite(parameters)
    used = sized & (y > 0)
    if used.sum() < MIN_POINTS or np.ptp(parameters[used]) == 0:
        return None
    design = np.column_stack([np.ones(used.sum()), np.log(parameters[used])])
    (log_factor, exponent), bounds = clustered_regression(design, np.log(y[used]), families[used])
    return {
        "exponent": estimate(exponent, None if bounds is None else bounds[1]),
        "factor": estimate(np.exp(log_factor), None if bounds is None else np.exp(bounds[0])),
        "n": int(used.sum()),
        "n_excluded": int(sized.sum() - used.sum()),
    }
