"""Scores of a comparison of maps: means over images, between people's floor and ceiling, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from visalign.io.scores import Score
from visalign.maps.alignment import OVERLAPS, Alignment
from visalign.maps.conventions import CONVENTIONS, RAW, Means
from visalign.stats import bootstrap
from visalign.stats.defined import mean_of_defined


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


def mean(values: np.ndarray) -> float:
    """Mean of the values (n,) that are not NaN."""
    return float(mean_of_defined(values, axis=0))


def samples(alignment: Alignment, people: People, rng: np.random.Generator, draws: int) -> Means:
    """Bootstrap draws over images of the mean ρ, its floor, c and F, each ndarray of shape (draws,).

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
    return Means(rho=drawn[:, 0], floor=drawn[:, 1], ceiling=ceiling, between=drawn[:, 2])


def summarise(
    metric: str, alignment: Alignment, people: People | None, rng: np.random.Generator, draws: int
) -> list[Score]:
    """Mean alignment under every convention, with a 95 % bootstrap interval over images.

    Everything that a convention takes is drawn anew with the images. Without people's agreement there is only
    ``rho``. A value that is undefined is None, and the status says why.

    Parameters
    ----------
    metric : str
        Name of the comparison.
    draws : int
        Bootstrap draws.
    """
    valid = alignment.valid
    n = int(valid.sum())
    nothing = None if n else f"no image can be compared: {reasons(alignment)}"
    unknown = np.full(len(valid), np.nan)
    known = people or People(unknown, unknown)
    means = Means(
        rho=mean(alignment.rho),
        floor=mean(np.where(valid, alignment.floor, np.nan)),
        ceiling=mean(known.ceiling),
        between=mean(known.floor),
    )
    sample = samples(alignment, known, rng, draws)
    result = []
    for convention in CONVENTIONS if people else (RAW,):
        headline = convention.headline if people else True
        score = Score(
            metric=metric, convention=convention.name, n=n, n_excluded=len(valid) - n, headline=headline
        )
        if reason := nothing or convention.obstacle(means):
            result.append(replace(score, status=reason))
            continue
        low, high = bootstrap.expanded_interval(convention.value(sample), n)
        result.append(
            replace(
                score,
                value=float(convention.value(means)),
                ci_low=low,
                ci_high=high,
                floor=float(convention.value(means._replace(rho=means.floor))),
                ceiling=1.0 if convention.relative else means.ceiling,
            )
        )
    return result


def reasons(alignment: Alignment) -> str:
    """Why no image can be compared."""
    return ", ".join(sorted(set(filter(None, alignment.reason)))) or "constant block means"


def summarise_all(
    alignments: Mapping[str, Alignment],
    headline: str,
    people: People | None,
    rng: np.random.Generator,
    draws: int,
) -> list[Score]:
    """Summaries by metric: the headline's under every convention, others raw, without a ceiling."""
    result = []
    for metric, alignment in alignments.items():
        scores = summarise(metric, alignment, people if metric == headline else None, rng, draws)
        overlap = metric in OVERLAPS
        result += [replace(score, convention="overlap") for score in scores] if overlap else scores
    return result
