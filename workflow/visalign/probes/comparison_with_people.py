"""A model beside people on the images that both answered: their accuracy, the gap, and error consistency."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from visalign.io.scores import Score
from visalign.probes import error_consistency, people
from visalign.probes.intervals import Resamples, means
from visalign.probes.protocol import PEOPLE, Protocol
from visalign.stats.defined import or_none


@dataclass(frozen=True)
class Seen:
    """Images of a part that people answered.

    Attributes
    ----------
    index : ndarray of int
        Their positions among the images of the part.
    answered : People
        Answers, of those images.
    of : int
        Images of the part.
    """

    index: np.ndarray
    answered: people.People
    of: int

    @classmethod
    def nobody(cls) -> Seen:
        """Images of which nobody was asked."""
        return cls(np.empty(0, dtype=int), people.People(np.empty((0, 0)), [], 0, [], 0), 0)


def seen_by_people(answers: people.Answers, task: str, stimuli: np.ndarray) -> Seen:
    """Find the images (n,) of a part that people answered."""
    found = people.answers_to(answers, task, stimuli.tolist())
    index = np.flatnonzero(~np.isnan(found.right).all(axis=0)) if found.participants else np.empty(0, int)
    return Seen(index, found._replace(right=found.right[:, index]), len(stimuli))


def people_scores(
    right: np.ndarray, seen: Seen, drawn: Resamples | None, protocol: Protocol, layer: str | None
) -> list[Score]:
    """Accuracy of people, human gap (people − model) and error consistency on the same images.

    Parameters
    ----------
    right : ndarray, shape (R, n)
        Whether the model is right on the images of the part.
    drawn : Resamples, optional
        Of the images that people saw. Images are resampled for people and model together, and participants
        with them.
    """
    answered = seen.answered
    own_accuracy = Score(
        metric="people_accuracy",
        convention="proportion",
        n=len(seen.index),
        n_excluded=seen.of - len(seen.index),
        headline=True,
    )
    gap = replace(own_accuracy, metric="human_gap", convention="difference", layer=layer)
    about = replace(gap, metric="error_consistency", convention="kappa/median")
    if drawn is None:
        reason = "people answered none of these images"
        return [replace(score, status=reason) for score in (own_accuracy, gap, about)]
    own, weights = right[:, seen.index], drawn.of_trials()
    sample = people.accuracy_draws(answered.right, weights, protocol.rng(PEOPLE))
    persons = f"{len(answered.participants)} participants"
    said = "; ".join(filter(None, [f"ok, {persons}, groups={drawn.groups}", answered.said]))
    accuracy = people.accuracy(answered.right)
    low, high = drawn.interval(sample)
    own_accuracy = replace(own_accuracy, value=accuracy, ci_low=low, ci_high=high, status=said)
    low, high = drawn.interval(sample - means(own, drawn))
    gap = replace(gap, value=accuracy - float(own.mean()), ci_low=low, ci_high=high, status=said)
    summaries, undefined = error_consistency.with_people(
        own, answered.right, drawn.training, weights, protocol.rng(PEOPLE, 1)
    )
    if undefined:
        said += f"; {undefined} of {persons} without a kappa ({error_consistency.UNDEFINED})"
    scores = [own_accuracy, gap]
    for convention, summary in summaries.items():
        low, high = drawn.interval(summary.draws)
        defined = not np.isnan(summary.value)
        scores.append(
            replace(
                about,
                convention=convention,
                value=or_none(summary.value),
                ci_low=low if defined else None,
                ci_high=high if defined else None,
                floor=summary.floor,
                ceiling=summary.ceiling,
                status=said if defined else error_consistency.UNDEFINED,
                headline=len(scores) == 2,
            )
        )
    return scores
