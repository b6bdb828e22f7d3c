"""A whole task of one model: what its features know of the answers, against its floor, pixels and people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from visalign.errors import InputError, unknown
from visalign.io.delimited import number
from visalign.io.scores import Score
from visalign.probes import angles, decisions, learning_curve
from visalign.probes.comparison_with_people import Seen, people_scores, seen_by_people
from visalign.probes.difficulty import DifficultyFit, fit_difficulty
from visalign.probes.floor import Floor, floor_of, permuted_labels
from visalign.probes.intervals import Resamples, auc, means, resample
from visalign.probes.people import Answers
from visalign.probes.protocol import CLASSIFIERS, LABELS, Protocol, Split, parts_of, splits_of
from visalign.probes.ridge_probe import correct
from visalign.probes.spectra import Features, Gram
from visalign.probes.trials import Trials

#: Mean error of random orientations, degrees.
RANDOM_ANGLE = 45.0
#: Levels of difficulty that are scored one by one; more of them are a continuum, which is fitted only.
MOST_LEVELS = 12
NO_CURVE = "one training size: the smallest subset of a curve has {} trials"


@dataclass(frozen=True)
class Part:
    """What is said of the test or of the transfer trials.

    Attributes
    ----------
    scores : list of Score
        The headline of the measure first.
    floor : Floor or None
        With permuted labels.
    levels : dict
        Accuracy at each level of difficulty, and that with permuted labels, where there are 2 to 12.
    difficulty : DifficultyFit or None
        Where there are several levels.
    """

    scores: list[Score]
    floor: Floor | None = None
    levels: dict[str, list[Score]] = field(default_factory=dict)
    difficulty: DifficultyFit | None = None


@dataclass(frozen=True)
class ProbeResult:
    """One task of one model.

    Attributes
    ----------
    parts : dict
        ``test``, and ``transfer`` where trials have that split.
    trials : DataFrame
        A row per draw and tested trial: stimulus_id, task, split, label, draw, fold, value, correct, group,
        difficulty.
    curve : DataFrame
        A row per training size: size, accuracy, ci_low, ci_high; empty where no curve was asked for.
    """

    parts: dict[str, Part]
    trials: pd.DataFrame
    curve: pd.DataFrame

    @property
    def scores(self) -> list[Score]:
        """Scores of the test trials."""
        return self.parts["test"].scores


@dataclass(frozen=True)
class _Task:
    """What the parts of a task share."""

    trials: Trials
    unit: np.ndarray
    protocol: Protocol
    splits: list[Split]
    layer: str | None = None


def probe_task(
    layers: Mapping[str, np.ndarray | Gram],
    stimuli: Sequence[str],
    trials: Trials,
    task: str,
    protocol: Protocol,
    *,
    answers: Answers | None = None,
    pixels: np.ndarray | None = None,
) -> ProbeResult:
    """Train and test a probe on one task, with floor, interval, learning curve, pixels and people.

    Parameters
    ----------
    layers : mapping
        Features (n_stimuli, p) of each layer, which are z-scored, or a `Gram` matrix, which cannot be. Of
        several layers each training set chooses one by its left-out error.
    stimuli : sequence of str, length n_stimuli
        Their rows.
    trials : Trials
        Of this task and of others.
    answers : Answers, optional
        Of people.
    pixels : ndarray, shape (n_stimuli, k), optional
        Pixels as features, see `baselines.pixels`.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        A trial of a stimulus without features, features that are not finite, too few groups for the folds.
    """
    if protocol.classifier not in CLASSIFIERS:
        raise InputError(f"probe: {unknown(protocol.classifier, CLASSIFIERS)}")
    own = trials.of(task)
    row = {name: position for position, name in enumerate(stimuli)}
    strange = sorted({name for name in own.stimulus_id.tolist() if name not in row})
    if strange:
        raise InputError(f"{own.where}: stimulus_id: {strange[0]!r} has no features ({len(strange)} such)")
    rows = np.array([row[name] for name in own.stimulus_id.tolist()])
    used = {name: _of_trials(name, values, rows) for name, values in layers.items()}
    unit = own.units()
    splits, block = splits_of(own, unit, protocol)
    shared = _Task(own, unit, protocol, splits)
    parts = parts_of(own)
    nothing = np.empty((len(own), 0))
    if own.angular:
        found = decisions.decide(used, own, unit, shared.splits, protocol, nothing, [])
        shared = replace(shared, layer=_most(found.layers))
        scored = {name: Part([_decoder_error(shared, found, index)]) for name, index in parts.items()}
        return ProbeResult(scored, _table(shared, found, parts), pd.DataFrame())
    count = protocol.permutations if protocol.classifier == "ridge" else 0
    permuted = permuted_labels(own.label, unit, block, count, protocol.rng(LABELS))
    places = _places(own, parts)
    found = decisions.decide(used, own, unit, shared.splits, protocol, permuted, list(places.values()))
    shared = replace(shared, layer=_most(found.layers))
    floors = {name: found.permuted[:, place].mean(axis=0) for place, name in enumerate(places)}
    baseline = None
    if pixels is not None:
        grey = {"pixels": Features(pixels[rows])}
        plain = replace(protocol, classifier="ridge")
        baseline = decisions.decide(grey, own, unit, shared.splits, plain, nothing, []).values
    scored = {}
    for name, index in parts.items():
        levels = {key[1]: floors[key] for key in places if key[0] == name and key[1]}
        scored[name] = _part(shared, found, index, floors[name, ""], levels, baseline, answers)
    curve = pd.DataFrame()
    if protocol.sizes:
        folds = [split for split in splits if np.isin(split.test, parts["test"]).any()]
        learnt = decisions.learn(used, own, unit, folds, protocol, found.values)
        scores, curve = _curve_scores(shared, learnt, parts["test"])
        scored["test"].scores.extend(scores)
    return ProbeResult(scored, _table(shared, found, parts), curve)


def _of_trials(layer: str, values: np.ndarray | Gram, rows: np.ndarray) -> Features | Gram:
    """Features of the stimuli of trials."""
    if isinstance(values, Gram):
        return values.take(rows)
    if not np.isfinite(values[rows]).all():
        raise InputError(f"layer {layer}: features are not finite")
    return Features(values[rows])


def _places(trials: Trials, parts: dict[str, np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    """Positions of each part, and of its levels of difficulty where there are several, lowest first."""
    places = {}
    for name, index in parts.items():
        places[name, ""] = index
        levels = set(trials.difficulty[index].tolist()) - {""}
        if 1 < len(levels) <= MOST_LEVELS:
            for level in sorted(levels, key=_by_number):
                places[name, level] = index[trials.difficulty[index] == level]
    return places


def _by_number(level: str) -> tuple[float, str]:
    """Order of levels: by number, then words."""
    found = number(level)
    return (np.inf if found is None else found, level)


def _resamples(task: _Task, index: np.ndarray, draws: int) -> Resamples:
    """Resamples of some trials, `draws` being training draws."""
    return resample(task.unit[index], draws, task.protocol.seed, task.protocol.resamples)


def _proportion(
    metric: str, task: _Task, right: np.ndarray, index: np.ndarray, permuted: np.ndarray, layer: str | None
) -> Score:
    """Accuracy of trials from whether they are right (R, n)."""
    drawn = _resamples(task, index, len(right))
    low, high = drawn.interval(means(right, drawn))
    return Score(
        metric=metric,
        convention="proportion",
        value=float(right.mean()),
        ci_low=low,
        ci_high=high,
        n=len(index),
        floor=float(permuted.mean()) if len(permuted) else None,
        layer=layer,
        status=f"ok, groups={drawn.groups}",
        headline=True,
    )


def _permuted(accuracy: Score, floor: Floor) -> Score:
    """Accuracy with permuted labels beside that with true ones; its interval holds 95 % of permutations."""
    return replace(
        accuracy,
        metric="permuted_accuracy",
        value=floor.mean,
        ci_low=floor.low,
        ci_high=floor.high,
        floor=None,
        status=f"ok, {floor.permutations} permutations",
    )


def _part(
    task: _Task,
    found: decisions.Decisions,
    index: np.ndarray,
    permuted: np.ndarray,
    levels: dict[str, np.ndarray],
    baseline: np.ndarray | None,
    answers: Answers | None,
) -> Part:
    """Score the test or the transfer trials.

    Parameters
    ----------
    index : ndarray of int
        The trials.
    permuted : ndarray, shape (P,)
        Accuracies with permuted labels; `levels` has those of each level of difficulty.
    baseline : ndarray, shape (R, n), optional
        Decision values from pixels.
    """
    trials, right = task.trials, correct(found.values[:, index], task.trials.label[index])
    accuracy = _proportion("probe_accuracy", task, right, index, permuted, task.layer)
    assert accuracy.value is not None
    floor = floor_of(accuracy.value, permuted) if len(permuted) else None
    seen = Seen.nobody()
    if answers is not None:
        seen = seen_by_people(answers, trials.task[0], trials.stimulus_id[index])
    scores = [accuracy, _auc_score(task, found, index)]
    if floor:
        scores.append(_permuted(accuracy, floor))
    if answers is not None:
        drawn = _resamples(task, index[seen.index], len(right)) if len(seen.index) else None
        scores += people_scores(right, seen, drawn, task.protocol, task.layer)
    if baseline is not None:
        from_pixels = correct(baseline[:, index], trials.label[index])
        nothing = np.empty(0)
        scores.append(_proportion("pixel_accuracy", task, from_pixels, index, nothing, None))
    at_levels = {}
    for level, own in levels.items():
        members = np.flatnonzero(trials.difficulty[index] == level)
        score = _proportion("probe_accuracy", task, right[:, members], index[members], own, task.layer)
        assert score.value is not None
        at_levels[level] = [score, *([_permuted(score, floor_of(score.value, own))] if len(own) else [])]
    fit = None
    if len(set(trials.difficulty[index].tolist())) > 1:
        fit = fit_difficulty(trials.difficulty[index], right, _resamples(task, index, len(right)))
    return Part(scores, floor, at_levels, fit)


def _auc_score(task: _Task, found: decisions.Decisions, index: np.ndarray) -> Score:
    """Area under the ROC curve, within folds, mean over draws."""
    values, fold, label = found.values[:, index], found.fold[:, index], task.trials.label[index]
    drawn = _resamples(task, index, len(values))
    one = np.ones((1, len(index)))
    own = [float(auc(v, label, f, one)[0]) for v, f in zip(values, fold, strict=True)]
    sample = np.empty(len(drawn.weights))
    for draw, (v, f) in enumerate(zip(values, fold, strict=True)):
        chosen = drawn.training == draw
        sample[chosen] = auc(v, label, f, drawn.weights[chosen][:, drawn.unit])
    low, high = drawn.interval(sample)
    return Score(
        metric="probe_auc",
        convention="area",
        value=float(np.mean(own)),
        ci_low=low,
        ci_high=high,
        n=len(index),
        floor=0.5,
        layer=task.layer,
        status=f"ok, groups={drawn.groups}",
        headline=True,
    )


def _curve_scores(task: _Task, curve: decisions.Curve, index: np.ndarray) -> tuple[list[Score], pd.DataFrame]:
    """Area of a learning curve, the size at which it reaches .80, and its points with intervals."""
    right = curve.correct[:, index]
    drawn = _resamples(task, index, len(right))
    sample, accuracy = means(right, drawn), right.mean(axis=(0, 1))
    bounds = np.array([drawn.interval(column) for column in sample.T])
    points = pd.DataFrame(
        {"size": curve.sizes, "accuracy": accuracy, "ci_low": bounds[:, 0], "ci_high": bounds[:, 1]}
    )
    about = Score(metric="curve_area", n=len(index), layer=task.layer, headline=True)
    if len(curve.sizes) < 2:
        status = NO_CURVE.format(min(task.protocol.sizes))
        return [replace(about, metric=name, status=status) for name in ("curve_area", "n80")], points
    spans = f"ok, {curve.sizes[0]:.0f} to {curve.sizes[-1]:.0f} training trials"
    low, high = drawn.interval(learning_curve.area(curve.sizes, sample))
    area = replace(
        about,
        convention="proportion",
        value=float(learning_curve.area(curve.sizes, accuracy)),
        ci_low=low,
        ci_high=high,
        floor=0.5,
        status=spans,
    )
    size = float(learning_curve.size_reaching(curve.sizes, accuracy))
    if not np.isfinite(size):
        status = f"not reached with {curve.sizes[-1]:.0f} training trials"
        return [area, replace(about, metric="n80", convention="trials", status=status)], points
    low, high = drawn.interval(learning_curve.size_reaching(curve.sizes, sample))
    status = "ok, at the smallest size" if size <= curve.sizes[0] else "ok"
    n80 = replace(
        about, metric="n80", convention="trials", value=size, ci_low=low, ci_high=high, status=status
    )
    return [area, n80], points


def _decoder_error(task: _Task, found: decisions.Decisions, index: np.ndarray) -> Score:
    """Mean error of decoded orientations, degrees."""
    error = np.abs(angles.difference(found.values[:, index], task.trials.label[index]))
    score = _proportion("decoder_error", task, error, index, np.empty(0), task.layer)
    return replace(score, convention="degrees", floor=RANDOM_ANGLE)


def _most(layers: list[str]) -> str:
    """The layer that was chosen most often; the first of equal ones."""
    return Counter(layers).most_common(1)[0][0]


def _table(task: _Task, found: decisions.Decisions, parts: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row per draw and tested trial."""
    index = np.sort(np.concatenate(list(parts.values())))
    trials, draws = task.trials.take(index), len(found.values)
    values = found.values[:, index]
    right = np.full(values.shape, np.nan) if trials.angular else correct(values, trials.label)
    columns = {
        name: np.tile(getattr(trials, name), draws) for name in ("stimulus_id", "task", "split", "label")
    }
    own = {
        "draw": np.repeat(np.arange(draws), len(index)),
        "fold": found.fold[:, index].ravel(),
        "value": values.ravel(),
        "correct": right.ravel(),
    }
    after = {name: np.tile(getattr(trials, name), draws) for name in ("group", "difficulty")}
    return pd.DataFrame(columns | own | after)
