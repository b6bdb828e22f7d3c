"""How two quantities of a cloud of models go together: correlations, envelope, two pieces, test of decline.

Models of one family are alike, so they are no independent witnesses: beside intervals over models stand
intervals over families. A model without a family is a family of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from visalign import segmented, stats, verdict
from visalign.envelope import Line, envelope
from visalign.segmented import MIN_FAMILIES

#: With fewer points than this there is no trend, only points.
MIN_POINTS = 10
#: With fewer points than this on one side, in one family or in one class of training data, nothing is
#: estimated there: four points in random order reach |ρ| = 1 once in twelve.
MIN_SIDE = 5


def family_codes(families: Sequence[str]) -> np.ndarray:
    """Number the families 0, 1, …; every '' is one of its own. Shape (n,)."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(name or i, len(numbers)) for i, name in enumerate(families)])


def family_interval(
    families: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], *, seed: int, draws: int
) -> tuple[float, float] | None:
    """Percentile bootstrap interval over whole families.

    Parameters
    ----------
    families : ndarray of int, shape (n,)
    statistic : callable
        Takes the indices of the drawn models.

    Returns
    -------
    (low, high) or None
        None where there are fewer than ``MIN_FAMILIES``, or it is undefined in every draw.
    """
    members = [np.flatnonzero(families == family) for family in np.unique(families)]
    if len(members) < MIN_FAMILIES:
        return None
    interval = stats.bootstrap_interval(
        np.arange(len(members))[:, None],
        lambda drawn: statistic(np.concatenate([members[family] for family in drawn[:, 0]])),
        rng=np.random.default_rng(seed),
        draws=draws,
    )
    return interval if np.isfinite(interval).all() else None


def correlation(
    x: np.ndarray,
    y: np.ndarray,
    families: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray] = stats.spearman,
    *,
    seed: int,
    draws: int,
) -> dict[str, Any]:
    """Correlation with percentile bootstrap intervals over the models, and over their families.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    statistic : callable
        ``stats.spearman`` or ``stats.pearson``.

    Returns
    -------
    dict
        value, ci_low, ci_high, family_ci_low, family_ci_high, n; the numbers are None where the correlation
        is undefined or n < ``MIN_SIDE``, those over families also where these are too few, or the models.
    """
    bounds = ("ci_low", "ci_high", "family_ci_low", "family_ci_high")
    answer: dict[str, Any] = {"value": None} | dict.fromkeys(bounds) | {"n": len(x)}
    if len(x) < MIN_SIDE or np.ptp(x) == 0 or np.ptp(y) == 0:
        return answer
    low, high = stats.bootstrap_interval(
        np.column_stack([x, y]),
        lambda sample: statistic(sample[:, 0], sample[:, 1]),
        rng=np.random.default_rng(seed),
        draws=draws,
    )
    if np.isfinite(low):  # not when x or y is constant in every draw
        answer |= {"ci_low": low, "ci_high": high}
    alike = len(np.unique(families)) < len(families)
    interval = family_interval(families, lambda i: statistic(x[i], y[i]), seed=seed, draws=draws)
    if alike and interval:
        answer |= {"family_ci_low": interval[0], "family_ci_high": interval[1]}
    return answer | {"value": float(statistic(x, y))}


