"""Stage clickme: does a model's saliency fall where people look, and does it use what people use?

``clickme score`` compares stored saliency with human maps; ``clickme reveal`` asks the model whether there
is an animal when only what people find important is shown; ``clickme gallery`` draws examples. ``clickme
folder`` scores any model on a folder of images and a folder of maps, without the pipeline.
"""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd

from visalign.io import stores
from visalign.io.files import inputs_hash, read_json, write_atomic
from visalign.io.scores import Score, Source, rows_of, write_scores
from visalign.io.tables import read_table, write_table
from visalign.labels import spaces
from visalign.maps import agreement, alignment, recognition, revelation, saliency, scores
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import definition, section
from visalign.zoo import inputs as zoo_inputs

VERSIONS = {"score": 3, "reveal": 3, "gallery": 3}
#: Remark on scores of saliency that is not of the label.
OF_ANSWER = "saliency of the class that the model answers"
EXAMPLES = """\
  python -m visalign clickme score --model lite0 --dataset clickme_simulated --saliency saliency.zarr \\
      --saliency-manifest saliency.json --table clickme.csv --transform 224x224-center-0.875-bicubic \\
      --maps maps.npz --ceilings ceilings.json --revelation revelation.npz --output clickme.csv \\
      --per-image images.csv
  python -m visalign clickme reveal --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --table clickme.csv --transform 224x224-center-0.875-bicubic --maps maps.npz --output revelation.npz
  python -m visalign clickme gallery --model lite0 --saliency saliency.zarr --pixels clickme.zarr \\
      --table clickme.csv --transform 224x224-center-0.875-bicubic --maps maps.npz --per-image images.csv \\
      --output gallery.png
  python -m visalign clickme folder --model lite0 --images photos/ --maps maps/ --labels labels.csv --json
  python -m visalign clickme folder --model resnet50 --weights resnet50.safetensors --images photos/ \\
      --maps maps/ --labels labels.csv --ceiling 0.65753 --output resnet50.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign clickme``."""
    commands = parser.add_subparsers(dest="command", metavar="score|reveal|gallery|folder", required=True)
    score = commands.add_parser("score", help="compare stored saliency with human maps")
    score.add_argument("--dataset", required=True, help="name of the map set")
    score.add_argument("--saliency-manifest", required=True, help="manifest of the saliency (.json)")
    score.add_argument("--ceilings", required=True, help="what maps ceilings wrote for the transform (.json)")
    score.add_argument("--revelation", help="what clickme reveal wrote (.npz)")
    add_settings(score, section("clickme.revelation"), "score")
    add_settings(score, section("clickme"), "score")
    score.add_argument("--output", required=True, help="score rows to write (CSV)")
    score.add_argument("--per-image", required=True, help="per-image table to write (CSV)")
    reveal = commands.add_parser("reveal", help="recognise animals in partly revealed images")
    reveal.add_argument("--card", required=True, help="card of the model")
    reveal.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    add_settings(reveal, section("clickme.revelation"), "reveal")
    reveal.add_argument("--output", required=True, help="which images were recognised at which level (.npz)")
    gallery = commands.add_parser("gallery", help="draw the best, the median and the worst image")
    gallery.add_argument("--per-image", required=True, help="per-image table that clickme score wrote (CSV)")
    gallery.add_argument("--output", required=True, help="figure to write (.png)")
    for command in (score, reveal, gallery):
        command.add_argument("--table", required=True, help="table of the stimulus set")
        command.add_argument("--transform", required=True, help="transform of the stimuli")
        command.add_argument("--maps", required=True, help="processed human maps (.npz)")
    for command in (score, gallery):
        command.add_argument("--model", required=True, help="name of the model")
        command.add_argument("--saliency", required=True, help="saliency store (.zarr)")
    for name, command in (("score", score), ("gallery", gallery)):
        add_settings(command, definition("maps"), name)
    for command in (reveal, gallery):
        command.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    for command in (score, reveal):
        add_seed(command)
    add_folder(commands.add_parser("folder", help="score a model on folders of images and maps"))


