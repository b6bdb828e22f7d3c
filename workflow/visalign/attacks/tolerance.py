"""Perturbation tolerance: the sizes of the smallest perturbations of a model, summarised over images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from visalign.attacks import masking
from visalign.io.scores import Score
from visalign.stats.bootstrap import percentile_interval

#: Stands for the norm of a censored image in quantiles: larger than any norm of [0, 1] pixels. An
#: interpolation that it takes part in with a weight of .001 or more is larger than UNKNOWN.
BEYOND, UNKNOWN = 1e9, 1e6
METRIC = "perturbation_tolerance"
#: Quantiles by metric.
QUANTILES = {f"{METRIC}_median": 0.5, f"{METRIC}_q10": 0.1, f"{METRIC}_q90": 0.9}
#: Quantiles of what an attack took, by the end of the metric.
COST_QUANTILES = {"": 0.5, "_q95": 0.95}
#: Status of a model that names no image correctly.
NOTHING = "no clean-correct image to attack"


def known(value: float) -> float | None:
    """Return a quantile, or None where it is that of a censored image."""
    return float(value) if value < UNKNOWN else None


def quantile(norm: np.ndarray, success: np.ndarray, q: float) -> float | None:
    """Quantile of norms (n,); that of an image without `success` is larger than any.

    Returns
    -------
    float or None
        Interpolated linearly between order statistics; None without an image, and where it depends on a
        censored one, as the median does where more than half are.
    """
    return known(np.quantile(np.where(success, norm, BEYOND), q)) if len(norm) else None


def summarise(
    per_image: Mapping[str, np.ndarray], dimension: int, rng: np.random.Generator, draws: int
) -> list[Score]:
    """Mean, median, quantiles and mean per √dimension of the L2 norms, with intervals.

    Parameters
    ----------
    per_image : mapping of str to ndarray, shape (n_attacked,)
        ``norm`` (in units of [0, 1] pixels), ``success``, ``clean_correct`` and `masking.SIGNS`. A
        clean-correct image without success is censored: its norm is above every other one. So a mean that it
        takes part in has no value, nor has a quantile that depends on it.
    dimension : int
        Input values (channels × height × width).
    draws : int
        Bootstrap draws over images. A bound that depends on a censored image is None.
    """
    clean = per_image["clean_correct"]
    attacked = {name: values[clean] for name, values in per_image.items()}
    success = attacked["success"]
    norm = np.where(success, attacked["norm"], BEYOND)
    n_excluded = int((~clean).sum())
    reason = masking.reason(attacked) if len(norm) else NOTHING
    n_censored = int((~success).sum())
    in_mean = np.where(success, norm, np.inf)
    summaries: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
        METRIC: (np.mean, in_mean),
        **{metric: (partial(np.quantile, q=q), norm) for metric, q in QUANTILES.items()},
        f"{METRIC}_per_sqrt_dimension": (np.mean, in_mean * dimension**-0.5),
    }
    result = []
    for metric, (statistic, values) in summaries.items():
        # that of METRIC is a size that compares across models, see `across_models`
        headline = metric != METRIC
        score = Score(metric=metric, convention="l2", n=len(norm), n_excluded=n_excluded, headline=headline)
        if reason is not None:
            result.append(replace(score, status=reason))
            continue
        value = known(statistic(values))
        score = replace(score, value=value, status=status(value, f"{n_censored} of {len(norm)} censored"))
        if value is not None:
            low, high = percentile_interval(values, statistic, rng=rng, draws=draws)
            score = replace(score, ci_low=known(low), ci_high=known(high))
        result.append(score)
    return result


def status(value: float | None, censored: str) -> str:
    """Say what censored images did to a summary, where there are any."""
    if value is None:
        return f"undefined: {censored}"
    return "ok" if censored.startswith("0 ") else f"ok, {censored} above every norm"


def cost(per_image: Mapping[str, np.ndarray]) -> list[Score]:
    """Median and 95th percentile of the evaluations that an attacked image took."""
    clean = per_image["clean_correct"]
    result = []
    for name in ("gradient_evaluations", "forward_evaluations"):
        values = per_image[name][clean]
        for suffix, q in COST_QUANTILES.items():
            score = Score(
                metric=f"attack_{name}{suffix}",
                convention="count",
                n=len(values),
                n_excluded=int((~clean).sum()),
                headline=True,
            )
            found = {"value": float(np.quantile(values, q))} if len(values) else {"status": NOTHING}
            result.append(replace(score, **found))
    return result
