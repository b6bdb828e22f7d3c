"""Scores of the probe of one task: accuracy and its variants, baselines, people, thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from visalign.io.scores import Score
from visalign.probes import difficulty, error_consistency, probe
from visalign.probes.learning_curve import REACHED
from visalign.probes.people import People
from visalign.probes.probe import Layers, Probed, Setting
from visalign.probes.trials import Trials
from visalign.stats.bootstrap import expanded_interval

#: What follows the task where there are levels of difficulty beside all together.
ALL = "all"
#: Convention of an accuracy.
ACCURACY = "accuracy"
#: Draws of shuffled trials for the floor of κ.
SHUFFLES = 200


class Task(NamedTuple):
    """What is known of a task: its trials, people's answers, and features that need no model."""

    trials: Trials
    people: People | None
    pixels: np.ndarray | None
    statistics: np.ndarray | None


class Scored(NamedTuple):
    """Scores by what follows the task in their benchmark, and each trial.

    '' or, of tasks with levels of difficulty, /all; /LEVEL; /transfer.
    """

    scores: list[tuple[str, Score]]
    trials: pd.DataFrame


@dataclass(frozen=True)
class Intervals:
    """Draws of whole groups of test trials, and of training draws."""

    counts: np.ndarray
    units: int
    rng: np.random.Generator

    def accuracy(self, probed: Probed) -> tuple[float, float]:
        """Interval of the accuracy."""
        return probe.interval(probed, self.counts, self.units, self.rng)


def intervals(probed: Probed, setting: Setting, purpose: str) -> Intervals:
    """Draws of the groups of what was tested."""
    rng = setting.generator(probed.trials.task, purpose)
    counts, units = probe.group_counts(probed.trials.group, setting.bootstrap, rng)
    return Intervals(counts, units, rng)


def score(layers: Layers, task: Task, setting: Setting) -> Scored:
    """Score the probe of a task with labels 0 and 1.

    Parameters
    ----------
    layers : mapping of str to ndarray, shape (n_images, n_features)
        Of several layers each fold takes the best of its training trials.

    Raises
    ------
    InputError
        See `probe.probe`.
    """
    trials = task.trials
    probed = probe.probe(layers, trials, setting)
    whole = f"/{ALL}" if levels(probed.trials) else ""
    scores = [(whole, one) for one in of_task(layers, task, probed, setting)]
    for level in levels(probed.trials):
        own = probed.of(probed.trials.difficulty == level)
        scores.append((f"/{level}", accuracy_of(own, setting, level)))
    tables = [table_of(probed, "")]
    if moved := probe.transferred(layers, trials, setting):
        scores.append(("/transfer", accuracy_of(moved, setting, "transfer")))
        tables.append(table_of(moved, "transfer"))
    return Scored(scores, pd.concat(tables, ignore_index=True))


def of_task(layers: Layers, task: Task, probed: Probed, setting: Setting) -> Iterator[Score]:
    """Scores of all tested trials together, the accuracy first."""
    drawn = intervals(probed, setting, "interval")
    floor, high, p = probe.chance(probed)
    ceiling = people_on(task.people, probed)
    n = len(probed.trials.label)
    low_end, high_end = drawn.accuracy(probed)
    common = Score(metric="probe_accuracy", n=n, layer=probed.layer)
    yield replace(
        common,
        convention=ACCURACY,
        value=probe.accuracy(probed),
        ci_low=low_end,
        ci_high=high_end,
        floor=floor,
        ceiling=ceiling,
        status=status_of(probed, drawn.units, setting, high, p),
        headline=True,
    )
    auc = probe.area_under_roc(probed.decisions, probed.trials.label)
    yield replace(common, metric="probe_auc", convention="auc", value=auc, floor=0.5)
    for metric, features in (("pixel_accuracy", task.pixels), ("statistics_accuracy", task.statistics)):
        if features is not None:
            yield baseline(metric, features, task.trials, setting)
    if setting.curve:
        yield from of_curve(layers[probed.layer], task.trials, setting, probed.layer)
    if task.people is not None:
        yield from of_people(task.people, probed, setting)
    yield from of_difficulty(probed, drawn)


def accuracy_of(probed: Probed, setting: Setting, part: str) -> Score:
    """Accuracy on some of the trials."""
    drawn = intervals(probed, setting, part)
    floor, high, p = probe.chance(probed)
    low_end, high_end = drawn.accuracy(probed)
    return Score(
        metric="probe_accuracy",
        convention=ACCURACY,
        value=probe.accuracy(probed),
        ci_low=low_end,
        ci_high=high_end,
        n=len(probed.trials.label),
        layer=probed.layer,
        floor=floor,
        status=status_of(probed, drawn.units, setting, high, p),
        headline=True,
    )


