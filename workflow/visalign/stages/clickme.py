"""Stage clickme: does a model's saliency fall where people look, and does it use what people use?

``clickme score`` compares stored saliency with human maps; ``clickme reveal`` asks the model whether there
is an animal when only what people find important is shown; ``clickme gallery`` draws examples. Without a
command it scores any model on a folder of images and a folder of maps.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import zarr
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import inputs_hash, read_json, write_atomic
from visalign.io.scores import score_row, write_scores
from visalign.io.tables import read_table, write_table
from visalign.labels import spaces
from visalign.maps import agreement, alignment, processing, revelation, scores
from visalign.maps import saliency as saliency_alignment
from visalign.maps.alignment import Alignment
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import at_least

VERSIONS = {"score": 3, "reveal": 3, "gallery": 3}
EXAMPLES = """\
  python -m visalign clickme --model lite0 --images photos/ --maps maps/ --labels labels.csv --json
  python -m visalign clickme --model resnet50 --weights resnet50.safetensors --images photos/ --maps maps/ \\
      --labels labels.csv --ceiling 0.65753 --table resnet50.csv
  python -m visalign clickme score --model lite0 --dataset clickme_simulated --saliency saliency.zarr \\
      --saliency-manifest saliency.json --table clickme.csv --transform 224x224-center-0.875-bicubic \\
      --maps maps.npz --ceilings ceilings.json --revelation revelation.npz --output clickme.csv \\
      --images images.csv
  python -m visalign clickme reveal --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --table clickme.csv --transform 224x224-center-0.875-bicubic --maps maps.npz --output revelation.npz
  python -m visalign clickme gallery --model lite0 --saliency saliency.zarr --pixels clickme.zarr \\
      --table clickme.csv --transform 224x224-center-0.875-bicubic --maps maps.npz --images images.csv \\
      --output gallery.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign clickme``."""
    folder = parser.add_argument_group("score a model on folders of images and maps")
    folder.add_argument("--model", help="name of a model of the sheet, or with --weights a timm architecture")
    folder.add_argument("--images", help="folder of images")
    folder.add_argument("--maps", help="folder of maps: grey images or .npy of the images' names and shapes")
    folder.add_argument("--labels", help="CSV with columns name (of the image) and label (of its class)")
    folder.add_argument("--sheet", default="config/models/embedded.tsv", help="model sheet (TSV)")
    folder.add_argument("--weights", help="weight file (safetensors or a PyTorch state dict)")
    agreement.add_sources(folder)
    folder.add_argument("--json", action="store_true", help="print JSON")
    folder.add_argument("--table", help="per-image table to write (CSV)")
    add_commands(parser)


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Arguments of the pipeline's commands."""
    commands = parser.add_subparsers(title="commands of the pipeline", dest="command", metavar="COMMAND")
    score = commands.add_parser("score", help="compare stored saliency with human maps")
    score.add_argument("--model", required=True, help="name of the model")
    score.add_argument("--dataset", required=True, help="name of the map set")
    score.add_argument("--saliency", required=True, help="saliency store (.zarr)")
    score.add_argument("--saliency-manifest", required=True, help="its manifest (.json)")
    score.add_argument("--ceilings", required=True, help="what maps-ceilings wrote for the transform (.json)")
    score.add_argument("--revelation", help="what clickme reveal wrote (.npz)")
    score.add_argument("--human-curve", help="people's accuracy by level (CSV: level, accuracy)")
    score.add_argument("--bootstrap", type=at_least(1), default=2000, help="bootstrap draws over images")
    score.add_argument("--output", required=True, help="score rows to write (CSV)")
    score.add_argument("--images", required=True, help="per-image table to write (CSV)")
    reveal = commands.add_parser("reveal", help="recognise animals in partly revealed images")
    reveal.add_argument("--card", required=True, help="card of the model")
    reveal.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    reveal.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    reveal.add_argument("--images", type=at_least(1), help="reveal this many stimuli (default: all)")
    reveal.add_argument("--levels", type=float, nargs="+", default=revelation.LEVELS, metavar="PERCENT",
                        help="revealed pixels, ascending (default: 0 and 10^(0 .. 2 step .2))")  # fmt: skip
    reveal.add_argument("--batch-size", type=at_least(1), default=16, help="images a batch")
    reveal.add_argument("--output", required=True, help="which images were recognised at which level (.npz)")
    gallery = commands.add_parser("gallery", help="draw the best, the median and the worst image")
    gallery.add_argument("--model", required=True, help="name of the model")
    gallery.add_argument("--saliency", required=True, help="saliency store (.zarr)")
    gallery.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    gallery.add_argument("--images", required=True, help="per-image table that clickme score wrote (CSV)")
    gallery.add_argument("--output", required=True, help="figure to write (.png)")
    for command in (score, reveal, gallery):
        command.add_argument("--table", required=True, help="table of the stimulus set")
        command.add_argument("--transform", required=True, help="transform of the stimuli")
        command.add_argument("--maps", required=True, help="processed human maps (.npz)")
    for command in (score, gallery):
        command.add_argument("--simulated", choices=["true", "false"], default="false", help="are the maps?")
    for command in (score, reveal):
        command.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> None:
    """Run a command of the pipeline, or score a model on folders."""
    if args.command is None:
        from visalign.maps import folders

        folders.run(args)
    else:
        {"score": score, "reveal": reveal, "gallery": draw_gallery}[args.command](args)


