"""Stage simulate: recordings and clicks with a known ground truth, in the public file formats.

What was planted goes to a data card that no other stage reads.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from visalign.io import stores
from visalign.io.files import write_json
from visalign.neural.grid import pooled
from visalign.recordings import arrays
from visalign.simulate import population
from visalign.stats.correlations import ranks, spearman_brown
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
#: Side of the images and maps of ClickMe, in pixels.
SIDE = 256
#: Standard deviations in pixels: of the blur of the saliency, and of the Gaussians of the centre bias and of
#: a participant's own spot.
SMOOTHING, CENTRE, SPOT = SIDE / 100, SIDE / 5, SIDE / 8


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


def recordings(args: argparse.Namespace) -> None:
    """Write an assembly of the simulated IT population, and its truth."""
    from visalign.recordings import assembly

    fit, shown = stores.open_store(args.fit_features), stores.open_store(args.features)
    table = tables.read(args.table)
    latent = population.project(
        stores.array(fit, args.layer), stores.array(shown, args.layer), args.dimensions
    )
    responses = respond(latent, args)
    assembly.write_assembly(
        args.output,
        responses,
        stimulus_id=list(table["stimulus_id"]),
        object_name=list(table["category"]),
        neuroid_id=neuroid_ids(args),
        region=["IT"] * args.neuroids,
        subject=["simulated"] * args.neuroids,
        time_bins=time_bins(args),
        attrs={"identifier": args.name, "simulated": 1},
    )
    write_json(args.truth, planted(args))


def maps(args: argparse.Namespace) -> None:
    """Write a simulated map recording as plain arrays with a card, and its truth.

    A site reads the projection of the teacher's layer at each grid position of an image, as if the
    image were moved until that position falls on its receptive field.
    """
    fit, shown = stores.open_store(args.fit_features), stores.open_store(args.features)
    fit_rows, rows = (
        pooled(stores.array(store, args.layer), args.grid, stores.attribute(store, "token_grid"))
        for store in (fit, shown)
    )
    n_images, cells = args.images or len(stores.strings(shown)), args.grid**2
    latent = population.project_rows(fit_rows, rows[: n_images * cells], args.dimensions)
    place = {"image_id": np.repeat(stores.strings(shown)[:n_images], cells)}
    place |= {"grid_y": np.tile(np.repeat(np.arange(args.grid), args.grid), n_images)}
    place |= {"grid_x": np.tile(np.arange(args.grid), args.grid * n_images)}
    # (stimulus, repetition, neuroid, window) -> the axes of a card's array
    responses = respond(latent, args).transpose(0, 2, 1, 3).astype(np.float32)
    arrays.write_card(
        args.output,
        responses,
        stimuli=place,
        neuroids={"neuroid_id": neuroid_ids(args), "region": "IT", "subject": "simulated"},
        time_bins=time_bins(args),
        identifier=args.name,
        simulated=True,
    )
    signal = population.mix(latent, args.neuroids, np.random.default_rng(args.seed))
    within = {
        name: population.within_image_reliability(signal, n_images, reliability, args.repetitions)
        for name, reliability in windows(args).items()
    }
    more = {"grid": args.grid, "images": n_images, "within_image_ceilings": within}
    write_json(args.truth, planted(args) | more)


def windows(args: argparse.Namespace) -> dict[str, float]:
    """Single-trial reliability of each time window."""
    return args.windows or {"70-170": args.reliability}


def time_bins(args: argparse.Namespace) -> list[tuple[float, float]]:
    """Start and end of each window in ms."""
    return [tuple(map(float, name.split("-"))) for name in windows(args)]  # type: ignore[misc]


def neuroid_ids(args: argparse.Namespace) -> list[str]:
    """Names of the sites."""
    return [f"{args.name}-{index:03d}" for index in range(args.neuroids)]


def respond(latent: np.ndarray, args: argparse.Namespace) -> np.ndarray:
    """Responses (stimulus, repetition, neuroid, window): one signal, noise of each window's own."""
    rng = np.random.default_rng(args.seed)
    signal = population.mix(latent, args.neuroids, rng)
    trials = [population.noisy(signal, args.repetitions, r, rng) for r in windows(args).values()]
    return np.stack(trials, axis=-1)


