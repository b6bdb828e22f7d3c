"""Scores of a comparison of maps: means over images between the people's floor and ceiling, with intervals.

Four conventions, of the mean ρ over images:

``rho``
    ρ itself.
``rho/ceiling``
    ρ / c, as published (Fel et al. 2022). c is the agreement of half the participants with the other half,
    but ρ is with the map of all, which is less noisy: the value **may exceed 1**.
``rho/attainable``
    ρ / A. If the maps of all participants have reliability C = 2c / (1 + c) (Spearman–Brown), a map without
    noise reaches A = √C with them (Spearman 1904, American Journal of Psychology 15, 72–101: attenuation).
``floor_corrected``
    (ρ − floor) / (A − F / A): 0 for a map that fits the images' own maps no better than those of others, as
    that of centre bias does; 1 for what all participants would look at without noise. floor is the mean ρ of
    the model's maps with those of other images, F that of the people's maps of different images. Without
    noise these correlate by φ = F / C, so that the ideal map reaches A on its own image and A φ = F / A on
    others. No model enters the denominator A (1 − φ): it is one number for all of them. It is no upper bound:
    a map of nothing but what is specific to its image, less centred than people are, has ρ = A √(1 − φ) and
    floor 0, and hence up to 1 / √(1 − φ). **The value may exceed 1** where people's maps are much alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from visalign.maps.alignment import Alignment, mean_defined
from visalign.stats import bootstrap, correlations

#: Least share 1 − φ of what people agree on that must be specific to the image: with less, `floor_corrected`
#: is the ratio of two noises.
MIN_SPECIFIC = 0.01


@dataclass(frozen=True)
class People:
    """How far people agree, within the crop that a model sees.

    Attributes
    ----------
    ceiling : ndarray, shape (n_clicked,)
        Split-half agreement c on each image; a declared one for all images alike. NaN where undefined.
    floor : ndarray, shape (n_images,)
        Mean ρ of the map of each image with those of all others; its mean is F.
    paired : bool
        Whether the ceilings are of the same images as the floors, rather than of other ones.
    """

    ceiling: np.ndarray
    floor: np.ndarray
    paired: bool = True


def conventions(rho: Any, floor: Any, ceiling: Any, between: Any) -> dict[str, Any]:
    """A mean ρ under every convention (see the module); scalars or arrays.

    Parameters
    ----------
    rho, floor : float or ndarray
        Of the model.
    ceiling, between : float or ndarray
        c and F, of people. NaN or infinite results where c is not above 0 or F not below C.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        attainable = np.sqrt(correlations.spearman_brown(np.where(ceiling > 0, ceiling, np.nan)))
        span = np.maximum(attainable - between / attainable, 0)
        return {
            "floor_corrected": (rho - floor) / span,
            "rho/attainable": rho / attainable,
            "rho/ceiling": rho / np.where(ceiling > 0, ceiling, np.nan),
            "rho": rho,
        }


def obstacle(convention: str, floor: float, ceiling: float, between: float) -> str | None:
    """Why a mean ρ has no value under a convention, or None."""
    if convention == "rho":
        return None
    if not ceiling > 0:
        return f"people do not agree with each other: ceiling {ceiling:.3f}"
    if convention == "floor_corrected":
        if np.isnan(floor + between):
            return "a single image has no floor"
        reliability = float(correlations.spearman_brown(np.array(ceiling)))
        if 1 - between / reliability < MIN_SPECIFIC:
            return (
                "people's maps of different images are as alike as those of one: "
                f"ρ {between:.3f} between images, reliability {reliability:.3f}"
            )
    return None


def mean(values: np.ndarray) -> float:
    """Mean of the values (n,) that are not NaN."""
    return float(mean_defined(values, axis=0))


def samples(
    alignment: Alignment, people: People, rng: np.random.Generator, draws: int
) -> tuple[np.ndarray, ...]:
    """Bootstrap draws over images of the mean ρ, its floor, c and F, each (draws,).

    A floor is a mean over pairs of images. Its draw is the linear part of that over the pairs of the drawn
    images (Hoeffding 1948): the mean of what each image contributes as either of the two.
    """
    rho, typical = alignment.rho, np.where(alignment.valid, alignment.typical, np.nan)
    floor = np.where(alignment.valid, alignment.floor, np.nan) + typical - mean(typical)
    between = 2 * people.floor - mean(people.floor)
    columns = [rho, floor, between] + ([people.ceiling] if people.paired else [])
    drawn = bootstrap.resampled_means(np.column_stack(columns), rng, draws)
    ceiling = (
        drawn[:, 3] if people.paired else bootstrap.resampled_means(people.ceiling[:, None], rng, draws)[:, 0]
    )
    return drawn[:, 0], drawn[:, 1], ceiling, drawn[:, 2]


def summarise(
    alignment: Alignment, people: People | None, rng: np.random.Generator, draws: int
) -> dict[str, dict[str, Any]]:
    """Mean alignment under every convention, with a 95 % bootstrap interval over images.

    Everything that a convention takes is drawn anew with the images. Without people's agreement there is only
    ``rho``. A value that is undefined is None, and the status says why.
    """
    valid = alignment.valid
    n = int(valid.sum())
    nothing = None if n else f"no image can be compared: {reasons(alignment)}"
    unknown = np.full(len(valid), np.nan)
    known = people or People(unknown, unknown)
    rho, floor = mean(alignment.rho), mean(np.where(valid, alignment.floor, np.nan))
    ceiling, between = mean(known.ceiling), mean(known.floor)
    sample = conventions(*samples(alignment, known, rng, draws))
    at_floor = conventions(floor, floor, ceiling, between)
    result: dict[str, dict[str, Any]] = {}
    for name, value in conventions(rho, floor, ceiling, between).items():
        if people is None and name != "rho":
            continue
        result[name] = {"convention": name, "n": n, "n_excluded": len(valid) - n}
        if reason := nothing or obstacle(name, floor, ceiling, between):
            result[name] |= {"value": None, "status": reason}
            continue
        low, high = bootstrap.expanded_interval(sample[name], n)
        result[name] |= {"value": float(value), "ci_low": low, "ci_high": high}
        result[name] |= {"floor": float(at_floor[name]), "ceiling": ceiling if name == "rho" else 1.0}
    return result


def reasons(alignment: Alignment) -> str:
    """Why no image can be compared."""
    return ", ".join(sorted(set(filter(None, alignment.reason)))) or "constant block means"


def entries(
    alignments: Mapping[str, Alignment], people: People | None, rng: np.random.Generator, draws: int
) -> list[dict[str, Any]]:
    """Summaries with their metric: the headline's under every convention, others raw, without a ceiling."""
    result = []
    for metric, alignment in alignments.items():
        own = people if metric == next(iter(alignments)) else None
        overlap = {"convention": "overlap"} if metric.startswith("top10") else {}
        for entry in summarise(alignment, own, rng, draws).values():
            result.append({"metric": metric} | entry | overlap)
    return result
