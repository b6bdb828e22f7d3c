"""Stage simulate: recordings, clicks and answers with a known ground truth, in the public file formats.

What was planted goes to a data card that no other stage reads.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from PIL import Image

from visalign.errors import InputError, unknown
from visalign.io import stores
from visalign.io.files import write_json
from visalign.io.tables import read_table, write_table
from visalign.neural.grid import pooled
from visalign.recordings import arrays
from visalign.simulate import population
from visalign.simulate.population import Population
from visalign.stimuli import tables
from visalign.stimuli.images import read as read_image
from visalign.stimuli.transforms import Transform
from visalign.study.options import add_settings
from visalign.study.schemas import section

VERSIONS = {"recordings": 3, "grid": 4, "clicks": 3, "answers": 1}
EXAMPLES = """\
  python -m visalign simulate recordings --features scenes.zarr --fit-features scenes_fit.zarr \\
      --layer blocks.5 --table scenes.csv --output it.nc --truth it_truth.json
  python -m visalign simulate grid --features photographs.zarr --fit-features scenes_fit.zarr \\
      --layer blocks.3 --table photographs.csv --grid 7 --count 10 --output it.yaml --truth it_truth.json
  python -m visalign simulate clicks --saliency saliency.zarr --table photographs.csv \\
      --transform 260x260-center-0.89-bicubic --output clicks.npz --shards clickme.tfrecords \\
      --truth clicks_truth.json
  python -m visalign simulate answers --trials tasks/trials.csv --geometry tasks/geometry.json \\
      --tasks depth,vpt-basic --output answers.csv --truth answers_truth.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign simulate``."""
    commands = parser.add_subparsers(dest="command", metavar="recordings|grid|clicks|answers", required=True)
    recordings = commands.add_parser("recordings", help="responses to whole images")
    grid = commands.add_parser("grid", help="responses at grid positions of images")
    clicks = commands.add_parser("clicks", help="clicks of participants, and maps of these")
    answers = commands.add_parser("answers", help="answers of people to visual tasks")
    for command, output in (
        (recordings, "assembly to write (.nc)"),
        (grid, "card to write (.yaml); its arrays come beside it"),
        (clicks, "click log to write (.npz)"),
        (answers, "answers to write (.csv)"),
    ):
        command.add_argument("--name", default="simulated", help="name of the recording, map set or answers")
        if command is not answers:
            command.add_argument("--table", required=True, help="table of the stimulus set")
        command.add_argument("--output", required=True, help=output)
        command.add_argument("--truth", required=True, help="data card of what was planted (.json)")
    for name, command in (("recordings", recordings), ("grid", grid)):
        command.add_argument(
            "--features", required=True, help="the teacher's features of the stimuli (.zarr)"
        )
        command.add_argument(
            "--fit-features", required=True, help="the teacher's features of other stimuli (.zarr)"
        )
        add_settings(command, section("simulate.recordings"), name)
    clicks.add_argument("--saliency", required=True, help="the teacher's saliency of the stimuli (.zarr)")
    clicks.add_argument("--shards", required=True, help="ClickMe-format shard to write (.tfrecords)")
    clicks.add_argument("--transform", required=True, help="transform of the saliency's stimuli")
    add_settings(clicks, section("simulate.clicks"), "clicks")
    answers.add_argument(
        "--trials", required=True, help="trials that a generator of visual tasks wrote (.csv)"
    )
    answers.add_argument("--geometry", required=True, help="geometry of their images, beside them (.json)")
    add_settings(answers, section("simulate.answers"), "answers")


def population_of(args: argparse.Namespace) -> Population:
    """The population that is asked for."""
    return Population(
        name=args.name,
        neuroids=args.neuroids,
        dimensions=args.dimensions,
        repetitions=args.repetitions,
        windows=args.windows or {"70-170": args.reliability},
        seed=args.seed,
    )


def recordings(args: argparse.Namespace) -> None:
    """Write an assembly of the simulated IT population, and its truth."""
    from visalign.recordings import assembly

    sites = population_of(args)
    fit, shown = stores.open_store(args.fit_features), stores.open_store(args.features)
    table = tables.read(args.table)
    latent = population.project(
        stores.array(fit, args.layer), stores.array(shown, args.layer), sites.dimensions
    )
    assembly.write_assembly(
        args.output,
        sites.respond(latent),
        stimulus_id=list(table["stimulus_id"]),
        object_name=list(table["category"]),
        neuroid_id=sites.neuroid_ids,
        region=["IT"] * sites.neuroids,
        subject=["simulated"] * sites.neuroids,
        time_bins=sites.time_bins,
        attrs={"identifier": args.name, "simulated": 1},
    )
    write_json(args.truth, sites.planted(args.features, args.layer))


def grid(args: argparse.Namespace) -> None:
    """Write a simulated grid recording as plain arrays with a card, and its truth.

    A site reads the projection of the teacher's layer at each grid position of an image, as if the
    image were moved until that position falls on its receptive field.
    """
    sites = population_of(args)
    fit, shown = stores.open_store(args.fit_features), stores.open_store(args.features)
    fit_rows, rows = (
        pooled(stores.array(store, args.layer), args.grid, stores.attribute(store, "token_grid"))
        for store in (fit, shown)
    )
    n_images, cells = args.count or len(stores.strings(shown)), args.grid**2
    latent = population.project_rows(fit_rows, rows[: n_images * cells], sites.dimensions)
    place = {"image_id": np.repeat(stores.strings(shown)[:n_images], cells)}
    place |= {"grid_y": np.tile(np.repeat(np.arange(args.grid), args.grid), n_images)}
    place |= {"grid_x": np.tile(np.arange(args.grid), args.grid * n_images)}
    # (stimulus, repetition, neuroid, window) -> the axes of a card's array
    arrays.write_card(
        args.output,
        sites.respond(latent).transpose(0, 2, 1, 3).astype(np.float32),
        stimuli=place,
        neuroids={"neuroid_id": sites.neuroid_ids, "region": "IT", "subject": "simulated"},
        time_bins=sites.time_bins,
        identifier=args.name,
        simulated=True,
    )
    within = sites.within_image(latent, n_images)
    more = {"grid": args.grid, "images": n_images, "within_image_ceilings": within}
    write_json(args.truth, {**sites.planted(args.features, args.layer), **more})


def clicks(args: argparse.Namespace) -> None:
    """Write a click log, ClickMe-format records made from it, and the truth."""
    from visalign.maps import clicks as click_logs
    from visalign.simulate import clicks as simulated
    from visalign.stimuli import clickme

    crowd = simulated.Crowd(args.participants, args.clicks, args.idiosyncrasy)
    size = (simulated.SIDE, simulated.SIDE)
    table = tables.read(args.table)
    store = stores.open_store(args.saliency)
    tables.check_ids(store, table, args.saliency)
    transform = Transform.from_key(args.transform)
    densities, images = [], []
    for entry, saliency in zip(table.itertuples(), store["max_abs_gradient"], strict=True):  # type: ignore[arg-type]
        canvas = simulated.on_canvas(np.asarray(saliency), entry.height, entry.width, transform)  # type: ignore[arg-type]
        densities.append(simulated.shared_density(canvas, args.teacher_weight, args.sharpness))
        image = read_image(str(entry.path), getattr(entry, "background", "")).image
        images.append(np.asarray(image.resize(size, Image.Resampling.BICUBIC)))
    rng = np.random.default_rng(args.seed)
    names = [clickme.stimulus_id(args.name, index) for index in range(len(table))]  # as of the shard
    log = simulated.click_log(densities, names, crowd, rng)
    click_logs.write_log(args.output, **log)
    maps = click_logs.maps_from_log(args.output)
    clickme.write_clickme(args.shards, images, [maps[name] for name in names], list(table["label"]))
    ceiling, floor = simulated.planted_reliability(densities, crowd, args.seed)
    write_json(
        args.truth,
        {
            "simulated": True,
            "teacher_saliency": args.saliency,
            "teacher_weight": args.teacher_weight,
            "sharpness": args.sharpness,
            "participants": args.participants,
            "idiosyncrasy": args.idiosyncrasy,
            "split_half_reliability": ceiling,
            "split_half_floor": floor,
            "seed": args.seed,
        },
    )


def answers(args: argparse.Namespace) -> None:
    """Write answers of simulated people to visual tasks, and the truth: how often they are right, and κ."""
    from visalign.simulate import answers as simulated

    crowd = simulated.Crowd(args.participants, args.ability, args.slope, args.lapse, args.idiosyncrasy)
    trials = read_table(args.trials, required=("stimulus_id", "task", "label", "difficulty"), dtype=str)
    tables_of, truths = [], {}
    for task in [name.strip() for name in args.tasks.split(",")]:
        asked = trials[trials["task"] == task]
        if not len(asked):
            raise InputError(f"{args.trials}: task: {unknown(task, sorted(set(trials['task'])))}")
        margin = simulated.margins(asked, simulated.read_geometry(args.geometry), task)
        rng = np.random.default_rng([args.seed, *task.encode()])  # of no other task
        right, probability = simulated.right_answers(margin, crowd, rng)
        tables_of.append(simulated.table(asked, right))
        kappa = simulated.error_consistency(probability)
        truths[task] = {
            "trials": len(asked),
            "accuracy": float(probability.mean()),
            "error_consistency": kappa,
        }
    write_table(args.output, pd.concat(tables_of, ignore_index=True))
    write_json(args.truth, {"simulated": True, **crowd._asdict(), "seed": args.seed, "tasks": truths})


def run(args: argparse.Namespace) -> None:
    """Simulate recordings, grid recordings, clicks or answers."""
    {"recordings": recordings, "grid": grid, "clicks": clicks, "answers": answers}[args.command](args)
