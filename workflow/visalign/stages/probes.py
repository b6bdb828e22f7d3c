"""Stage probes: what frozen features of a model know of visual tasks beyond recognition.

A linear probe learns each task from features; its accuracy on held-out trials is compared with what permuted
labels give, what pixels and image statistics give, and with people (docs/methods.md).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.array_files import read_numbers
from visalign.io.files import inputs_hash
from visalign.io.scores import Score, ScoreRow, Source, entry, rows_of, write_scores
from visalign.io.tables import write_table
from visalign.measures.probes import MEASURE, is_sameness
from visalign.probes import baselines, tilt
from visalign.probes.difficulty import DifficultyFit
from visalign.probes.floor import Floor
from visalign.probes.folds import SIZES
from visalign.probes.people import read_answers
from visalign.probes.probe import ProbeResult, probe_task
from visalign.probes.protocol import Protocol
from visalign.probes.trials import Trials, read_trials
from visalign.stimuli import tables
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import definition, section
from visalign.visual_tasks.gratings import ALONE, CENTRE
from visalign.zoo.pools import array_of

VERSIONS = {"probes": 2}
EXAMPLES = """\
  python -m visalign probes --features X.npy --trials trials.csv --json
  python -m visalign probes --features X.npy --trials trials.csv --people answers.csv --tasks 'svrt-*' --json
  python -m visalign probes --model lite0 --dataset tasks --features-store features.zarr \\
      --features-manifest features.json --pixels pixels.zarr --pixels-manifest pixels.json \\
      --table tasks.csv --trials tasks/trials.csv --output probes.csv --trials-output probes_trials.csv \\
      --curve-output probes_curve.csv
"""
#: Layer by which the best is meant, and the end of the benchmark of all levels of difficulty together.
BEST, ALL = "best", "all"
#: Columns of the table of trials of a probe that has none but gratings.
TABLE = ("stimulus_id", "task", "split", "label", "draw", "fold", "value", "correct", "group", "difficulty")
#: Columns of the table of learning curves: accuracy of each task at each number of training trials.
CURVE = ("task", "size", "accuracy", "ci_low", "ci_high")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign probes``."""
    plain = parser.add_argument_group("probe an array directly")
    plain.add_argument(
        "--features", help="X.npy, a row for each image of --trials in the order in which these first appear"
    )
    plain.add_argument("--json", action="store_true", help="print JSON: task, then metric")
    stage = parser.add_argument_group("stage of the pipeline")
    stage.add_argument("--model", help="name of the model")
    stage.add_argument("--dataset", help="name of the probe")
    stage.add_argument("--features-store", help="features with pooled layers (.zarr)")
    stage.add_argument("--features-manifest", help="their manifest (.json)")
    stage.add_argument("--pixels", help="preprocessed stimuli (.zarr)")
    stage.add_argument("--pixels-manifest", help="their manifest (.json)")
    stage.add_argument("--table", help="table of the stimulus set (CSV)")
    stage.add_argument("--output", help="score rows to write (CSV)")
    stage.add_argument("--trials-output", help="table to write of each trial's decision (CSV)")
    stage.add_argument("--curve-output", help="table to write of learning curves (CSV)")
    parser.add_argument("--trials", required=True, help="trials: stimulus_id, task, label, … (CSV)")
    parser.add_argument("--people", help="people's answers: participant, stimulus_id, response, label (CSV)")
    add_settings(parser, definition("probes"), "probes")
    add_settings(parser, section("probes"), "probes")
    add_seed(parser, "Seed of folds, permutations and bootstrap.")


def run(args: argparse.Namespace) -> None:
    """Probe an array, or one (model, probe) of the pipeline."""
    run_array(args) if args.features else run_stage(args)


def protocol(args: argparse.Namespace) -> Protocol:
    """How tasks are probed."""
    return Protocol(
        classifier=args.classifier,
        draws=args.draws,
        folds=args.folds,
        permutations=args.permutations,
        sizes=SIZES if args.curve else (),
        resamples=args.bootstrap,
        seed=args.seed,
    )