def planted(args: argparse.Namespace) -> dict[str, Any]:
    """What was planted in a recording."""
    ceilings = {
        name: float(spearman_brown(np.array(reliability), args.repetitions))
        for name, reliability in windows(args).items()
    }
    return {
        "simulated": True,
        "teacher_features": args.features,
        "layer": args.layer,
        "dimensions": args.dimensions,
        "single_trial_reliability": windows(args),
        "ceilings": ceilings,
        "repetitions": args.repetitions,
        "seed": args.seed,
    }


def on_canvas(saliency: np.ndarray, height: int, width: int, transform: Transform) -> np.ndarray:
    """Put a saliency map of a cropped image back where the crop was, on a SIDE × SIDE map.

    Parameters
    ----------
    saliency : ndarray, shape (crop_height, crop_width)
    height, width : int
        Size of the original image, all of which the map shows.
    """
    resized = transform.resized_size(height, width)
    left, upper, right, lower = transform.crop_box(*resized)
    canvas = np.zeros(resized, np.float32)
    rows = slice(max(upper, 0), min(lower, resized[0]))  # without the padding
    columns = slice(max(left, 0), min(right, resized[1]))
    canvas[rows, columns] = saliency[
        rows.start - upper : rows.stop - upper, columns.start - left : columns.stop - left
    ]
    return np.asarray(Image.fromarray(canvas).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def normalised(density: np.ndarray) -> np.ndarray:
    """Scale a nonnegative map to sum 1."""
    return density / density.sum()


def gaussian(row: float, column: float, sigma: float) -> np.ndarray:
    """Gaussian spot around a pixel, (SIDE, SIDE), of sum 1."""
    rows, columns = (np.exp(-((np.arange(SIDE) - at) ** 2) / (2 * sigma**2)) for at in (row, column))
    return normalised(np.outer(rows, columns))


def shared_density(saliency: np.ndarray, teacher_weight: float, sharpness: float) -> np.ndarray:
    """Where people click: a power of the smoothed saliency mixed with centre bias.

    The power counters how flat gradients are once people's clicks are blurred: without it the maps of all
    images look alike, and other images' maps agree with people nearly as well as people themselves.

    Parameters
    ----------
    saliency : ndarray, shape (SIDE, SIDE)
        Nonnegative.

    Returns
    -------
    ndarray, shape (SIDE, SIDE)
        Sums to 1.
    """
    smooth = gaussian_filter(saliency.astype(np.float64), SMOOTHING)
    salient = normalised(smooth**sharpness)
    centre = gaussian((SIDE - 1) / 2, (SIDE - 1) / 2, CENTRE)
    return teacher_weight * salient + (1 - teacher_weight) * centre


def participant_clicks(
    density: np.ndarray, idiosyncrasy: float, mean_clicks: int, rng: np.random.Generator
) -> np.ndarray:
    """Clicks (k, 2) as x, y pixels of one participant: the shared density and an own spot anywhere."""
    row, column = rng.uniform(size=2) * SIDE
    own = gaussian(row, column, SPOT)
    mixture = (1 - idiosyncrasy) * density + idiosyncrasy * own
    count = 2 + rng.poisson(max(mean_clicks - 2, 0))
    flat = rng.choice(mixture.size, size=count, p=mixture.ravel() / mixture.sum())
    return np.stack([flat % SIDE, flat // SIDE], axis=1).astype(np.float32)


def click_log(
    densities: list[np.ndarray], names: list[str], args: argparse.Namespace, rng: np.random.Generator
) -> dict[str, Any]:
    """Simulate a click log, with some entries of the kinds that the reader must filter.

    Besides `participants` good participants an image there are one inattentive participant,
    one on a mobile device and one who repeats an image.
    """
    log: dict[str, list[Any]] = {
        k: [] for k in ("file_pointer", "clicks", "user_id", "user_catch_trial", "is_mobile")
    }

    def add(name: str, clicks: np.ndarray, user: str, catch: float, mobile: bool) -> None:
        for key, value in zip(log, (name, clicks, user, catch, mobile), strict=True):
            log[key].append(value)

    uniform = np.full((SIDE, SIDE), 1 / SIDE**2)
    for name, density in zip(names, densities, strict=True):
        for index in range(args.participants):
            clicks = participant_clicks(density, args.idiosyncrasy, args.clicks, rng)
            add(name, clicks, f"participant-{index:03d}", 1.0, False)
        for user, catch, mobile in (
            ("inattentive", 0.5, False),
            ("mobile", 1.0, True),
            ("participant-000", 1.0, False),
        ):
            add(name, participant_clicks(uniform, args.idiosyncrasy, args.clicks, rng), user, catch, mobile)
    return log


def planted_reliability(
    densities: list[np.ndarray], args: argparse.Namespace, draws: int = 8
) -> tuple[float, float | None]:
    """Expected Spearman ρ between maps of two fresh groups of half the participants: ceiling and floor.

    Drawn anew from the planted densities, independently of the log: what the ceiling and floor of a log's
    participants estimate.

    Returns
    -------
    ceiling, floor : float
        Groups that saw the same image, and groups that saw different images (None with one image).
    """
    rng = np.random.default_rng([args.seed, 1])
    n, half = len(densities), args.participants // 2
    rho = np.zeros((n, n))
    for _ in range(draws):
        first, second = (processed_maps(densities, half, args, rng) for _group in range(2))
        rho += np.corrcoef(ranks(first), ranks(second))[:n, n:] / draws
    floor = float(rho[~np.eye(n, dtype=bool)].mean()) if n > 1 else None
    return float(np.diag(rho).mean()), floor


def processed_maps(
    densities: list[np.ndarray], participants: int, args: argparse.Namespace, rng: np.random.Generator
) -> np.ndarray:
    """Processed map of a new group of participants on each image, (n_images, n_pixels)."""
    from visalign.maps import clicks as click_logs
    from visalign.maps import processing

    maps = []
    for density in densities:
        group = [
            participant_clicks(density, args.idiosyncrasy, args.clicks, rng) for _ in range(participants)
        ]
        maps.append(click_logs.group_map(group))
    return processing.process(np.stack(maps)).reshape(len(maps), -1)


def clicks(args: argparse.Namespace) -> None:
    """Write a click log, ClickMe-format records made from it, and the truth."""
    from visalign.maps import clicks as click_logs
    from visalign.stimuli import clickme

    table = tables.read(args.table)
    store = stores.open_store(args.saliency)
    tables.check_ids(store, table, args.saliency)
    transform = Transform.from_key(args.transform)
    densities, images = [], []
    for entry, saliency in zip(table.itertuples(), store["max_abs_gradient"], strict=True):  # type: ignore[arg-type]
        canvas = on_canvas(np.asarray(saliency), entry.height, entry.width, transform)  # type: ignore[arg-type]
        densities.append(shared_density(canvas, args.teacher_weight, args.sharpness))
        image = read_image(str(entry.path), getattr(entry, "background", "")).image
        images.append(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
    rng = np.random.default_rng(args.seed)
    names = [clickme.stimulus_id(args.name, index) for index in range(len(table))]  # as of the shard
    log = click_log(densities, names, args, rng)
    click_logs.write_log(args.output, **log)
    maps = click_logs.maps_from_log(args.output)
    clickme.write_clickme(args.shards, images, [maps[name] for name in names], list(table["label"]))
    ceiling, floor = planted_reliability(densities, args)
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
