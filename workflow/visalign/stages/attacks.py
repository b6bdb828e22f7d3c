"""Stage attacks: the smallest L2 perturbation that changes the answer, and where it falls.

``attacks perturb`` writes perturbations, each verified as stored; ``attacks score`` reads them and
human maps: perturbation tolerance (its size) and adversarial alignment (its place). ``attacks curve``
tells how both depend on the budget.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm

from visalign.attacks import alignment as adversarial_alignment
from visalign.attacks import masking, tolerance
from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import inputs_hash, read_json
from visalign.io.scores import score_row, write_scores
from visalign.io.tables import write_table
from visalign.labels import spaces
from visalign.maps import agreement, revelation, scores
from visalign.maps import alignment as map_alignment
from visalign.maps.alignment import Alignment
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import at_least
from visalign.zoo.device import device

if TYPE_CHECKING:
    from visalign.attacks.minimum_norm import Finished, MinimumNorm

VERSIONS = {"perturb": 6, "score": 6, "curve": 6}
EXAMPLES = """\
  python -m visalign attacks perturb --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --pixels-manifest clickme.json --table clickme.csv --budget 40 \\
      --output attacks.zarr --manifest attacks.json
  python -m visalign attacks score --model lite0 --dataset clickme_simulated --perturbations attacks.zarr \\
      --perturbations-manifest attacks.json --table clickme.csv --transform 224x224-center-0.875-bicubic \\
      --maps maps.npz --ceilings ceilings.json --output attacks.csv --images attacks_images.csv
  python -m visalign attacks curve --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --table clickme.csv --transform 224x224-center-0.875-bicubic --maps maps.npz --ceilings ceilings.json \\
      --budgets 20 40 80 --output attacks_curve.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign attacks``."""
    commands = parser.add_subparsers(dest="command", metavar="perturb|score|curve", required=True)
    perturb = commands.add_parser("perturb", help="find and store perturbations")
    perturb.add_argument("--pixels-manifest", required=True, help="manifest of the stimuli (.json)")
    perturb.add_argument(
        "--budget", type=at_least(MIN_BUDGET), default=60, help="gradient evaluations an image"
    )
    perturb.add_argument("--output", required=True, help="store to write (.zarr)")
    perturb.add_argument("--manifest", required=True, help="manifest to write (.json)")
    score = commands.add_parser("score", help="size and place of stored perturbations")
    score.add_argument("--model", required=True, help="name of the model")
    score.add_argument("--dataset", required=True, help="name of the map set")
    score.add_argument("--perturbations", required=True, help="perturbation store (.zarr)")
    score.add_argument("--perturbations-manifest", required=True, help="its manifest (.json)")
    score.add_argument("--simulated", choices=["true", "false"], default="false", help="whether the maps are")
    score.add_argument("--bootstrap", type=at_least(1), default=2000, help="bootstrap draws over images")
    score.add_argument("--output", required=True, help="score rows to write (CSV)")
    score.add_argument("--images", required=True, help="per-image table to write (CSV)")
    curve = commands.add_parser("curve", help="tolerance and alignment by budget; nothing is stored")
    curve.add_argument(
        "--budgets", type=at_least(MIN_BUDGET), nargs="+", required=True, help="gradient evaluations an image"
    )
    curve.add_argument("--output", required=True, help="table to write, a row a budget (CSV)")
    for command in (perturb, curve):
        command.add_argument("--card", required=True, help="card of the model")
        command.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
        command.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
        command.add_argument("--images", type=at_least(1), help="attack this many stimuli (default: all)")
        command.add_argument("--batch-size", type=at_least(1),
                             help="images attacked together (default: two calls of the network)")  # fmt: skip
    for command in (score, curve):
        command.add_argument("--transform", required=True, help="transform of the attacked stimuli")
        command.add_argument("--maps", required=True, help="processed human maps (.npz)")
        command.add_argument("--ceilings", required=True, help="what maps-ceilings wrote for the transform")
    for command in (perturb, score, curve):
        command.add_argument("--table", required=True, help="table of the stimulus set")
        command.add_argument("--target", choices=TARGETS, default="label", help="what has to change")
        command.add_argument("--seed", type=int, default=0)


#: `minimum_norm.MIN_BUDGET`, without its imports.
MIN_BUDGET = 12
#: What a perturbation has to change: the label, or whether it is one of an animal (ImageNet's first classes).
TARGETS = ("label", "superclass")
#: Stimuli a file of perturbations, and of the other arrays. A file is written again for each of its stimuli:
#: 7 ms for the perturbation at 224 pixels, 2 ms for each other array.
SHARD, VALUES_SHARD = 8, 1024
#: Per-image arrays beside the perturbations: attribute of the attack's result -> storage type, and the value
#: of a stimulus that was not drawn.
PER_IMAGE = {
    "norm": (np.float64, np.nan),
    "largest_tried_norm": (np.float64, 0),
    "adversarial_label": (np.int64, -1),
    "clean_correct": (np.bool_, False),
    "success": (np.bool_, False),
    "first_order_distance": (np.float64, np.nan),
    "gradient_vanished": (np.bool_, False),
    "gradients_not_finite": (np.int64, 0),
    "reproduced": (np.bool_, True),
    "gradient_evaluations": (np.int64, 0),
    "forward_evaluations": (np.int64, 0),
}
#: Array that is created and written last: 0 where a partial store does not hold a stimulus, else at least 1.
DONE = "forward_evaluations"


def run(args: argparse.Namespace) -> None:
    """Find perturbations, score stored ones, or draw the curve of both against the budget."""
    {"perturb": perturb, "score": score, "curve": curve}[args.command](args)


# --- perturb ---


def perturb(args: argparse.Namespace) -> None:
    """Write the perturbation store of one (model, stimulus set), resuming with the images that it lacks."""
    card, table = read_json(args.card), tables.read(args.table)
    store, labels = stimuli(args, card, table)
    pixels, chosen = stores.array(store, "pixels"), choose(len(table), args.images, args.seed)
    identity = {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest, args.table),
        "images": args.images,
        "seed": args.seed,
        "budget": args.budget,
        "target": args.target,
        "version": VERSIONS["perturb"],
    }
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", list(table["stimulus_id"].iloc[chosen]), "stimulus")
    search = searcher(args, card, pixels, labels)
    attack(partial(search, args.budget), chosen, pixels.shape[1:], batch_size(args), group)
    origin = {"model": card["model"], "weights_sha256": card["sha256"], "target": args.target}
    stores.publish(args.output, args.manifest, stores.provenance(**origin, **spaces.provenance(card)))


def stimuli(
    args: argparse.Namespace, card: dict[str, Any], table: pd.DataFrame
) -> tuple[zarr.Group, np.ndarray]:
    """Store of the stimuli of a table and their labels (n,); refuse those that the model cannot have."""
    if args.target == "superclass":
        spaces.check_imagenet(card, args.card)
    labels = tables.labels(table, spaces.classes(card, args.card), args.table)
    store = stores.open_store(args.pixels)
    tables.check_ids(store, table, args.pixels)
    return store, labels


def choose(n: int, images: int | None, seed: int) -> np.ndarray:
    """Rows of the stimuli that are attacked, sorted: all `n`, or `images` of them, alike for every model."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:images])