# --- score ---


def score(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (model, map set)."""
    table = tables.read(args.table)
    rng = np.random.default_rng(args.seed)
    alignments, people = align(args, table), agreement.read(args.ceilings, table)
    entries = scores.entries(alignments, people, rng, args.bootstrap)
    inputs = [args.saliency_manifest, args.ceilings]
    if args.revelation:
        entries += revelation_entries(args, rng)
        inputs += filter(None, [args.revelation, args.human_curve])
    common = {
        "model": args.model,
        "benchmark": f"clickme/{args.dataset}",
        "simulated": args.simulated == "true",
        "seed": args.seed,
        "version": VERSIONS["score"],
        "inputs_hash": inputs_hash(*inputs),
    }
    images = {"stimulus_id": table["stimulus_id"], **alignment.per_image(alignments)}
    write_table(args.images, pd.DataFrame(images))
    write_scores(args.output, [score_row(**common, **entry) for entry in entries])


def align(args: argparse.Namespace, table: pd.DataFrame) -> dict[str, Alignment]:
    """Compare stored saliency with human maps, by metric."""
    store = stores.open_store(args.saliency)
    tables.check_ids(store, table, args.saliency)
    arrays = {metric: stores.array(store, name) for metric, name in saliency_alignment.METRICS.items()}
    maps, transform = alignment.read_maps(args.maps, table), Transform.from_key(args.transform)

    def stored(rows: slice) -> dict[str, np.ndarray]:
        return {metric: np.asarray(array[rows]) for metric, array in arrays.items()}

    return saliency_alignment.align(stored, maps, table, transform)


def revelation_entries(args: argparse.Namespace, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Score entries of the model's revelation curve, and of its distance from the human one."""
    with np.load(args.revelation, allow_pickle=False) as archive:
        correct, levels, excluded = archive["correct"], archive["level"], archive["excluded"]
    human = revelation.read_human_curve(args.human_curve, levels) if args.human_curve else None
    entries = revelation.summarise(correct, levels, human, rng, args.bootstrap)
    return [entry | {"n_excluded": len(excluded)} for entry in entries]


# --- reveal ---


def reveal(args: argparse.Namespace) -> None:
    """Write whether a model tells animals from the rest, by image and level.

    The answer is the class with the largest of the 1000 outputs; images without a usable map are listed.
    """
    levels = np.array(args.levels, dtype=float)
    if levels[0] < 0 or levels[-1] > 100 or (np.diff(levels) <= 0).any() or (levels > 0).sum() < 2:
        raise InputError(f"--levels: {args.levels} do not ascend from 0 to 100 with two above 0")
    card, table = read_json(args.card), tables.read(args.table)
    spaces.check_imagenet(card, args.card)
    labels = tables.labels(table, spaces.classes(card, args.card), args.table)
    store = stores.open_store(args.pixels)
    tables.check_ids(store, table, args.pixels)
    maps = alignment.read_maps(args.maps, table)
    undefined = np.logical_or(*processing.undefined_maps(maps))
    rng = np.random.default_rng(args.seed)
    chosen = np.sort(rng.permutation(np.flatnonzero(~undefined))[: args.images])
    correct = np.zeros((len(chosen), len(levels)), dtype=bool)
    for rows, found in answers(card, args, stores.array(store, "pixels"), maps, table, chosen, levels):
        correct[rows] = found == (labels[chosen[rows], None] < revelation.N_ANIMALS)
    ids = table["stimulus_id"].to_numpy(dtype=str)
    buffer = io.BytesIO()
    np.savez(buffer, stimulus_id=ids[chosen], level=levels, correct=correct, excluded=ids[undefined])
    write_atomic(args.output, buffer.getvalue())


def answers(
    card: dict[str, Any],
    args: argparse.Namespace,
    pixels: zarr.Array,
    maps: np.ndarray,
    table: pd.DataFrame,
    chosen: np.ndarray,
    levels: np.ndarray,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows of `chosen`, whether the model sees an animal (rows, levels)), a batch at a time."""
    import torch

    from visalign.zoo import network
    from visalign.zoo import pixels as batches

    model = network.Normalised(network.load(card, args.weights), card["data_config"])
    transform = Transform.from_key(args.transform)
    starts = range(0, len(chosen), args.batch_size)
    for first in tqdm(starts, desc=f"revelation {card['model']}", unit="batch"):
        rows = slice(first, min(first + args.batch_size, len(chosen)))
        index = chosen[rows]
        human = alignment.at_input(maps[index], table.iloc[index], transform)
        images = batches.from_uint8(pixels.get_orthogonal_selection((index,)))  # type: ignore[arg-type]
        order = revelation.positions(human, np.random.default_rng(args.seed))
        position = torch.from_numpy(order).to(images.device)
        with torch.inference_mode():
            revealed = (revelation.reveal(images, position, level, model.mean) for level in levels)
            animal = [model(part).argmax(1) < revelation.N_ANIMALS for part in revealed]
        yield rows, torch.stack(animal, dim=1).cpu().numpy()


# --- gallery ---


def draw_gallery(args: argparse.Namespace) -> None:
    """Draw the images whose ρ is best, median and worst."""
    from visalign.report import gallery, theme

    table = tables.read(args.table)
    images = read_table(args.images, required=("stimulus_id", "rho"), dtype={"stimulus_id": str})
    ids = list(images["stimulus_id"])
    tables.check_order(ids, list(table["stimulus_id"]), args.images, "the per-image table")
    chosen = gallery.examples(images["rho"].to_numpy(dtype=float))
    index = list(chosen.values())
    selection = (np.array(index, dtype=int),)
    pixels, saliency = (
        np.asarray(stores.array(stores.open_store(path), name).get_orthogonal_selection(selection))  # type: ignore[arg-type]
        for path, name in ((args.pixels, "pixels"), (args.saliency, saliency_alignment.METRICS["spearman"]))
    )
    maps = alignment.read_maps(args.maps, table)[index]
    human = alignment.at_input(maps, table.iloc[index], Transform.from_key(args.transform))
    names = [f"{kind}\n{images['stimulus_id'][i]}" for kind, i in chosen.items()]
    title = f"{args.model}: saliency and human maps" + (" (SIMULATED)" if args.simulated == "true" else "")
    with theme.look():
        drawn = gallery.gallery(pixels, human, saliency, images["rho"].to_numpy()[index], names, title)
        write_atomic(args.output, gallery.png(drawn))
