"""Stage attacks: the smallest L2 perturbation that changes the label, and where it falls.

``attacks perturb`` writes perturbations, each verified as stored; ``attacks score`` reads them and
human maps: perturbation tolerance (its size) and adversarial alignment (its place).
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm

from visalign import map_alignment, stimulus_tables, stores
from visalign.stats import bootstrap_interval
from visalign.tables import inputs_hash, read_json, score_row, write_scores, write_table
from visalign.transforms import Transform

VERSION = 2
EXAMPLES = """\
  python -m visalign attacks perturb --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --pixels-manifest clickme.json --table clickme.csv --budget 40 \\
      --output attacks.zarr --manifest attacks.json
  python -m visalign attacks score --model lite0 --dataset clickme_simulated --perturbations attacks.zarr \\
      --perturbations-manifest attacks.json --table clickme.csv --transform 224x224-center-0.875-bicubic \\
      --maps maps.npz --maps-card maps.json --output attacks.csv --images attacks_images.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign attacks``."""
    commands = parser.add_subparsers(dest="command", metavar="perturb|score", required=True)
    perturb = commands.add_parser("perturb", help="find and store perturbations")
    perturb.add_argument("--card", required=True, help="card of the model")
    perturb.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    perturb.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    perturb.add_argument("--pixels-manifest", required=True, help="their manifest (.json)")
    perturb.add_argument("--table", required=True, help="table of the stimulus set, with labels")
    perturb.add_argument("--images", type=int, help="attack this many stimuli (default: all)")
    perturb.add_argument("--seed", type=int, default=0, help="seed of the choice of stimuli")
    perturb.add_argument("--budget", type=int, default=60, help="gradient evaluations an image")
    perturb.add_argument("--batch-size", type=int, default=20, help="images attacked together")
    perturb.add_argument("--output", required=True, help="store to write (.zarr)")
    perturb.add_argument("--manifest", required=True, help="manifest to write (.json)")
    score = commands.add_parser("score", help="size and place of stored perturbations")
    score.add_argument("--model", required=True, help="name of the model")
    score.add_argument("--dataset", required=True, help="name of the map set")
    score.add_argument("--perturbations", required=True, help="perturbation store (.zarr)")
    score.add_argument("--perturbations-manifest", required=True, help="its manifest (.json)")
    score.add_argument("--table", required=True, help="table of the stimulus set")
    score.add_argument("--transform", required=True, help="transform of the attacked stimuli")
    score.add_argument("--maps", required=True, help="processed human maps (.npz)")
    score.add_argument("--maps-card", required=True, help="their card (.json)")
    score.add_argument("--simulated", choices=["true", "false"], default="false", help="whether the maps are")
    score.add_argument("--bootstrap", type=int, default=2000, help="bootstrap draws over images")
    score.add_argument("--seed", type=int, default=0)
    score.add_argument("--output", required=True, help="score rows to write (CSV)")
    score.add_argument("--images", required=True, help="per-image table to write (CSV)")


#: Per-image arrays beside the perturbations: attribute of the attack's result -> storage type.
PER_IMAGE = {
    "norm": np.float64,
    "largest_tried_norm": np.float64,
    "adversarial_label": np.int64,
    "clean_correct": np.bool_,
    "success": np.bool_,
    "gradient_evaluations": np.int64,
    "forward_evaluations": np.int64,
}


def perturb(args: argparse.Namespace) -> None:
    """Write the perturbation store of one (model, stimulus set), resuming after the last batch."""
    card = read_json(args.card)
    table = stimulus_tables.read(args.table)
    labels = stimulus_tables.labels(table, card["num_classes"], args.table)
    store = stores.open_store(args.pixels)
    stimulus_tables.check_ids(store, table, args.pixels)
    identity = {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest, args.table),
        "images": args.images,
        "seed": args.seed,
        "budget": args.budget,
        "batch_size": args.batch_size,
        "version": VERSION,
    }
    chosen = choose(len(table), args.images, args.seed)
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", list(table["stimulus_id"].iloc[chosen]), "stimulus")
    attack(card, args, stores.array(store, "pixels"), labels, chosen, group)
    stores.publish(
        args.output, args.manifest, stores.provenance(model=card["model"], weights_sha256=card["sha256"])
    )


def choose(n: int, images: int | None, seed: int) -> np.ndarray:
    """Rows of the stimuli that are attacked, sorted: all `n`, or `images` of them, alike for every model."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:images])


def attack(
    card: dict[str, Any],
    args: argparse.Namespace,
    pixels: zarr.Array,
    labels: np.ndarray,
    chosen: np.ndarray,
    group: zarr.Group,
) -> None:
    """Attack the chosen stimuli that the partial store does not hold yet, a batch at a time."""
    import torch

    from visalign import batches, minimum_norm, network

    model = network.Normalised(network.load(card, args.weights), card["data_config"])
    start, size = stores.attribute(group, "complete", 0), args.batch_size
    if start == 0:
        dims = ("stimulus", "channel", "y", "x")
        stores.create_array(group, "delta", (len(chosen), *pixels.shape[1:]), np.float16, dims, rows=size)
        for name, dtype in PER_IMAGE.items():
            stores.create_array(group, name, (len(chosen),), dtype, ("stimulus",), rows=size)
    with tqdm(total=len(chosen), initial=start, desc=f"attacks {card['model']}", unit="image") as bar:
        for first in range(start, len(chosen), size):
            rows = slice(first, min(first + size, len(chosen)))
            images = batches.from_uint8(pixels.get_orthogonal_selection((chosen[rows],)))  # type: ignore[arg-type]
            targets = torch.as_tensor(labels[chosen[rows]], device=images.device)
            result = minimum_norm.minimum_norm(model, images, targets, budget=args.budget, batch_size=size)
            stores.array(group, "delta")[rows] = result.delta.numpy()
            for name, dtype in PER_IMAGE.items():
                stores.array(group, name)[rows] = getattr(result, name).astype(dtype)
            group.attrs["complete"] = rows.stop
            bar.update(rows.stop - rows.start)