def batch_size(args: argparse.Namespace) -> int:
    """Images to attack together: as asked, or two calls of the network, so that few rows idle at the end."""
    from visalign.attacks.minimum_norm import ROWS_PER_CALL

    return args.batch_size or 2 * ROWS_PER_CALL[device().type]


def searcher(
    args: argparse.Namespace, card: dict[str, Any], pixels: zarr.Array, labels: np.ndarray
) -> Callable[..., MinimumNorm]:
    """Return the search, within a budget, for the perturbations of some rows of the stimuli."""
    import torch

    from visalign.attacks import minimum_norm
    from visalign.zoo import network
    from visalign.zoo import pixels as batches

    model = network.Normalised(network.load(card, args.weights), card["data_config"])
    superclass = torch.arange(spaces.classes(card, args.card)).ge(revelation.N_ANIMALS).long()
    groups = superclass if args.target == "superclass" else None

    def search(budget: int, rows: np.ndarray, finished: Finished | None = None) -> MinimumNorm:
        images = batches.from_uint8(pixels.get_orthogonal_selection((rows,)))  # type: ignore[arg-type]
        targets = torch.as_tensor(labels[rows], device=images.device)
        return minimum_norm.minimum_norm(
            model,
            images,
            targets,
            budget=budget,
            batch_size=batch_size(args),
            groups=groups,
            finished=finished,
        )

    return search