def status_of(probed: Probed, units: int, setting: Setting, high: float, p: float) -> str:
    """What the status of an accuracy says: independent units, the quantile of the floor, the probe."""
    said = [f"groups={units}"] if units < len(probed.trials.label) else []
    if setting.permutations:
        said.append(f"97.5 % of permutations below {high:.3f}, p={p:.3g}")
    if setting.kind != "ridge":
        said.append(f"{setting.kind} probe, floor of the ridge probe")
    if len(set(probed.layers)) > 1:
        said.append(f"layer of {probed.layers.count(probed.layer)} of {len(probed.layers)} folds")
    return ", ".join(["ok", *said])


def baseline(metric: str, features: np.ndarray, trials: Trials, setting: Setting) -> Score:
    """Accuracy of the ridge probe on features that need no model."""
    plain = replace(setting, kind="ridge", permutations=0)
    found = probe.probe({metric: features}, trials, plain)
    low, high = intervals(found, plain, metric).accuracy(found)
    return Score(
        metric=metric,
        convention=ACCURACY,
        value=probe.accuracy(found),
        ci_low=low,
        ci_high=high,
        n=len(found.trials.label),
    )


def of_curve(X: np.ndarray, trials: Trials, setting: Setting, layer: str) -> Iterator[Score]:
    """Area under the learning curve, and the number of trials at which it reaches .80."""
    curve = probe.learning_curve(X, trials, setting)
    sizes = len(curve.sizes)
    area = curve.area()
    status = f"ok, {sizes} sizes to {curve.sizes[-1]:.0f}"
    if sizes < 2:
        status = f"one size of training set only ({curve.sizes[0]:.0f} trials)"
    yield Score(
        metric="curve_area",
        convention=ACCURACY,
        value=float(area.mean()) if sizes > 1 else None,
        n=len(area),
        layer=layer,
        status=status,
    )
    reached = curve.first_reached()
    status = "ok" if reached == reached else f"not reached: {REACHED:.2f} at {curve.sizes[-1]:.0f} trials"
    yield Score(metric="n80", convention="trials", value=reached, n=len(area), layer=layer, status=status)


def of_people(people: People, probed: Probed, setting: Setting) -> Iterator[Score]:
    """People's accuracy less the model's, and error consistency, on the trials that both have."""
    shared = np.isin(probed.trials.stimulus_id, people.stimulus_id)
    own = probed.of(shared)
    place = {name: position for position, name in enumerate(people.stimulus_id)}
    theirs = people.of(np.array([place[name] for name in own.trials.stimulus_id], dtype=int))
    said = [f"{len(theirs.right)} people"]
    said += [f"{people.timed_out} time-outs count as wrong"] if people.timed_out else []
    said += [f"{people.unknown} answers to other images left out"] if people.unknown else []
    missing = len(people.stimulus_id) - len(own.trials.label)
    n = len(own.trials.label)
    if not n:
        for metric in ("human_gap", "error_consistency"):
            yield Score(metric=metric, status="people answered none of the tested trials")
        return
    rng = setting.generator(own.trials.task, "people")
    counts, units = probe.group_counts(own.trials.group, setting.bootstrap, rng)
    draw = rng.integers(len(own.hits), size=len(counts))
    model = np.einsum("bt,bt->b", counts, own.hits[draw]) / counts.sum(axis=1)
    low, high = expanded_interval(theirs.resampled(counts, rng) - model, units)
    status = ", ".join(["ok", *said])
    yield Score(
        metric="human_gap",
        convention="difference",
        value=float(theirs.accuracy()[0]) - probe.accuracy(own),
        ci_low=low,
        ci_high=high,
        n=n,
        n_excluded=missing,
        status=status,
    )
    yield consistency(own, theirs, counts, units, setting, (n, missing, status))


def consistency(
    own: Probed,
    theirs: People,
    counts: np.ndarray,
    units: int,
    setting: Setting,
    about: tuple[int, int, str],
) -> Score:
    """Error consistency with people: median over them, with what people have among themselves as ceiling."""
    n, missing, status = about
    score = Score(metric="error_consistency", convention="kappa", n=n, n_excluded=missing)
    each = error_consistency.with_people(own.right, theirs.right, theirs.answered)[0]
    if np.isnan(each).all():
        return replace(score, status="undefined: all right or all wrong, so errors cannot agree by chance")
    rng = setting.generator(own.trials.task, "consistency")
    drawn = error_consistency.with_people(own.right, theirs.right, theirs.answered, counts)
    people = rng.integers(len(each), size=drawn.shape)
    with np.errstate(all="ignore"):
        medians = median_of(np.take_along_axis(drawn, people, axis=1))
    low, high = expanded_interval(medians, min(units, len(each)))
    between = error_consistency.between_people(theirs.right, theirs.answered)
    largest = [
        error_consistency.consistency(own.right[seen], right[seen]).largest
        for right, seen in zip(theirs.right, theirs.answered, strict=True)
    ]
    more = f"mean {np.nanmean(each):.3f}, largest that the accuracies allow {np.nanmedian(largest):.3f}"
    return replace(
        score,
        value=float(np.nanmedian(each)),
        ci_low=low,
        ci_high=high,
        floor=error_consistency.by_chance(own.right, theirs.right, theirs.answered, SHUFFLES, rng),
        ceiling=float(np.nanmedian(between)) if np.isfinite(between).any() else None,
        status=f"{status}, {more}",
    )


