"""When enough images are attacked: once the mean log norm of a model is known as precisely as was asked.

Images are attacked in an order that is drawn once for all models. What decides is the spread of the log
norms so far, not their mean, so that the interval at the stop holds about as often as one of a number that
was fixed before (Chow & Robbins 1965, doi:10.1214/aoms/1177700156). Where log norms are skewed, a small
spread goes with a mean that is off, the less so the more images there are at least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from visalign.io.scores import Score

#: Images with a perturbation from which on a spread is believed. Simulated intervals then hold in 95 % of
#: models where log norms are normal and in 93 % where they are exponential, whose mean is off by .01; from 20
#: images on it is 94 % and 90 %, off by .03.
MIN_IMAGES = 50


def enough(per_image: Mapping[str, np.ndarray], precision: float) -> int | None:
    """How many of the images, from the first, are enough; None where all are not.

    Enough are the fewest of which at least `MIN_IMAGES` have a perturbation, none is censored, and Student's
    95 % interval of the mean log norm is at most log(1 + precision) on either side: the geometric mean of
    norms is known to a factor of 1 + precision.

    Parameters
    ----------
    per_image : mapping of str to ndarray, shape (n,)
        ``norm``, ``clean_correct`` and ``success`` of images in the order in which they are attacked.
    precision : float
        Above 0.
    """
    from scipy.special import stdtrit

    clean, success = per_image["clean_correct"], per_image["success"]
    log = np.log(np.where(success, per_image["norm"], 1.0))
    log = np.where(success, log - log[success].mean() if success.any() else 0.0, 0.0)
    n, censored = success.cumsum(), (clean & ~success).cumsum()
    mean = log.cumsum() / np.maximum(n, 1)
    variance = (np.square(log).cumsum() - n * mean**2) / np.maximum(n - 1, 1)
    half = stdtrit(np.maximum(n - 1, 1), 0.975) * np.sqrt(variance.clip(0) / np.maximum(n, 1))
    precise = (n >= MIN_IMAGES) & (censored == 0) & (half <= np.log1p(precision))
    return int(precise.argmax()) + 1 if precise.any() else None


def remark(n_attacked: int, n_spared: int) -> str:
    """Say of how many images that were drawn a model's scores are; '' where all were attacked."""
    return f"stopped after {n_attacked} of {n_attacked + n_spared} images" if n_spared else ""


def remarked(scores: Iterable[Score], said: str) -> list[Score]:
    """Scores of which the status of each value also says a `remark`, where there is one."""
    return [
        replace(score, status=f"{score.status}{', ' if score.status == 'ok' else '; '}{said}")
        if said and score.value is not None
        else score
        for score in scores
    ]