def attack(
    search: Callable[[np.ndarray, Finished], object],
    chosen: np.ndarray,
    shape: tuple[int, ...],
    size: int,
    group: zarr.Group,
) -> None:
    """Attack the chosen stimuli that the partial store lacks, and write each perturbation once it is found.

    Memory holds the search of `size` images at a time, and their results.
    """
    if DONE not in group:
        dims = ("stimulus", "channel", "y", "x")
        stores.create_array(group, "delta", (len(chosen), *shape), np.float16, dims, rows=SHARD)
        for name, (dtype, _) in PER_IMAGE.items():
            stores.create_array(group, name, chosen.shape, dtype, ("stimulus",), rows=VALUES_SHARD)
    arrays = {name: stores.array(group, name) for name in ("delta", *PER_IMAGE)}
    missing = np.flatnonzero(stores.values(group, DONE) == 0)
    done = len(chosen) - len(missing)
    with tqdm(total=len(chosen), initial=done, desc="attacks", unit="image") as bar:
        for first in range(0, len(missing), size):
            rows = missing[first : first + size]
            search(chosen[rows], partial(write_found, arrays, bar, rows))


def write_found(
    arrays: dict[str, zarr.Array], bar: tqdm, rows: np.ndarray, index: np.ndarray, found: MinimumNorm
) -> None:
    """Write what was found for the images `index` of a batch, whose place in the store is `rows`."""
    for row, delta in zip(rows[index].tolist(), found.delta.numpy(), strict=True):
        arrays["delta"][row] = delta
    for name in PER_IMAGE:
        arrays[name].oindex[rows[index]] = getattr(found, name)
    bar.update(len(index))


# --- score ---


