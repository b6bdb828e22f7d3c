"""Conventions of an alignment: how the mean ρ over images relates to the floor and the ceiling of people.

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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from visalign.stats import correlations

#: Least share 1 − φ of what people agree on that must be specific to the image: with less, `floor_corrected`
#: is the ratio of two noises.
MIN_SPECIFIC = 0.01


class Means(NamedTuple):
    """Means over images, of one comparison (floats) or of bootstrap draws of it (ndarrays, shape (draws,)).

    Attributes
    ----------
    rho, floor : float or ndarray
        ρ of the model's maps with people's, of the same image and of others.
    ceiling, between : float or ndarray
        c and F, of people.
    """

    rho: Any
    floor: Any
    ceiling: Any
    between: Any

    @property
    def agreed(self) -> Any:
        """C where people agree with each other, else NaN."""
        return np.where(self.ceiling > 0, self.ceiling, np.nan)

    @property
    def attainable(self) -> Any:
        """A, what a map without noise reaches with that of all participants."""
        return np.sqrt(correlations.spearman_brown(self.agreed))


@dataclass(frozen=True)
class Convention:
    """One way to tell a mean ρ.

    Attributes
    ----------
    name : str
        As in the column ``convention`` of score tables.
    how : callable
        The value from `Means`; NaN or infinite where c is not above 0 or F not below C.
    obstacle : callable
        Why there is no value, from `Means` of floats, or None.
    relative : bool
        Whether it is relative to people, so that 1 is what a perfect model has.
    headline : bool
        Whether it is the one in figures, where people's agreement is known.
    """

    name: str
    how: Callable[[Means], Any]
    obstacle: Callable[[Means], str | None]
    relative: bool = True
    headline: bool = False

    def value(self, means: Means) -> Any:
        """Value under this convention, without warnings."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.how(means)


def floor_corrected(means: Means) -> Any:
    """(ρ − floor) / (A − F / A)."""
    attainable, between = means.attainable, means.between
    span = np.maximum(attainable - between / attainable, 0)
    return (means.rho - means.floor) / span


def disagreement(means: Means) -> str | None:
    """Say that people do not agree with each other, where so."""
    return None if means.ceiling > 0 else f"people do not agree with each other: ceiling {means.ceiling:.3f}"


def likeness(means: Means) -> str | None:
    """Say that nothing is specific to an image, where so: too little, or there is only one."""
    if reason := disagreement(means):
        return reason
    if np.isnan(means.floor + means.between):
        return "a single image has no floor"
    reliability = float(correlations.spearman_brown(np.array(means.ceiling)))
    if 1 - means.between / reliability < MIN_SPECIFIC:
        return (
            "people's maps of different images are as alike as those of one: "
            f"ρ {means.between:.3f} between images, reliability {reliability:.3f}"
        )
    return None


def nothing(means: Means) -> None:
    """No obstacle."""


RAW = Convention("rho", lambda means: means.rho, nothing, relative=False)
#: In the order of score tables.
CONVENTIONS = (
    Convention("floor_corrected", floor_corrected, likeness, headline=True),
    Convention("rho/attainable", lambda means: means.rho / means.attainable, disagreement),
    Convention("rho/ceiling", lambda means: means.rho / means.agreed, disagreement),
    RAW,
)