def run_array(args: argparse.Namespace) -> None:
    """Probe a feature array and print the scores."""
    X, trials = read_numbers(args.features, (2,), "images × features"), read_trials(args.trials)
    ids = list(dict.fromkeys(trials.stimulus_id.tolist()))
    if len(X) != len(ids):
        raise InputError(
            f"{args.features}: {len(X)} rows, but {args.trials} shows {len(ids)} images; give a row for each "
            "image in the order in which the trials first show them"
        )
    tasks, answers = trials.asked(args.tasks), read_answers(args.people, trials) if args.people else None
    found: dict[str, dict[str, object]] = {}
    tables_of = []
    for task in tasks:
        result = probe_task({"features": X}, ids, trials, task, protocol(args), answers=answers)
        tables_of.append(result.trials)
        for name, score in scores_of(task, result):
            told = {**entry(score), "status": score.status}
            metric = score.metric if score.headline else f"{score.metric} ({score.convention})"
            found.setdefault(name, {})[metric] = told
    if args.trials_output:
        write_table(args.trials_output, pd.concat(tables_of, ignore_index=True))
    print(json.dumps(found) if args.json else "\n".join(lines(found)))


def lines(found: dict[str, dict[str, object]]) -> Iterator[str]:
    """Scores of tasks as lines of text."""
    for name, metrics in found.items():
        for metric, told in metrics.items():
            yield f"{name:20} {metric:24} {shown(cast(dict[str, object], told))}"


def shown(told: Mapping[str, object]) -> str:
    """Return one score as a line says it."""
    if told["value"] is None:
        return str(told["status"])
    low, high = told["ci_low"], told["ci_high"]
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    floor = "" if told["floor"] is None else f", floor {told['floor']:.3f}"
    return f"{told['value']:.3f}{interval}{floor}, n = {told['n']}"


def scores_of(task: str, result: ProbeResult) -> Iterator[tuple[str, Score]]:
    """Yield the scores of a task by what their benchmark ends in: TASK, TASK/LEVEL, TASK/transfer.

    Where there are levels of difficulty, those of all levels together are TASK/all.
    """
    for part, found in result.parts.items():
        name = task if part == "test" else f"{task}/{part}"
        whole = f"{name}/{ALL}" if found.levels else name
        for score in found.scores:
            beyond = found.floor if score.metric == "probe_accuracy" else None
            yield whole, with_floor(score, beyond) if beyond else score
        for level, scores in found.levels.items():
            for score in scores:
                yield f"{name}/{level}", score
        if found.difficulty:
            for score in of_difficulty(found.difficulty, found.scores[0]):
                yield whole, score


def with_floor(score: Score, floor: Floor) -> Score:
    """Score whose status says where permuted labels end, and how many reach it."""
    return replace(score, status=f"{score.status}; permuted labels below {floor.high:.3f}, p={floor.p:.3g}")


def of_difficulty(fit: DifficultyFit, accuracy: Score) -> Iterator[Score]:
    """Threshold and slope over levels of difficulty."""
    for metric, value, (low, high) in (
        ("threshold", fit.threshold, fit.threshold_interval),
        ("slope", fit.slope, fit.slope_interval),
    ):
        yield Score(
            metric=metric,
            convention="logistic",
            value=value,
            ci_low=low,
            ci_high=high,
            n=accuracy.n,
            layer=accuracy.layer,
            status=fit.reason or f"ok, {fit.levels} levels",
        )


def run_stage(args: argparse.Namespace) -> None:
    """Write the score rows of one model on one probe, and each trial's decision."""
    store = stores.open_store(args.features_store)
    ids = list(map(str, stores.strings(store)))
    if ids != list(map(str, tables.read(args.table)["stimulus_id"])):
        raise InputError(f"{args.features_store}: its images are not those of {args.table}, in their order")
    layers = read_layers(store, args.layer, args.pool, args.features_store)
    trials = read_trials(args.trials, ids)
    answers = read_answers(args.people, trials) if args.people else None
    own, rows, tables_of, curves, accuracies = protocol(args), [], [], [], dict[str, Score]()
    inputs = inputs_hash(args.features_manifest, args.pixels_manifest, args.trials, *files_of(args.people))

    def source(name: str) -> Source:
        return Source(
            model=args.model,
            benchmark=f"probes/{args.dataset}/{name}",
            seed=args.seed,
            version=VERSIONS["probes"],
            inputs_hash=inputs,
        )

    tasks = trials.asked(args.tasks)
    if tilted := {ALONE, CENTRE} <= set(tasks):
        tasks = [task for task in tasks if task not in (ALONE, CENTRE)]
    pixels = statistics = np.empty((0, 0))
    if tasks:
        images = np.moveaxis(np.asarray(stores.array(stores.open_store(args.pixels), "pixels")), 1, 3)
        pixels, statistics = baselines.pixels(images), baselines.statistics(images)
    for task in tqdm(tasks, desc=f"probes {args.model}", unit="task"):
        result = probe_task(layers, ids, trials, task, own, answers=answers, pixels=pixels)
        tables_of.append(result.trials)
        curves.append(result.curve.assign(task=task))
        for name, score in scores_of(task, result):
            rows += rows_of([of_people(score, args.simulated)], source(name))
        if result.parts["test"].floor:
            accuracies[task] = result.scores[0]
            plain = replace(own, permutations=0, sizes=(), classifier="ridge")
            baseline = probe_task({"statistics": statistics}, ids, trials, task, plain)
            score = replace(baseline.scores[0], metric="statistics_accuracy", layer=None)
            rows += rows_of([score], source(next(name for name, _ in scores_of(task, result))))
    if any(is_sameness(task) is not None for task in accuracies):
        rows += rows_of([sameness_gap(accuracies)], source("svrt"))
    if tilted:
        rows += tilt_rows(layers, ids, trials, args.seed, source)
    write_table(args.trials_output, together(tables_of, TABLE))
    if args.curve_output:
        write_table(args.curve_output, together(curves, CURVE))
    write_scores(args.output, rows)