def correlations(
    x: np.ndarray,
    y: np.ndarray,
    families: Sequence[str],
    split: float,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray] = stats.spearman,
    *,
    seed: int,
    draws: int,
) -> dict[str, Any]:
    """Correlation over all points, below and above x = `split`, and within each family.

    Points at `split` count on neither side: the changepoint is chosen for its height, and would push ρ up
    below and down above it whatever the data. The intervals take `split` as given.
    """
    codes, family = family_codes(families), np.asarray(families, dtype=object)

    def part(mask: np.ndarray) -> dict[str, Any]:
        return correlation(x[mask], y[mask], codes[mask], statistic, seed=seed, draws=draws)

    return {
        "overall": part(np.ones(len(x), dtype=bool)),
        "below": part(x < split),
        "above": part(x > split),
        "by_family": {
            name: part(family == name)
            for name in sorted(set(families) - {""})
            if np.sum(family == name) >= MIN_SIDE
        },
    }


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

    The sandwich with the factor G/(G − 1) · (n − 1)/(n − p), and t with G − 1 degrees of freedom (Cameron
    and Miller 2015).

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
        None where families are fewer than ``MIN_FAMILIES``, or not more than coefficients.
    """
    from scipy.special import stdtrit

    (n, p), members = design.shape, np.unique(families)[:, None] == families
    G, inverse = len(members), np.linalg.pinv(design)
    coefficients = inverse @ y
    if max(p + 1, MIN_FAMILIES) > G:
        return coefficients, None
    scores = members @ (inverse * (y - design @ coefficients)).T  # (G, p)
    variance = (scores**2).sum(axis=0) * G / (G - 1) * (n - 1) / (n - p)
    half = stdtrit(G - 1, 0.975) * np.sqrt(variance)
    return coefficients, np.column_stack([coefficients - half, coefficients + half])


def estimate(value: float, interval: Sequence[float] | np.ndarray | None) -> dict[str, float | None]:
    """Return a number, None for NaN, with its 95 % interval over families as JSON-ready fields."""
    low, high = (None, None) if interval is None else (float(bound) for bound in interval)
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
    *,
    seed: int,
    draws: int,
) -> dict[str, Any] | None:
    """Relate y to x beside the number of parameters and the class of training data.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    parameters : ndarray, shape (n,)
        Positive; NaN where unknown.
    training_data : sequence of str, length n
        '' where unknown.

    Returns
    -------
    dict or None
        ``partial``: Spearman's partial ρ of x and y. ``betas``: a standardised coefficient each of accuracy,
        log parameters (both in SDs of score a SD) and every other class of training data (in SDs of score
        from the most frequent class). Rows without a covariate are left out (``n``), covariates that are
        unknown for all or do not vary too. None where fewer than ``MIN_POINTS`` rows, too few for the
        coefficients, or no covariate remain, or they determine the accuracy.
    """
    classes = np.asarray(training_data, dtype=object)
    known = np.ones(len(x), dtype=bool)
    if np.isfinite(parameters).any():
        known &= np.isfinite(parameters)
    if (classes != "").any():
        known &= classes != ""
    size = np.log10(parameters[known])
    columns = {"log parameters": size} if np.isfinite(size).all() and len(np.unique(size)) > 1 else {}
    dummies = class_columns(list(classes[known]))
    x, y, families, n = x[known], y[known], families[known], int(known.sum())
    if n < max(MIN_POINTS, 4 + len(dummies)) or not (columns or dummies) or not (np.ptp(x) and np.ptp(y)):
        return None
    given = np.column_stack([np.ones(n), *map(stats.ranks, columns.values()), *dummies.values()])
    ranked = np.column_stack([stats.ranks(x), stats.ranks(y)])

    def partial(i: np.ndarray) -> np.ndarray:
        left = ranked[i] - given[i] @ np.linalg.lstsq(given[i], ranked[i], rcond=None)[0]
        left[np.abs(left) < 1e-9] = 0  # rounding, of ranks that the covariates determine
        return stats.pearson(left[:, 0], left[:, 1])

    columns = {"accuracy": x} | columns
    standard = [(column - column.mean()) / column.std(ddof=1) for column in (y, *columns.values())]
    design = np.column_stack([np.ones(n), *standard[1:], *dummies.values()])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    betas, intervals = clustered_regression(design, standard[0], families)
    names = ["constant", *columns, *(f"training data: {name}" for name in dummies)]
    within = [None] * len(betas) if intervals is None else list(intervals)
    rho = float(partial(np.arange(n)))
    interval = family_interval(families, partial, seed=seed, draws=draws) if np.isfinite(rho) else None
    return {
        "n": n,
        "partial": estimate(rho, interval),
        "betas": {name: estimate(betas[i], within[i]) for i, name in enumerate(names) if i},
    }


def power_law(y: np.ndarray, families: np.ndarray, parameters: np.ndarray) -> dict[str, Any] | None:
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


def describe(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    families: Sequence[str],
    *,
    parameters: np.ndarray | None = None,
    training_data: Sequence[str] | None = None,
    seed: int,
    draws: int,
    anchor: int | None = None,
) -> dict[str, Any]:
    """Return the trend of a cloud of models as JSON-ready numbers, and its verdict in words.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Accuracy and alignment; finite.
    names, families : sequence of str, length n
    parameters : ndarray, shape (n,), optional
        Number of parameters; positive, NaN where unknown.
    training_data : sequence of str, length n, optional
        Class of training data; '' where unknown.
    anchor : int, optional
        Index of the point to which the falling line is drawn.
    """
    found = envelope(x, y, anchor=anchor)
    codes, split = family_codes(families), float(x[found.changepoint])
    signs = segmented.wild_signs(codes, np.random.default_rng(seed), draws)
    sizes = np.full(len(x), np.nan) if parameters is None else parameters
    classes = [""] * len(x) if training_data is None else training_data

    def point(index: int) -> dict[str, Any]:
        return {"model": names[index], "x": float(x[index]), "y": float(y[index])}

    def line(drawn: Line | None) -> dict[str, Any] | None:
        return asdict(drawn) if drawn else None

    trend = {
        "spearman": correlations(x, y, families, split, seed=seed, draws=draws),
        "pearson": correlations(x, y, families, split, stats.pearson, seed=seed, draws=draws),
        "envelope": [point(i) for i in found.front],
        "changepoint": point(found.changepoint),
        "rising": line(found.rising),
        "beyond": [point(i) for i in found.beyond],
        "falling": line(found.falling),
        "segmented": segmented.fit(x, y, codes, signs),
        "decline": segmented.decline(x, y, codes, signs),
        "shapes": segmented.compare(x, y, codes, np.random.default_rng(seed)),
        "adjusted": adjusted(x, y, codes, sizes, classes, seed=seed, draws=draws),
        "power_law": power_law(y, codes, sizes),
    }
    return trend | {"verdict": verdict.of_trend(trend)}


def too_few(n: int) -> str:
    """Return the reason why there is no trend, or '' when there are points enough."""
    return f"n = {n}; a trend takes at least {MIN_POINTS} points" if n < MIN_POINTS else ""