def median_of(values: np.ndarray) -> np.ndarray:
    """Median over the last axis of what is defined; NaN where nothing is."""
    found = np.full(len(values), np.nan)
    defined = ~np.isnan(values).all(axis=1)
    found[defined] = np.nanmedian(values[defined], axis=1)
    return found


def of_difficulty(probed: Probed, drawn: Intervals) -> Iterator[Score]:
    """Threshold and slope over levels of difficulty that are numbers, of three or more."""
    names = levels(probed.trials)
    if len(names) < difficulty.LEVELS or not all(map(is_number, names)):
        return
    ordered = np.array(sorted(names, key=float))
    member = probed.trials.difficulty[:, None] == ordered

    def at(hits: np.ndarray, counts: np.ndarray) -> difficulty.Threshold:
        return difficulty.fitted(ordered.astype(float), (counts * hits) @ member, counts @ member)

    mean = probed.hits.mean(axis=0)
    found = at(mean, np.ones(len(mean)))
    few = drawn.counts[: difficulty.DRAWS]
    draws = np.array([at(mean, counts) for counts in few])
    for metric, value, values in zip(("threshold", "slope"), found, draws.T, strict=True):
        low, high = expanded_interval(values, drawn.units)
        status = "ok" if value == value else "no fall of accuracy with difficulty within the levels"
        yield Score(
            metric=metric,
            convention="logistic",
            value=value,
            ci_low=low if value == value else None,
            ci_high=high if value == value else None,
            n=len(mean),
            layer=probed.layer,
            status=status,
        )


def levels(trials: Trials) -> list[str]:
    """Levels of difficulty, where there are several."""
    found = sorted(set(filter(None, trials.difficulty)))
    return found if 1 < len(found) <= MANY_LEVELS else []


#: More are values of a continuous difficulty, which have no rows of their own.
MANY_LEVELS = 10


def is_number(word: str) -> bool:
    """Whether a level is a number."""
    try:
        return np.isfinite(float(word)).item()
    except ValueError:
        return False


def people_on(people: People | None, probed: Probed) -> float | None:
    """People's accuracy, where they answered every tested trial; else they are compared on those they did."""
    if people is None or not set(probed.trials.stimulus_id) <= set(people.stimulus_id):
        return None
    return float(people.accuracy()[0])


def table_of(probed: Probed, split: str) -> pd.DataFrame:
    """One row a trial and draw: decision, and whether it is right (½ without one)."""
    trials, draws = probed.trials, len(probed.hits)
    n = len(trials.label)
    return pd.DataFrame(
        {
            "stimulus_id": np.tile(trials.stimulus_id, draws),
            "task": trials.task,
            "split": split,
            "label": np.tile(trials.label, draws).astype(int),
            "decision": probed.decisions.ravel(),
            "correct": probed.hits.ravel(),
            "draw": np.repeat(np.arange(draws), n),
            "group": np.tile(trials.group, draws),
            "difficulty": np.tile(trials.difficulty, draws),
        }
    )


def spatial_gap(accuracies: Mapping[str, float], tags: Mapping[str, str]) -> Score:
    """Mean accuracy on tasks of spatial relations less that on tasks of sameness.

    Parameters
    ----------
    accuracies : mapping of str to float
        By task.
    tags : mapping of str to {"SD", "SR"}
        Kind of each task that has one.
    """
    kinds = {
        kind: [value for task, value in accuracies.items() if tags.get(task) == kind] for kind in ("SR", "SD")
    }
    n = sum(map(len, kinds.values()))
    if not all(kinds.values()):
        return Score(metric="sd_gap", n=n, status="needs tasks of both kinds")
    gap = float(np.mean(kinds["SR"]) - np.mean(kinds["SD"]))
    errors = [
        np.var(values, ddof=1) / len(values) if len(values) > 1 else np.nan for values in kinds.values()
    ]
    half = 1.96 * float(np.sqrt(sum(errors)))
    return Score(
        metric="sd_gap", convention="difference", value=gap, ci_low=gap - half, ci_high=gap + half, n=n
    )
