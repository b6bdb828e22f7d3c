"""Stage probes: what frozen features of a model know of visual tasks beyond recognition.

A linear probe learns each task from features; its accuracy on held-out trials is compared with what permuted
labels give, what pixels and image statistics give, and with people (docs/methods.md).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.array_files import read_numbers
from visalign.io.files import inputs_hash
from visalign.io.scores import Score, Source, entry, rows_of, write_scores
from visalign.io.tables import write_table
from visalign.measures.probes import is_sameness
from visalign.probes import baselines, people, scores, trials
from visalign.probes.probe import Setting
from visalign.stimuli import tables
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import definition, section
from visalign.zoo.pools import array_of

VERSIONS = {"probes": 1}
EXAMPLES = """\
  python -m visalign probes --features X.npy --trials trials.csv --json
  python -m visalign probes --features X.npy --trials trials.csv --people answers.csv --tasks 'svrt-*' --json
  python -m visalign probes --model lite0 --dataset tasks --features-store features.zarr \\
      --features-manifest features.json --pixels pixels.zarr --pixels-manifest pixels.json \\
      --table tasks.csv --trials tasks/trials.csv --output probes.csv --trials-output probes_trials.csv
"""
#: Layer by which the best is meant, and images whose statistics are computed together.
BEST, BATCH = "best", 64


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
    parser.add_argument("--trials", required=True, help="trials: stimulus_id, task, label, … (CSV)")
    parser.add_argument("--people", help="people's answers: participant, stimulus_id, response, label (CSV)")
    add_settings(parser, definition("probes"), "probes")
    add_settings(parser, section("probes"), "probes")
    add_seed(parser, "Seed of folds, permutations and bootstrap.")


def run(args: argparse.Namespace) -> None:
    """Probe an array, or one (model, probe) of the pipeline."""
    run_array(args) if args.features else run_stage(args)


def setting(args: argparse.Namespace) -> Setting:
    """How tasks are probed."""
    return Setting(
        kind=args.probe_kind,
        folds=args.folds,
        draws=args.draws,
        permutations=args.permutations,
        bootstrap=args.bootstrap,
        curve=args.curve,
        seed=args.seed,
    )


def patterns(args: argparse.Namespace) -> list[str]:
    """Patterns of the tasks that are asked for."""
    return [pattern.strip() for pattern in (args.tasks or "").split(",") if pattern.strip()]


def run_array(args: argparse.Namespace) -> None:
    """Probe a feature array and print the scores."""
    X = read_numbers(args.features, (2,), "images × features")
    ids = trials.images(args.trials)
    if len(X) != len(ids):
        raise InputError(
            f"{args.features}: {len(X)} rows, but {args.trials} shows {len(ids)} images; give a row for each "
            "image in the order in which the trials first show them"
        )
    found: dict[str, dict[str, object]] = {}
    tables_of = []
    for task in trials.read(args.trials, ids, patterns(args)):
        refuse_angles(task, args.trials)
        answers = people.read(args.people, task) if args.people else None
        scored = scores.score({"features": X}, scores.Task(task, answers, None, None), setting(args))
        tables_of.append(scored.trials)
        for part, score in scored.scores:
            found.setdefault(task.task + part, {})[score.metric] = {**entry(score), "status": score.status}
    if args.trials_output:
        write_table(args.trials_output, pd.concat(tables_of, ignore_index=True))
    if args.json:
        print(json.dumps(found))
        return
    for name, metrics in found.items():
        for metric, told in metrics.items():
            print(f"{name:20} {metric:20} {shown(told)}")  # type: ignore[arg-type]


def shown(told: dict[str, object]) -> str:
    """One score as a line says it."""
    if told["value"] is None:
        return str(told["status"])
    low, high = told["ci_low"], told["ci_high"]
    interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    floor = f", floor {told['floor']:.3f}" if told["floor"] is not None else ""
    return f"{told['value']:.3f}{interval}{floor}, n = {told['n']}"


def run_stage(args: argparse.Namespace) -> None:
    """Write the score rows of one model on one probe, and each trial's decision."""
    store = stores.open_store(args.features_store)
    ids = list(map(str, stores.strings(store)))
    shown_in = list(map(str, tables.read(args.table)["stimulus_id"]))
    if ids != shown_in:
        raise InputError(f"{args.features_store}: its images are not those of {args.table}, in their order")
    layers = read_layers(store, args.layer, args.pool, args.features_store)
    pixels, statistics = baselines.features_of(
        batches(stores.array(stores.open_store(args.pixels), "pixels"))
    )
    own, rows, tables_of, accuracies = setting(args), [], [], dict[str, float]()
    common = {
        "model": args.model,
        "seed": args.seed,
        "version": VERSIONS["probes"],
        "inputs_hash": inputs_hash(args.features_manifest, args.pixels_manifest, args.trials),
    }
    asked = trials.read(args.trials, ids, patterns(args))
    for task in tqdm(asked, desc=f"probes {args.model}", unit="task"):
        refuse_angles(task, args.trials)
        answers = people.read(args.people, task) if args.people else None
        scored = scores.score(layers, scores.Task(task, answers, pixels, statistics), own)
        accuracies[task.task] = next(s.value for _, s in scored.scores if s.headline) or float("nan")
        for part, score in scored.scores:
            source = Source(benchmark=f"probes/{args.dataset}/{task.task}{part}", **common)
            rows += rows_of([of_people(score, args.simulated)], source)
        tables_of.append(scored.trials)
    kinds = {task: "SD" if same else "SR" for task in accuracies if (same := is_sameness(task)) is not None}
    if kinds:
        gap = scores.spatial_gap(accuracies, kinds)
        rows += rows_of([gap], Source(benchmark=f"probes/{args.dataset}/svrt", **common))
    write_table(args.trials_output, pd.concat(tables_of, ignore_index=True))
    write_scores(args.output, rows)


def of_people(score: Score, simulated: bool) -> Score:
    """Mark a score as simulated where it rests on people's answers that are."""
    resting = score.metric in ("human_gap", "error_consistency") or score.ceiling is not None
    return replace(score, simulated=simulated and resting)


def refuse_angles(task: trials.Trials, where: str) -> None:
    """Raise InputError for labels that are angles, which a linear probe with two answers does not have."""
    if task.is_angle:
        raise InputError(f"{where}: task {task.task}: label: angles are not probed; give 0 and 1")


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


def batches(pixels: zarr.Array) -> Iterator[np.ndarray]:
    """Pixels of some images at a time."""
    for start in range(0, pixels.shape[0], BATCH):
        yield np.asarray(pixels[start : start + BATCH])
