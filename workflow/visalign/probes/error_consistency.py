"""Error consistency: whether two observers err on the same images more than their accuracies make them.

Over images that both have seen, with accuracies a and b, agreement o of being right or wrong, and
e = ab + (1 − a)(1 − b) what independent errors give: κ = (o − e) / (1 − e) (Geirhos, Meding and Wichmann
2020). Where e = 1 both are always right, or always wrong, and κ is undefined; it is no perfect consistency.
Accuracies that differ bound it: κ ≤ κ_max = (1 − |a − b| − e) / (1 − e).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visalign.stats.defined import mean_of_defined, median_of_defined

#: Shuffles of the floor.
SHUFFLES = 200
#: An e nearer to 1 than this is 1 but for rounding.
CERTAIN = 1e-12
UNDEFINED = "undefined: one observer and the other are both always right, or both always wrong"


class Consistency(NamedTuple):
    """``kappa`` and ``highest``, κ_max: NaN where undefined."""

    kappa: np.ndarray
    highest: np.ndarray

    @property
    def relative(self) -> np.ndarray:
        """κ/κ_max; NaN where accuracies leave no room for any consistency."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.highest > CERTAIN, self.kappa / self.highest, np.nan)


def consistency(first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None) -> Consistency:
    """Error consistency of every two observers.

    Parameters
    ----------
    first, second : ndarray, shape (A, n) and (B, n)
        Whether each is right on each image: 1 or 0, ½ where it did not decide, NaN where it was not asked.
    weights : ndarray, shape (n,) or (A, n), optional
        How often each image counts; per observer of `first` if two-dimensional.

    Returns
    -------
    Consistency
        Arrays of shape (A, B).
    """
    asked, also = ~np.isnan(first), ~np.isnan(second)
    times = asked * (1.0 if weights is None else weights)
    right, also_right = np.nan_to_num(first) * times, np.nan_to_num(second)
    count = times @ also.T
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = right @ also.T / count, times @ also_right.T / count
        agreed = (right @ also_right.T + (times - right) @ (also - also_right).T) / count
        by_chance = a * b + (1 - a) * (1 - b)
        room = np.where(1 - by_chance > CERTAIN, 1 - by_chance, np.nan)
        return Consistency((agreed - by_chance) / room, (1 - np.abs(a - b) - by_chance) / room)


def between(observers: np.ndarray) -> Consistency:
    """Error consistency of every pair of observers (P, n), each pair once: arrays (P (P − 1) / 2,)."""
    pairs = np.triu_indices(len(observers), 1)
    found = consistency(observers, observers)
    return Consistency(found.kappa[pairs], found.highest[pairs])


class Summary(NamedTuple):
    """One way to summarise the consistency of a model with several people.

    ``draws`` (draws,) are of the interval; ``floor`` is that of shuffled images, ``ceiling`` that of pairs of
    people (of κ/κ_max in its own unit). NaN where undefined.
    """

    value: float
    draws: np.ndarray
    floor: float
    ceiling: float


def with_people(
    model: np.ndarray,
    people: np.ndarray,
    training: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator,
    shuffles: int = SHUFFLES,
) -> tuple[dict[str, Summary], int]:
    """Summarise the consistency of a model with people: median and mean over people of κ, median of κ/κ_max.

    Parameters
    ----------
    model : ndarray, shape (R, n)
        Whether the model is right, of every training draw; values are means over these.
    people : ndarray, shape (P, n)
        NaN where a participant was not asked.
    training : ndarray of int, shape (draws,)
        Training draw of each draw of the interval.
    weights : ndarray, shape (draws, n)
        How often it has each image. Participants are drawn with it, from `rng`.
    shuffles : int
        Of the images of the model, for the floor.

    Returns
    -------
    summaries : dict
        By ``kappa/median`` (published), ``kappa/mean`` and ``kappa/highest``.
    undefined : int
        Participants without a κ in any training draw.
    """
    own, draws = consistency(model, people), consistency(model[training], people, weights)
    drawn = rng.integers(len(people), size=(len(weights), len(people)))
    shuffled = np.array([rng.permutation(model[i % len(model)]) for i in range(shuffles)])
    chance, pairs = consistency(shuffled.reshape(shuffles, -1), people), between(people)

    def summary(kind: str, average) -> Summary:
        value, sample, floor, ceiling = (getattr(each, kind) for each in (own, draws, chance, pairs))
        return Summary(
            float(mean_of_defined(average(value))),
            average(np.take_along_axis(sample, drawn, axis=1)),
            float(mean_of_defined(average(floor))),
            float(average(ceiling)) if ceiling.size else float("nan"),
        )

    return {
        "kappa/median": summary("kappa", median_of_defined),
        "kappa/mean": summary("kappa", lambda values: mean_of_defined(values, axis=-1)),
        "kappa/highest": summary("relative", median_of_defined),
    }, int(np.isnan(own.kappa).all(axis=0).sum())