def score(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (model, map set)."""
    table = tables.read(args.table)
    store = stores.open_store(args.perturbations)
    if (target := stores.attribute(store, "target")) != args.target:
        raise InputError(f"{args.perturbations}: target: {target!r} is not --target {args.target}")
    attacked = tables.rows_of(table, stores.strings(store), args.perturbations)
    found = {name: stores.values(store, name) for name in PER_IMAGE}
    delta, rng = stores.array(store, "delta"), np.random.default_rng(args.seed)
    dimension = int(np.prod(delta.shape[1:]))
    people = agreement.read(args.ceilings, table)
    alignments = {
        metric: in_table(alignment, attacked, len(table), found)
        for metric, alignment in align(args, delta, table, attacked).items()
    }
    common = {
        "model": args.model,
        "benchmark": f"attacks/{args.dataset}" + (f"/{args.target}" if args.target != "label" else ""),
        "seed": args.seed,
        "version": VERSIONS["score"],
        "inputs_hash": inputs_hash(args.perturbations_manifest, args.ceilings),
    }
    # The images are real whatever the maps are, so only the place of a perturbation can be simulated.
    entries = tolerance.entries(found, dimension, rng, args.bootstrap) + tolerance.cost(found)
    rows = [score_row(simulated=False, **common, **entry) for entry in entries]
    simulated, reason = args.simulated == "true", masked(found)
    for metric, alignment in alignments.items():
        for entry in scores.summarise(alignment, people, rng, args.bootstrap).values():
            entry["n_excluded"] -= len(table) - len(attacked)  # those that were not drawn
            if reason:
                entry |= {"value": None, "ci_low": None, "ci_high": None, "status": reason}
            rows.append(score_row(metric=metric, simulated=simulated, **common, **entry))
    per_image = {
        name: spread(found[name], attacked, len(table), fill) for name, (_, fill) in PER_IMAGE.items()
    }
    images = pd.DataFrame({"stimulus_id": table["stimulus_id"], **per_image})
    images.insert(2, "rms", images["norm"] * dimension**-0.5)
    images = images.assign(**map_alignment.per_image(alignments))
    drawn = images["reason"] != "not drawn"
    images["clean_correct"] = images["clean_correct"].astype("boolean").where(drawn)
    write_table(args.images, images)
    write_scores(args.output, rows)


def masked(found: Mapping[str, np.ndarray]) -> str | None:
    """Why perturbations of stimuli, some misnamed, are not the smallest of their model, or None."""
    return masking.reason({name: found[name][found["clean_correct"]] for name in masking.SIGNS})


def spread(values: np.ndarray, attacked: np.ndarray, n: int, fill: float) -> np.ndarray:
    """Put values of attacked stimuli at their rows of a table of `n`, whose other rows are `fill`."""
    whole = np.full(n, fill, dtype=values.dtype)
    whole[attacked] = values
    return whole


def in_table(
    alignment: Alignment, attacked: np.ndarray, n: int, found: Mapping[str, np.ndarray]
) -> Alignment:
    """Alignment of all `n` stimuli of the table, from that of the drawn ones, or the reason for none."""
    placed = alignment.placed(attacked, n, "not drawn")
    for row, clean in zip(
        attacked[~found["success"]], found["clean_correct"][~found["success"]], strict=True
    ):
        placed.reason[row] = "no perturbation" if clean else "not clean-correct"
    return placed


def align(
    args: argparse.Namespace,
    delta: zarr.Array | np.ndarray,
    table: pd.DataFrame,
    attacked: np.ndarray,
) -> dict[str, Alignment]:
    """Compare where perturbations of attacked stimuli fall with their human maps."""
    maps, transform = map_alignment.read_maps(args.maps, table)[attacked], Transform.from_key(args.transform)
    table = table.iloc[attacked]
    return adversarial_alignment.align(
        delta, lambda rows: map_alignment.at_input(maps[rows], table.iloc[rows], transform)
    )


# --- curve ---


def curve(args: argparse.Namespace) -> None:
    """Write median tolerance and mean alignment of one model at several budgets.

    Every budget attacks anew; images, perturbations and maps of the chosen stimuli are held in memory.
    """
    card, table = read_json(args.card), tables.read(args.table)
    store, labels = stimuli(args, card, table)
    chosen = choose(len(table), args.images, args.seed)
    search = searcher(args, card, stores.array(store, "pixels"), labels)
    people, rows = agreement.read(args.ceilings, table), []
    for budget in tqdm(args.budgets, desc=f"attacks {card['model']}", unit="budget"):
        result, rng = search(budget, chosen), np.random.default_rng(args.seed)
        found = align(args, result.delta.numpy(), table, chosen)[adversarial_alignment.HEADLINE]
        alignment = found.placed(chosen, len(table), "not drawn")
        aligned = scores.summarise(alignment, people, rng, draws=1)  # a row has no intervals
        clean, reason = result.clean_correct, masked(vars(result))
        values = {
            "perturbation_tolerance_median": tolerance.quantile(
                result.norm[clean], result.success[clean], 0.5
            )
        }
        values |= {f"adversarial_alignment {name}": entry["value"] for name, entry in aligned.items()}
        values = dict.fromkeys(values) if reason else values
        rows.append({"budget": budget, "n": int(clean.sum())} | values | {"status": reason or "ok"})
    write_table(args.output, pd.DataFrame(rows))
