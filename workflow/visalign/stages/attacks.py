"""Stage attacks: the smallest L2 perturbation that changes the answer, and where it falls.

``attacks perturb`` writes perturbations, each verified as stored; ``attacks score`` reads them and
human maps: perturbation tolerance (its size) and adversarial alignment (its place). ``attacks curve``
tells how both depend on the budget. ``attacks control`` puts importance maps of low-level models in the
place of perturbations: they are compared with people's maps as the place of a perturbation is, on the
stimuli that are drawn to be attacked. None of them has a tolerance, since they name no class that could
change.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from visalign.attacks import scoring, stopping, tolerance
from visalign.attacks import store as attack_store
from visalign.attacks.alignment import HEADLINE
from visalign.attacks.protocol import benchmark, choose, in_order
from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.io.scores import Score, Source, rows_of, write_scores
from visalign.io.tables import write_table
from visalign.labels import spaces
from visalign.maps import agreement, alignment, saliency
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import definition, section
from visalign.zoo import inputs as zoo_inputs
from visalign.zoo import low_level
from visalign.zoo.inputs import Inputs

VERSIONS = {"perturb": 7, "score": 6, "curve": 7, "control": 1}
EXAMPLES = """\
  python -m visalign attacks perturb --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --pixels-manifest clickme.json --table clickme.csv --budget 40 \\
      --output attacks.zarr --manifest attacks.json
  python -m visalign attacks score --model lite0 --dataset clickme_simulated --perturbations attacks.zarr \\
      --perturbations-manifest attacks.json --table clickme.csv --transform 224x224-center-0.875-bicubic \\
      --maps maps.npz --ceilings ceilings.json --output attacks.csv --per-image attacks_images.csv
  python -m visalign attacks curve --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --table clickme.csv --transform 224x224-center-0.875-bicubic --maps maps.npz --ceilings ceilings.json \\
      --budgets 20 40 80 --output attacks_curve.csv
  python -m visalign attacks control --model edges --architecture edge-energy --dataset clickme_simulated \\
      --saliency saliency.zarr --saliency-manifest saliency.json --table clickme.csv \\
      --transform 224x224-center-0.875-bicubic --maps maps.npz --ceilings ceilings.json \\
      --output attacks.csv --per-image attacks_images.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign attacks``."""
    metavar = "perturb|score|curve|control"
    commands = parser.add_subparsers(dest="command", metavar=metavar, required=True)
    perturb = commands.add_parser("perturb", help="find and store perturbations")
    perturb.add_argument("--pixels-manifest", required=True, help="manifest of the stimuli (.json)")
    perturb.add_argument("--output", required=True, help="store to write (.zarr)")
    perturb.add_argument("--manifest", required=True, help="manifest to write (.json)")
    score = commands.add_parser("score", help="size and place of stored perturbations")
    score.add_argument("--perturbations", required=True, help="perturbation store (.zarr)")
    score.add_argument("--perturbations-manifest", required=True, help="its manifest (.json)")
    curve = commands.add_parser("curve", help="tolerance and alignment by budget; nothing is stored")
    curve.add_argument("--output", required=True, help="table to write, one row per budget (CSV)")
    control = commands.add_parser("control", help="compare importance maps as perturbations are compared")
    control.add_argument("--architecture", required=True, choices=low_level.GIVES, help="what it computes")
    control.add_argument("--saliency", required=True, help="store of its importance maps (.zarr)")
    control.add_argument("--saliency-manifest", required=True, help="its manifest (.json)")
    for command in (perturb, curve):
        command.add_argument("--card", required=True, help="card of the model")
        command.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
        command.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    for command in (score, control):
        command.add_argument("--model", required=True, help="name of the model")
        command.add_argument("--dataset", required=True, help="name of the map set")
        command.add_argument("--output", required=True, help="score rows to write (CSV)")
        command.add_argument("--per-image", required=True, help="per-image table to write (CSV)")
    for command in (score, curve, control):
        command.add_argument("--transform", required=True, help="transform of the attacked stimuli")
        command.add_argument("--maps", required=True, help="processed human maps (.npz)")
        command.add_argument("--ceilings", required=True, help="what maps ceilings wrote for the transform")
    for name, command in commands.choices.items():
        command.add_argument("--table", required=True, help="table of the stimulus set")
        add_settings(command, definition("maps"), name)
        add_settings(command, section("attacks"), name)
        add_seed(command)


def run(args: argparse.Namespace) -> None:
    """Find perturbations, score stored ones or what stands for them, or draw the curve against the budget."""
    {"perturb": perturb, "score": score, "curve": curve, "control": control}[args.command](args)


def perturb(args: argparse.Namespace) -> None:
    """Write the perturbation store of one (model, stimulus set), resuming with the images that it lacks."""
    from visalign.attacks import search

    inputs = read_inputs(args.card, args.table, args.pixels, args.target)
    draw = choose if args.precision is None else in_order
    labels, chosen = inputs.labels, draw(len(inputs.table), args.count, args.seed)
    identity = {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest, args.table),
        "count": args.count,
        "seed": args.seed,
        "budget": args.budget,
        "target": args.target,
        "version": VERSIONS["perturb"],
    } | ({} if args.precision is None else {"precision": args.precision})
    group = stores.open_partial(args.output, identity)
    size = search.batch_size(args.batch_size)
    within = search.searcher(inputs, labels, args.weights, args.target, size)
    enough = None if args.precision is None else partial(stopping.enough, precision=args.precision)
    shape = inputs.pixels.shape[1:]
    held = attack_store.attack(partial(within, (args.budget,)), chosen, shape, size, group, enough)
    attack_store.name_stimuli(group, list(inputs.table["stimulus_id"].iloc[chosen]), held)
    card = inputs.card
    origin = {"model": card["model"], "weights_sha256": card["sha256"], "target": args.target}
    stores.publish(args.output, args.manifest, stores.provenance(**origin, **spaces.provenance(card)))


def read_inputs(card: str, table: str, pixels: str, target: str) -> Inputs:
    """Read a model's card and its stimuli; refuse a model without superclasses where these must change."""
    inputs = zoo_inputs.read(card, table, pixels)
    if target == "superclass":
        spaces.check_imagenet(inputs.card, card)
    return inputs


