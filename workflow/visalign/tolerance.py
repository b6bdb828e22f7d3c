"""Perturbation tolerance: the sizes of the smallest perturbations of a model, summarised over images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from visalign.stats import bootstrap_interval

#: Stands for the norm of a censored image in quantiles: larger than any norm of [0, 1] pixels. An
#: interpolation that it takes part in with a weight of .001 or more is larger than UNKNOWN.
BEYOND, UNKNOWN = 1e9, 1e6
#: Quantiles by metric.
QUANTILES = {
    "perturbation_tolerance_median": 0.5,
    "perturbation_tolerance_q10": 0.1,
    "perturbation_tolerance_q90": 0.9,
}


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


def entries(
    per_image: dict[str, np.ndarray], dimension: int, rng: np.random.Generator, draws: int
) -> list[dict[str, Any]]:
    """Score entries: mean, median, quantiles and mean per √dimension of the L2 norms, with intervals.

    Parameters
    ----------
    per_image : dict of ndarray, shape (n_stimuli,)
        ``norm`` and ``largest_tried_norm`` (in units of [0, 1] pixels), ``success``, ``clean_correct`` (False
        where not attacked). A clean-correct image without success is censored: at the largest norm tried in
        means, above every norm in quantiles, which it may leave undefined.
    dimension : int
        Input values (channels × height × width).
    draws : int
        Bootstrap draws over images. A bound that depends on a censored image is None.
    """
    clean = per_image["clean_correct"]
    norm, tried, success = (per_image[name][clean] for name in ("norm", "largest_tried_norm", "success"))
    counts = {"convention": "l2", "n": len(norm), "n_excluded": int((~clean).sum())}
    censored = f"{int((~success).sum())} of {len(norm)} censored"
    at_tried, beyond = np.where(success, norm, tried), np.where(success, norm, BEYOND)
    summaries: dict[str, tuple[Callable[..., Any], np.ndarray]] = {
        "perturbation_tolerance": (np.mean, at_tried),
        **{metric: (partial(np.quantile, q=q), beyond) for metric, q in QUANTILES.items()},
        "perturbation_tolerance_per_sqrt_dimension": (np.mean, at_tried * dimension**-0.5),
    }
    result = []
    for metric, (statistic, values) in summaries.items():
        found: dict[str, Any] = {"value": None, "status": "no clean-correct image to attack"}
        if len(values):
            low, high = bootstrap_interval(values, statistic, rng=rng, draws=draws)
            found = {"value": known(statistic(values)), "ci_low": known(low), "ci_high": known(high)}
            found["status"] = status(found["value"], censored, metric in QUANTILES)
        result.append({"metric": metric} | counts | found)
    return result


def status(value: float | None, censored: str, is_quantile: bool) -> str:
    """Say what censored images did to a summary, where there are any."""
    if value is None:
        return f"undefined: {censored}"
    where = "above every norm" if is_quantile else "at the largest tried norm"
    return "ok" if censored.startswith("0 ") else f"ok, {censored} {where}"