def add_folder(folder: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign clickme folder``."""
    model = "name of a model of the sheet, or with --weights a timm architecture"
    folder.add_argument("--model", required=True, help=model)
    folder.add_argument("--images", required=True, help="folder of images")
    maps = "folder of maps: grey images or .npy of the images' names and shapes"
    folder.add_argument("--maps", required=True, help=maps)
    labels = "CSV with columns name (of the image) and label (of its class)"
    folder.add_argument("--labels", required=True, help=labels)
    folder.add_argument("--sheet", default="config/models/embedded.tsv", help="model sheet (TSV)")
    folder.add_argument("--weights", help="weight file (safetensors or a PyTorch state dict)")
    for settings in (definition("maps"), section("saliency"), section("clickme")):
        add_settings(folder, settings, "folder")
    add_seed(folder)
    folder.add_argument("--json", action="store_true", help="print JSON")
    folder.add_argument("--output", help="per-image table to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Run a command of the pipeline, or score a model on folders."""
    commands = {"score": score, "reveal": reveal, "gallery": draw_gallery, "folder": score_folders}
    commands[args.command](args)


def score_folders(args: argparse.Namespace) -> None:
    """Read everything once to check it, run the model, print the scores, write the per-image table."""
    from visalign.maps import folders

    study = folders.read(args.images, args.maps, args.labels, args.clicks)
    model = folders.load_model(args.model, args.weights, args.sheet)
    alignments, found = folders.score(
        study,
        model,
        args.labels,
        args.ceiling,
        seed=args.seed,
        draws=args.bootstrap,
        batch_size=args.batch_size,
    )
    if args.output:
        write_table(args.output, folders.per_image(study, model, alignments, args.labels))
    shown = folders.by_name(found)
    print(json.dumps({"model": args.model, "scores": shown}) if args.json else folders.text(shown))


def score(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (model, map set)."""
    table, store = tables.read(args.table), stores.open_store(args.saliency)
    tables.check_ids(store, table, args.saliency)
    arrays = {metric: stores.array(store, name) for metric, name in saliency.METRICS.items()}
    maps, people = alignment.read_maps(args.maps, table), agreement.read(args.ceilings, table)

    def stored(rows: slice) -> dict[str, np.ndarray]:
        return {metric: np.asarray(array[rows]) for metric, array in arrays.items()}

    rng = np.random.default_rng(args.seed)
    alignments = saliency.align(stored, maps, table, Transform.from_key(args.transform))
    found = scores.summarise_all(alignments, saliency.HEADLINE, people, rng, args.bootstrap)
    if stores.attribute(store, "target", "label") == "predicted":
        found = [remarked(score, OF_ANSWER) for score in found]
    inputs = [args.saliency_manifest, args.ceilings]
    if args.revelation:
        found += revelation_scores(args.revelation, args.human_curve, rng, args.bootstrap)
        inputs += filter(None, [args.revelation, args.human_curve])
    source = Source(
        model=args.model,
        benchmark=f"clickme/{args.dataset}",
        simulated=args.simulated,
        seed=args.seed,
        version=VERSIONS["score"],
        inputs_hash=inputs_hash(*inputs),
    )
    images = {"stimulus_id": table["stimulus_id"], **alignment.per_image(alignments, saliency.HEADLINE)}
    write_table(args.per_image, pd.DataFrame(images))
    write_scores(args.output, rows_of(found, source))


def remarked(score: Score, remark: str) -> Score:
    """Return a score whose status says more than ok."""
    return replace(score, status=f"ok, {remark}") if score.status == "ok" else score


def revelation_scores(path: str, curve: str | None, rng: np.random.Generator, draws: int) -> list[Score]:
    """Scores of a stored revelation curve, and of its distance from that of people."""
    with np.load(path, allow_pickle=False) as archive:
        correct, levels, excluded = archive["correct"], archive["level"], archive["excluded"]
    human = revelation.read_human_curve(curve, levels) if curve else None
    return revelation.summarise(correct, levels, human, rng, draws, n_excluded=len(excluded))


def reveal(args: argparse.Namespace) -> None:
    """Write whether a model tells animals from the rest, by image and level; unusable maps are listed."""
    levels = recognition.check_levels(args.levels or revelation.LEVELS)
    spaces.check_imagenet(read_json(args.card), args.card)
    inputs = zoo_inputs.read(args.card, args.table, args.pixels)
    labels, maps = inputs.labels, alignment.read_maps(args.maps, inputs.table)
    chosen, undefined = recognition.choose(maps, args.count, args.seed)
    correct = recognition.recognised(
        inputs,
        args.weights,
        labels,
        maps,
        Transform.from_key(args.transform),
        chosen=chosen,
        levels=levels,
        seed=args.seed,
        batch_size=args.batch_size,
    )
    ids = inputs.table["stimulus_id"].to_numpy(dtype=str)
    buffer = io.BytesIO()
    np.savez(buffer, stimulus_id=ids[chosen], level=levels, correct=correct, excluded=ids[undefined])
    write_atomic(args.output, buffer.getvalue())


def draw_gallery(args: argparse.Namespace) -> None:
    """Draw the images whose ρ is best, median and worst."""
    from visalign.report import gallery, theme

    table = tables.read(args.table)
    images = read_table(args.per_image, required=("stimulus_id", "rho"), dtype={"stimulus_id": str})
    ids = list(images["stimulus_id"])
    tables.check_order(ids, list(table["stimulus_id"]), args.per_image, "the per-image table")
    chosen = gallery.examples(images["rho"].to_numpy(dtype=float))
    index = list(chosen.values())
    selection = (np.array(index, dtype=int),)
    pixels, importance = (
        np.asarray(stores.array(stores.open_store(path), name).get_orthogonal_selection(selection))  # type: ignore[arg-type]
        for path, name in ((args.pixels, "pixels"), (args.saliency, saliency.METRICS[saliency.HEADLINE]))
    )
    maps = alignment.read_maps(args.maps, table)[index]
    human = alignment.at_input(maps, table.iloc[index], Transform.from_key(args.transform))
    names = [f"{kind}\n{images['stimulus_id'][i]}" for kind, i in chosen.items()]
    title = f"{args.model}: saliency and human maps" + (" (SIMULATED)" if args.simulated else "")
    with theme.look():
        drawn = gallery.gallery(pixels, human, importance, images["rho"].to_numpy()[index], names, title)
        write_atomic(args.output, gallery.png(drawn))