def tolerance_entries(
    per_image: dict[str, np.ndarray], dimension: int, rng: np.random.Generator, draws: int
) -> list[dict[str, Any]]:
    """Perturbation tolerance: mean, median and per √dimension of the L2 norms.

    Parameters
    ----------
    per_image : dict of ndarray, shape (n,)
        ``norm`` and ``largest_tried_norm`` (in units of [0, 1] pixels), ``success``,
        ``clean_correct``. A clean-correct image without success is censored at the largest norm
        tried, and counted in the status.
    dimension : int
        Input values (channels × height × width).
    """
    clean, success = per_image["clean_correct"], per_image["success"]
    norms = np.where(success, per_image["norm"], per_image["largest_tried_norm"])[clean]
    counts = {"convention": "l2", "n": len(norms), "n_excluded": int((~clean).sum())}
    censored = int((clean & ~success).sum())
    status = f"ok, {censored} of {len(norms)} censored at the largest tried norm" if censored else "ok"
    entries = []
    for metric, statistic, values in (
        ("perturbation_tolerance", np.mean, norms),
        ("perturbation_tolerance_median", np.median, norms),
        ("perturbation_tolerance_per_sqrt_dimension", np.mean, norms * dimension**-0.5),
    ):
        found: dict[str, Any] = {"value": None, "status": "no clean-correct image to attack"}
        if len(values):
            low, high = bootstrap_interval(values, statistic, rng=rng, draws=draws)
            found = {"value": float(statistic(values)), "ci_low": low, "ci_high": high, "status": status}
        entries.append({"metric": metric} | counts | found)
    return entries


def placed_maps(delta: zarr.Array, success: np.ndarray) -> np.ndarray:
    """L2 norm over channels of each perturbation, (n, height, width) float32; 0 without success."""
    maps = np.zeros((delta.shape[0], *delta.shape[2:]), np.float32)
    for index in np.flatnonzero(success).tolist():
        maps[index] = np.linalg.norm(np.asarray(delta[index], dtype=np.float32), axis=0)
    return maps


def place(
    delta: zarr.Array, per_image: dict[str, np.ndarray], human: np.ndarray, rng: np.random.Generator
) -> map_alignment.Alignment:
    """Compare where perturbations fall with human maps (n, height, width)."""
    alignment = map_alignment.align(placed_maps(delta, per_image["success"]), human, rng)
    flags = zip(alignment.reason, per_image["success"], per_image["clean_correct"], strict=True)
    reasons = [r if hit else "no perturbation" if right else "not clean-correct" for r, hit, right in flags]
    return map_alignment.Alignment(alignment.rho, alignment.floor, reasons)


def score(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (model, map set)."""
    table = stimulus_tables.read(args.table)
    store = stores.open_store(args.perturbations)
    maps = map_alignment.read_maps(args.maps, table)
    attacked = stimulus_tables.rows_of(table, stores.strings(store), args.perturbations)
    table, maps = table.iloc[attacked], maps[attacked]
    per_image = {name: stores.values(store, name) for name in PER_IMAGE}
    delta = stores.array(store, "delta")
    rng = np.random.default_rng(args.seed)
    tolerance = tolerance_entries(per_image, int(np.prod(delta.shape[1:])), rng, args.bootstrap)
    human = map_alignment.at_input(maps, table, Transform.from_key(args.transform))
    alignment = place(delta, per_image, human, rng)
    ceiling = read_json(args.maps_card)["ceiling"]["value"]
    aligned = map_alignment.summarise(alignment, ceiling, rng, args.bootstrap).values()
    common = {
        "model": args.model,
        "benchmark": f"attacks/{args.dataset}",
        "seed": args.seed,
        "version": VERSION,
        "inputs_hash": inputs_hash(args.perturbations_manifest, args.maps_card),
    }
    # The images are real whatever the maps are, so only the place of a perturbation can be simulated.
    simulated = args.simulated == "true"
    rows = [score_row(simulated=False, **common, **entry) for entry in tolerance]
    rows += [
        score_row(metric="adversarial_alignment", simulated=simulated, **common, **entry) for entry in aligned
    ]
    compared = {"rho": alignment.rho, "floor": alignment.floor, "reason": alignment.reason}
    write_table(
        args.images, pd.DataFrame({"stimulus_id": list(table["stimulus_id"]), **per_image, **compared})
    )
    write_scores(args.output, rows)


def run(args: argparse.Namespace) -> None:
    """Find perturbations, or score stored ones."""
    (perturb if args.command == "perturb" else score)(args)
