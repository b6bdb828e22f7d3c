"""Similarity of layers with responses (CKA, RSA): choice of the layer, ceiling, interval and floor.

Nothing is fitted, so all stimuli count; but no layer is chosen on the stimuli that it is reported on: units
are halved many times, the layer is chosen on one half and measured on the other, in both directions. Layers
of a task share the relations of responses; results depend neither on how many tasks there are nor where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from visalign.comparisons.comparison import Similarity
from visalign.gram.matrix import gram, with_gram
from visalign.gram.similarity import cosine
from visalign.io.scores import Score
from visalign.io.tasks import Client
from visalign.neural.layers import Read
from visalign.neural.response_halves import Halved, filled, halved, reliability
from visalign.neural.unit_draws import MIN_UNITS, Draw, derangements, draw, halve, spread
from visalign.stats.bootstrap import expanded_interval
from visalign.stats.resampling import numbered

#: Halvings of the units that choose a layer, draws of the interval, derangements of the floor.
HALVINGS = 50
DRAWS = 200
DERANGEMENTS = 20
#: Of fewer stimuli nothing can be said.
MIN_RELATED = 4
#: Bytes of relations of layers that a task holds, one layer at least: they share the relations of responses,
#: which each draw has anew. And most tasks of the draws of such layers.
AT_ONCE, TASKS = 512 << 20, 4

Halves = list[tuple[np.ndarray, np.ndarray]]


class Choice(NamedTuple):
    """The selected layers; `shares` (layers,) are how often each is, `value` their raw score."""

    shares: np.ndarray
    value: float
    nested: float
    published: float
    optimism: float


@dataclass(frozen=True)
class SimilarityScores:
    """Raw similarity of every layer, and of the selected one; NaN where undefined.

    Parameters
    ----------
    layers : list of str
    whole : ndarray, shape (layers,)
        On all stimuli.
    choice : Choice
    ceiling : float
        Similarity that a model of the noise-free responses would have; NaN where there is none.
    draws : dict
        Draws (draws,) of the selected score by convention, centred on it. The same for every model, so
        differences between models can be taken draw by draw.
    floor : float
        The selected score, of responses that are assigned to other units.
    units : int
        Of the stimuli.
    n, n_excluded : int
        Neuroids.
    said : list of str
        What the status should say.
    """

    layers: list[str]
    whole: np.ndarray
    choice: Choice
    ceiling: float
    draws: dict[str, np.ndarray]
    floor: float
    units: int
    n: int
    n_excluded: int
    said: list[str]

    @property
    def layer(self) -> str:
        """The layer that is selected most often."""
        return self.layers[int(self.choice.shares.argmax())]

    @property
    def best(self) -> str:
        """The layer with the highest score on all stimuli: chosen on what it is reported on."""
        return self.layers[_argmax(self.whole)]

    @property
    def scales(self) -> dict[str, float]:
        """What a raw score is divided by, by convention, the headline first."""
        return ({"raw/ceiling": self.ceiling} if self.ceiling > 0 else {}) | {"raw": 1.0}

    def headline(self, raw: float) -> float:
        """A raw score in the convention of the headline."""
        return raw / next(iter(self.scales.values()))

    def under_conventions(self, about: Score) -> list[Score]:
        """One score per convention, the headline first: value, 95 % interval, floor, ceiling, counts.

        Parameters
        ----------
        about : Score
            Metric and status of the scores.
        """
        result: list[Score] = []
        for name, scale in self.scales.items():
            low, high = expanded_interval(self.draws[name], min(self.units, self.n))
            result.append(
                replace(
                    about,
                    convention=name,
                    value=self.choice.value / scale,
                    ci_low=low,
                    ci_high=high,
                    n=self.n,
                    n_excluded=self.n_excluded,
                    floor=self.floor / scale,
                    ceiling=self.ceiling / scale if self.ceiling > 0 else None,
                    layer=self.layer,
                    headline=not result,
                )
            )
        return result


def score_similarities(
    client: Client,
    reads: dict[str, Read],
    responses: np.ndarray,
    unit: np.ndarray,
    comparison: Similarity,
    *,
    selection: str,
    halvings: int = HALVINGS,
    draws: int = DRAWS,
    seed: int,
) -> SimilarityScores:
    """Compare every layer with responses.

    Parameters
    ----------
    reads : dict
        Gives each layer of the stimuli: what `gram.matrix.gram` gives, or features ``X``.
    responses : ndarray, shape (n, repetitions, m)
        NaN where missing.
    unit : ndarray, shape (n,)
        What is halved and deranged whole: the stimulus, the image of a grid recording, or a picture
        that stimuli share.
    selection : {"nested", "published"}
        Of the layer.
    halvings, draws : int
        Of the units, to choose a layer; of units and neuroids, for the interval.
    seed : int
        Of everything random; none of it depends on the features.
    """
    generators = [np.random.default_rng([seed, stream]) for stream in range(5)]
    recorded = ~np.isnan(responses).all(axis=(0, 1))
    whole = halved(responses[:, :, recorded], generators[0])
    unit = numbered(unit)
    halves = halve(unit, halvings, generators[1])
    drawn = draw(unit, int(recorded.sum()), draws, generators[2])
    deranged = derangements(unit, DERANGEMENTS, generators[3])
    shared = client.submit(_itself, whole, pure=False)

    def submit(function: Any, *arguments: Any) -> Any:
        return client.submit(function, shared, comparison, *arguments, pure=False)

    repeated = np.unique(unit[whole.repeated], return_inverse=True)[1]
    noise = submit(_reliabilities, drawn, derangements(repeated, DERANGEMENTS, generators[4]))
    cores = sum(client.ncores().values()) or TASKS  # of a cluster that is about to start
    listed, size = list(reads.values()), 8 * len(unit) ** 2
    split = np.array_split(np.arange(len(listed)), min(len(listed), cores))
    tasks = [submit(_on_all_and_halves, [listed[i] for i in group], halves) for group in split]
    found = [layer for group in client.gather(tasks) for layer in group]
    values = np.array([value for value, _, _ in found])
    choice = choose(values, np.array([part for _, part, _ in found]), selection)
    used = np.flatnonzero(choice.shares)
    together = np.array_split(used, min(len(used), -(-len(used) * size // AT_ONCE)))
    groups, parts = [[listed[i] for i in group] for group in together], min(TASKS, cores)
    around = [[submit(_draws, group, drawn[part::parts]) for part in range(parts)] for group in groups]
    floors = np.concatenate(client.gather([submit(_floors, group, deranged) for group in groups]))
    samples = np.empty((len(used), len(drawn)))
    for part, of_groups in enumerate(zip(*client.gather(around), strict=True)):
        samples[:, part::parts] = np.concatenate(of_groups)
    weights = choice.shares[used]
    raw = weights @ samples
    said = _said(whole, found[int(choice.shares.argmax())][2], unit)
    reliable, chance, reliabilities = client.gather(noise)
    ceiling = _ceiling(reliable, chance, comparison)
    if whole.repeated.any() and not ceiling > 0:
        said.append("no ceiling: halves of the repetitions agree no better than those of different stimuli")
    change = _deviations(raw, spread(unit))
    centred = {"raw": choice.value + change}
    if ceiling > 0:  # to first order, since a draw of a low ceiling may be near 0
        relative = _deviations(reliabilities, spread(unit)) / (2 * reliable)
        centred["raw/ceiling"] = (choice.value * (1 - relative) + change) / ceiling
    floor = float(weights @ floors)
    units, n, excluded = int(unit.max()) + 1, int(recorded.sum()), int((~recorded).sum())
    return SimilarityScores(list(reads), values, choice, ceiling, centred, floor, units, n, excluded, said)


def choose(whole: np.ndarray, halves: np.ndarray, selection: str) -> Choice:
    """Select layers.

    Parameters
    ----------
    whole : ndarray, shape (layers,)
        Scores on all stimuli.
    halves : ndarray, shape (layers, halvings, 2)
        Scores on two halves.
    selection : {"nested", "published"}
        By one half, measured on the other; or the best on all stimuli.
    """
    layers, best = len(whole), _argmax(whole)
    own, other = (values.reshape(layers, -1) for values in (halves, halves[:, :, ::-1]))
    chosen = np.array([_argmax(column) for column in own.T], dtype=int)
    columns = np.arange(len(chosen))
    shares = np.eye(layers)[best]
    if layers == 1:  # nothing to choose, so nothing to hold back
        nested, optimism = float(whole[0]), 0.0
    elif len(chosen):
        nested = float(other[chosen, columns].mean())
        optimism = float(own[chosen, columns].mean()) - nested
        if selection == "nested":
            shares = np.bincount(chosen, minlength=layers) / len(chosen)
    else:
        nested = optimism = float("nan")
    published = float(whole[best])
    return Choice(shares, nested if selection == "nested" else published, nested, published, optimism)


def agreement(a: np.ndarray, b: np.ndarray, comparison: Similarity) -> tuple[float, int]:
    """Similarity of two matrices of relations (n, n), and how many stimuli have no relations in one of them.

    Those are left out: no correlation can be taken of a pattern that does not vary.
    """
    n = len(a)
    defined = (np.isnan(a).sum(axis=1) < n - 1) & (np.isnan(b).sum(axis=1) < n - 1)
    if defined.sum() < MIN_RELATED:
        return float("nan"), int((~defined).sum())
    if not defined.all():
        a, b = (values[np.ix_(defined, defined)] for values in (a, b))
    return comparison.agreement(a, b), int((~defined).sum())


def agreements(a: np.ndarray, b: np.ndarray, halves: Halves, comparison: Similarity) -> np.ndarray:
    """`agreement` of two matrices of relations (n, n) within both halves (halvings, 2) of the stimuli."""
    parts = [half for pair in halves for half in pair]
    if not (parts and min(map(len, parts)) >= MIN_RELATED and _complete(a) and _complete(b)):
        found = [agreement(a[np.ix_(part, part)], b[np.ix_(part, part)], comparison)[0] for part in parts]
        return np.array(found).reshape(-1, 2)
    subsets = np.zeros((len(a), len(parts)), dtype=bool)
    for column, part in zip(subsets.T, parts, strict=True):
        column[part] = True
    return comparison.agreements(a, b, subsets).reshape(-1, 2)


def _itself(value: Halved) -> Halved:
    """A value that is sent to the workers once, for all tasks."""
    return value


def _of_responses(mean: np.ndarray, comparison: Similarity) -> np.ndarray:
    """Relations (n, n) of responses (n, m), NaN where missing."""
    return comparison.relations(gram([filled(mean)], np.float64), np.isnan(mean).all(axis=1))


def _on_all_and_halves(
    responses: Halved, comparison: Similarity, reads: Sequence[Read], halves: Halves
) -> list[tuple[float, np.ndarray, int]]:
    """Of each layer: similarity on all stimuli and on halves (halvings, 2), stimuli without relations."""
    b, found = _of_responses(responses.mean, comparison), []
    for read in reads:
        a = comparison.relations(with_gram(read()))
        value, undefined = agreement(a, b, comparison)
        found.append((value, agreements(a, b, halves, comparison), undefined))
    return found


def _draws(
    responses: Halved, comparison: Similarity, reads: Sequence[Read], drawn: Sequence[Draw]
) -> np.ndarray:
    """Similarity (layers, draws) of layers on draws."""
    layers = [comparison.relations(with_gram(read())) for read in reads]
    complete = all(map(_complete, layers))
    sample = np.empty((len(layers), len(drawn)))
    for column, (stimuli, neuroids, _) in zip(sample.T, drawn, strict=True):
        own, index = _of_responses(responses.mean[stimuli][:, neuroids], comparison), np.ix_(stimuli, stimuli)
        if complete and len(own) >= MIN_RELATED and _complete(own):
            own = comparison.deviations(own)
            column[:] = [cosine(comparison.deviations(a[index]), own) for a in layers]
        else:
            column[:] = [agreement(a[index], own, comparison)[0] for a in layers]
    return sample


def _floors(
    responses: Halved, comparison: Similarity, reads: Sequence[Read], deranged: Sequence[np.ndarray]
) -> np.ndarray:
    """Mean similarity of layers (layers,) over derangements of the responses; NaN where there are none."""
    layers = [comparison.relations(with_gram(read())) for read in reads]
    own = _of_responses(responses.mean, comparison)
    found = np.empty((len(layers), len(deranged)))
    if complete := len(own) >= MIN_RELATED and all(map(_complete, [own, *layers])):
        own = comparison.deviations(own)
        for number, a in enumerate(layers):  # one at a time: they are as large as relations
            layers[number] = comparison.deviations(a)
    for column, order in zip(found.T, deranged, strict=True):
        other = own[np.ix_(order, order)]
        if complete:  # deviations of deranged stimuli are the deviations, deranged
            column[:] = [cosine(a, other) for a in layers]
        else:
            column[:] = [agreement(a, other, comparison)[0] for a in layers]
    return found.mean(axis=1) if len(deranged) else np.full(len(layers), np.nan)


def _complete(relations: np.ndarray) -> bool:
    """Whether every stimulus has relations."""
    return bool(np.isfinite(relations.sum()))


def _reliabilities(
    responses: Halved, comparison: Similarity, drawn: list[Draw], deranged: list[np.ndarray]
) -> tuple[float, float, np.ndarray]:
    """`reliability` of all responses, its largest value by chance, and what each draw (draws,) adds.

    A draw has one halving of the repetitions, and so is compared with all responses in that halving.
    """
    if not responses.repeated.any():
        return float("nan"), float("nan"), np.full(len(drawn), np.nan)
    n, m = responses.mean.shape

    def of_one(stimuli: np.ndarray, neuroids: np.ndarray, number: int) -> float:
        return float(reliability(responses.take(stimuli, neuroids, number), comparison)[0])

    whole = [of_one(np.arange(n), np.arange(m), number) for number in range(len(responses.halves))]
    sample = [of_one(*each) - whole[each.number % len(whole)] for each in drawn]
    found, *by_chance = reliability(responses, comparison, deranged)
    return found, max(by_chance, default=float("nan")), np.array(sample)


def _ceiling(reliable: float, chance: float, comparison: Similarity) -> float:
    """Ceiling; NaN unless the reliability is above chance."""
    return comparison.best(float(np.sqrt(reliable))) if reliable > max(chance, 0) else float("nan")


def _deviations(sample: np.ndarray, factor: float) -> np.ndarray:
    """Deviations (draws,) of draws from their mean, times a factor."""
    defined = sample[~np.isnan(sample)]
    return factor * (sample - defined.mean()) if defined.size else sample


def _argmax(values: np.ndarray) -> int:
    """Index of the largest; NaN is least."""
    return int(np.nan_to_num(values, nan=-np.inf).argmax())


def _said(responses: Halved, undefined: int, unit: np.ndarray) -> list[str]:
    """What the status should say of what was left out or filled in."""
    n = len(unit)
    said = []
    if undefined:
        said.append(f"{undefined} of {n} stimuli without responses or a pattern left out")
    gaps = np.isnan(responses.mean) & ~np.isnan(responses.mean).all(axis=1, keepdims=True)
    if gaps.any():
        said.append(f"{gaps.sum()} of {gaps.size} missing responses at their neuroid's mean")
    single = int((~responses.repeated & ~np.isnan(responses.mean).all(axis=1)).sum())
    if single and responses.repeated.any():
        said.append(f"{single} of {n} stimuli with one repetition not in the ceiling")
    if unit.max() + 1 < MIN_UNITS:
        said.append(f"{unit.max() + 1} units are too few to halve: no layer choice, no interval")
    return said