def files_of(people: str | None) -> list[Path]:
    """Files of people's answers: of a table itself, of a folder those below it."""
    path = Path(people) if people else None
    if path is None or not path.is_dir():
        return [path] if path else []
    return sorted(path.rglob("*.csv"))


def together(tables_of: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """Join the tables of tasks that have rows; a table of none has its columns all the same."""
    filled = [table for table in tables_of if len(table)]
    return (
        pd.concat(filled, ignore_index=True)[list(columns)] if filled else pd.DataFrame(columns=list(columns))
    )


def tilt_rows(
    layers: Mapping[str, np.ndarray],
    ids: list[str],
    trials: Trials,
    seed: int,
    source: Callable[[str], Source],
) -> list[ScoreRow]:
    """Rows of the tilt illusion in the layer whose decoder errs least on gratings that are alone."""
    place = {name: row for row, name in enumerate(ids)}
    alone, around = trials.of(ALONE), trials.of(CENTRE)
    rows_alone, rows_around = (np.array([place[name] for name in t.stimulus_id]) for t in (alone, around))
    found = {
        layer: tilt.measured(
            X[rows_alone],
            alone.label,
            X[rows_around],
            around.label,
            np.array(around.difficulty, float),
            around.group,
            seed=seed,
        )
        for layer, X in layers.items()
    }
    layer = min(found, key=lambda name: found[name].decoder_error.value)
    return rows_of(tilt.scores(found[layer], layer), source(CENTRE))


def sameness_gap(accuracies: Mapping[str, Score]) -> Score:
    """Mean accuracy on problems of spatial relations less that on problems of sameness, over problems.

    Problems have images of their own, so the errors of their accuracies are independent: the squares of the
    half-widths of their intervals add up.
    """
    kinds: dict[bool, list[Score]] = {True: [], False: []}
    for task, accuracy in accuracies.items():
        if (same := is_sameness(task)) is not None:
            kinds[same].append(accuracy)
    score = Score(metric="sd_gap", convention="difference", n=sum(map(len, kinds.values())))
    if not all(kinds.values()):
        return replace(score, status="needs problems of both kinds")
    columns = {
        same: np.array([(s.value, s.ci_low, s.ci_high) for s in own], float) for same, own in kinds.items()
    }
    means = {same: rows[:, 0].mean() for same, rows in columns.items()}
    squares = [((rows[:, 2] - rows[:, 1]) ** 2).sum() / 4 / len(rows) ** 2 for rows in columns.values()]
    gap, half = float(means[False] - means[True]), float(np.sqrt(sum(squares)))
    return replace(score, value=gap, ci_low=gap - half, ci_high=gap + half)


def of_people(score: Score, simulated: bool) -> Score:
    """Mark a score as simulated where it rests on people's answers that are."""
    return replace(score, simulated=simulated and MEASURE.metric(score.metric).simulated == "dataset")


def read_layers(store: zarr.Group, layer: str, pool: str, where: str) -> dict[str, np.ndarray]:
    """Read the pooled layers of a store that are asked for: one, or all for the best."""
    names = [name for name in stores.attribute(store, "layers") if name != "logits"]
    plain = {name.partition("@")[0]: name for name in names if name.endswith(f"@{pool}")}
    plain |= {name: name for name in names if "@" not in name and stores.array(store, name).ndim == 2}
    if layer == BEST:
        return {name: stores.values(store, array) for name, array in plain.items()}
    if layer not in plain:
        reasons = stores.attribute(store, "not_pooled", {})
        why = reasons.get(array_of(layer, pool), f"there are {', '.join(plain)}")
        raise InputError(f"{where}: layer: {layer!r}, pooled by {pool}: {why}")
    return {layer: stores.values(store, plain[layer])}
