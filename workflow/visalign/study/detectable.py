"""Which fall a study would find: by its number of models, and by how sure the score of each is.

Scores scatter around a trend because models differ, and because each is known from so many images only:
variance between models + error². The test finds a fall in units of the root of both, so that fewer images
make the smallest fall larger in this proportion, and fewer models as `trend.power` says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np

from visalign.errors import InputError
from visalign.io.files import read_json
from visalign.study.smaller import Need, Spread, Z
from visalign.study.study import Study
from visalign.trend import power
from visalign.trend.answer import Panel
from visalign.trend.covariates import MIN_POINTS
from visalign.trend.mean_decline import nondecreasing_residuals
from visalign.trend.roles import role_of


class Fall(TypedDict):
    """The smallest fall that 80 % of studies of so many models find."""

    models: int
    fall: float | None  # in standard deviations of what the trend leaves; see `power.smallest_fall`
    share: float  # of the models of the study


class Scatter(TypedDict):
    """How scores of a panel scatter around its trend in a run."""

    panel: str
    sd: float  # between models, without their errors
    ratio: float  # the smallest fall with fewer images, in times of that with all


def falls(study: Study, numbers: Iterable[int] = (), option: str = "--models") -> list[Fall]:
    """Return the smallest fall for numbers of models, by default all of the study, half and a quarter.

    Raises
    ------
    InputError
        A number that is below the fewest of a trend, or above the models of the study in its statistics.
    """
    roles = study.config["trend"]["roles"]
    families = [row.get("family", "") for row in study.models.values() if role_of(row) in roles]
    whole = len(families)
    asked = list(numbers)
    for number in asked:
        if not MIN_POINTS <= number <= whole:
            raise InputError(
                f"{option} {number}: between {MIN_POINTS}, the fewest of a trend, and {whole}, the models of "
                "the study in its statistics"
            )
    chosen = asked or [n for n in (whole, round(whole / 2), round(whole / 4)) if n >= MIN_POINTS]
    return [{"models": n, "fall": power.smallest_fall(families, n), "share": n / whole} for n in chosen]


def scatters(results: Path, needed: Iterable[Need], told: Mapping[str, Spread]) -> list[Scatter]:
    """Return how much larger the smallest fall is with as many images as panels need, where a run tells.

    That takes the trend of a run with at least `MIN_POINTS` models, of scores whose intervals are narrower
    than their scatter.
    """
    trend = results / "trend.json"
    panels: list[Panel] = read_json(trend)["panels"] if trend.is_file() else []
    found: list[Scatter] = []
    for need in needed:
        own = [panel for panel in panels if panel["measure"] == need["panel"] and panel["trend"]]
        spread = told[need["panel"]]
        if not own or not spread.images:
            continue
        total, error = variances(own[0])
        if total <= error:
            continue
        of_one = error * spread.images / spread.share  # variance of a score from one drawn image
        between = total - error
        now, then = (between + of_one / images for images in (need["images_now"], need["images"]))
        found.append(Scatter(panel=need["panel"], sd=math.sqrt(between), ratio=math.sqrt(then / now)))
    return found


def variances(panel: Panel) -> tuple[float, float]:
    """Variance of scores around the best nondecreasing trend, and the mean of that of their errors."""
    points = panel["points"]
    x, y = (np.array([point[axis] for point in points]) for axis in ("x", "y"))
    widths = [
        point["y_high"] - point["y_low"]
        for point in points
        if point["y_low"] is not None and point["y_high"] is not None
    ]
    error = float(np.mean(np.square(np.array(widths) / (2 * Z)))) if widths else 0.0
    return float(np.var(nondecreasing_residuals(x, y))), error
