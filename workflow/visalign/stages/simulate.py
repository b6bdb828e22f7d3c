"""Stage simulate: recordings and clicks with a known ground truth, in the public file formats.

What was planted goes to a data card that no other stage reads.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from PIL import Image

from visalign.io import stores
from visalign.io.files import write_json
from visalign.neural.grid import pooled
from visalign.recordings import arrays
from visalign.simulate import population
from visalign.simulate.population import Population
from visalign.stimuli import tables
from visalign.stimuli.images import read as read_image
from visalign.stimuli.transforms import Transform
from visalign.study.options import at_least

VERSIONS = {"recordings": 3, "maps": 3, "clicks": 3}
EXAMPLES = """\
  python -m visalign simulate recordings --features scenes.zarr --fit-features scenes_fit.zarr \\
      --layer blocks.5 --table scenes.csv --output it.nc --truth it_truth.json
  python -m visalign simulate clicks --saliency saliency.zarr --table photographs.csv \\
      --transform 260x260-center-0.89-bicubic --output clicks.npz --shards clickme.tfrecords \\
      --truth clicks_truth.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign simulate``."""
    parser.add_argument("what", choices=["recordings", "maps", "clicks"])
    parser.add_argument("--table", required=True, help="table of the stimulus set")
    parser.add_argument(
        "--output", required=True, help="recordings: assembly (.nc); maps: card (.yaml); clicks: log (.npz)"
    )
    parser.add_argument("--truth", required=True, help="data card of what was planted (.json)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="simulated", help="name of the recording or map set")
    recordings = parser.add_argument_group("recordings and maps")
    recordings.add_argument("--features", help="the teacher's features of the stimuli (.zarr)")
    recordings.add_argument("--fit-features", help="the teacher's features of other stimuli (.zarr)")
    recordings.add_argument("--layer", help="layer that the sites read")
    recordings.add_argument("--neuroids", type=at_least(1), default=60)
    recordings.add_argument("--dimensions", type=at_least(1), default=16, help="rank of the projection")
    recordings.add_argument("--repetitions", type=at_least(1), default=8)
    recordings.add_argument("--reliability", type=float, default=0.3, help="of a single trial")
    recordings.add_argument("--windows", type=json.loads, help='of each time window: {"51-90": 0.1} (JSON)')
    recordings.add_argument("--grid", type=at_least(1), help="maps: positions a side")
    recordings.add_argument(
        "--images", type=at_least(1), help="maps: the first so many images (default: all)"
    )
    clicks = parser.add_argument_group("clicks")
    clicks.add_argument("--saliency", help="the teacher's saliency of the stimuli (.zarr)")
    clicks.add_argument("--shards", help="ClickMe-format shard to write (.tfrecords)")
    clicks.add_argument("--transform", help="transform of the saliency's stimuli")
    clicks.add_argument("--teacher-weight", type=float, default=0.9, help="the rest is centre bias")
    clicks.add_argument("--sharpness", type=float, default=3.0, help="power of the smoothed saliency")
    clicks.add_argument("--participants", type=at_least(1), default=24, help="participants an image")
    clicks.add_argument(
        "--clicks", type=at_least(1), default=30, help="mean clicks of a participant on an image"
    )
    clicks.add_argument("--idiosyncrasy", type=float, default=0.2, help="weight of own preference")


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


def maps(args: argparse.Namespace) -> None:
    """Write a simulated map recording as plain arrays with a card, and its truth.

    A site reads the projection of the teacher's layer at each grid position of an image, as if the
    image were moved until that position falls on its receptive field.
    """
    sites = population_of(args)
    fit, shown = stores.open_store(args.fit_features), stores.open_store(args.features)
    fit_rows, rows = (
        pooled(stores.array(store, args.layer), args.grid, stores.attribute(store, "token_grid"))
        for store in (fit, shown)
    )
    n_images, cells = args.images or len(stores.strings(shown)), args.grid**2
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
    write_json(args.truth, sites.planted(args.features, args.layer) | more)


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


def run(args: argparse.Namespace) -> None:
    """Simulate recordings, map recordings or clicks."""
    {"recordings": recordings, "maps": maps, "clicks": clicks}[args.what](args)