def score(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (model, map set)."""
    table = tables.read(args.table)
    store = stores.open_store(args.perturbations)
    if (target := stores.attribute(store, "target")) != args.target:
        raise InputError(f"{args.perturbations}: target: {target!r} is not --target {args.target}")
    attacked = tables.rows_of(table, stores.strings(store), args.perturbations)
    spared = tables.rows_of(table, attack_store.spared(store), args.perturbations)
    found, delta = attack_store.read(store), stores.array(store, "delta")
    people, maps = agreement.read(args.ceilings, table), alignment.read_maps(args.maps, table)
    dimension, rng = int(np.prod(delta.shape[1:])), np.random.default_rng(args.seed)
    transform = Transform.from_key(args.transform)
    alignments = scoring.align(delta, found, maps, table, attacked, transform, spared)
    sizes = tolerance.summarise(found, dimension, rng, args.bootstrap) + tolerance.cost(found)
    places = scoring.places(alignments, people, rng, args.bootstrap, scoring.masked(found))
    said = stopping.remark(len(attacked), len(spared))
    sizes, places = stopping.remarked(sizes, said), stopping.remarked(places, said)
    # The images are real whatever the maps are, so only the place of a perturbation can be simulated.
    source = Source(
        model=args.model,
        benchmark=benchmark(args.dataset, args.target),
        simulated=False,
        seed=args.seed,
        version=VERSIONS["score"],
        inputs_hash=inputs_hash(args.perturbations_manifest, args.ceilings),
    )
    of_places = replace(source, simulated=args.simulated)
    write_table(args.per_image, scoring.per_image(table, found, attacked, alignments, dimension))
    write_scores(args.output, rows_of(sizes, source) + rows_of(places, of_places))


def curve(args: argparse.Namespace) -> None:
    """Write median tolerance and mean alignment of one model at several budgets.

    One search, that of the largest budget, tells what each finds. Images and maps of the chosen stimuli, and
    perturbations of every budget, are held in memory.
    """
    from visalign.attacks import search

    if not args.budgets:
        raise InputError("--budgets: needed: numbers of gradient evaluations")
    inputs = read_inputs(args.card, args.table, args.pixels, args.target)
    table, labels = inputs.table, inputs.labels
    chosen, transform = choose(len(table), args.count, args.seed), Transform.from_key(args.transform)
    size = search.batch_size(args.batch_size)
    within = search.searcher(inputs, labels, args.weights, args.target, size)
    people, maps = agreement.read(args.ceilings, table), alignment.read_maps(args.maps, table)
    with tqdm(total=len(chosen), desc=f"attacks {inputs.card['model']}", unit="image") as bar:
        results = within(args.budgets, chosen, lambda index, _: bar.update(len(index)))
    rows = []
    for budget, result in zip(args.budgets, results, strict=True):
        found, rng = vars(result), np.random.default_rng(args.seed)
        aligned = scoring.align(result.delta.numpy(), found, maps, table, chosen, transform)[HEADLINE]
        rows.append(scoring.at_budget(budget, found, aligned, people, rng))
    write_table(args.output, pd.DataFrame(rows))


def control(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (low-level model, map set)."""
    table = tables.read(args.table)
    people, store = agreement.read(args.ceilings, table), stores.open_store(args.saliency)
    tables.check_ids(store, table, args.saliency)
    importance = stores.array(store, saliency.METRICS[saliency.HEADLINE])
    maps, transform = alignment.read_maps(args.maps, table), Transform.from_key(args.transform)
    drawn = choose(len(table), args.count, args.seed)
    alignments = scoring.align_importance(importance, maps, table, drawn, transform)
    status = low_level.lacks(args.architecture, "classes")
    sizes = [Score(metric=tolerance.METRIC, status=str(status))]
    places = scoring.places(alignments, people, np.random.default_rng(args.seed), args.bootstrap)
    source = Source(
        model=args.model,
        benchmark=benchmark(args.dataset, args.target),
        simulated=False,
        seed=args.seed,
        version=VERSIONS["control"],
        inputs_hash=inputs_hash(args.saliency_manifest, args.ceilings),
    )
    of_places = replace(source, simulated=args.simulated)
    images = {"stimulus_id": table["stimulus_id"], **alignment.per_image(alignments, HEADLINE)}
    write_table(args.per_image, pd.DataFrame(images))
    write_scores(args.output, rows_of(sizes, source) + rows_of(places, of_places))
