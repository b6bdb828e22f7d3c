"""Stage train: models whose saliency is drawn to where people look, and their baselines.

``train apart`` refuses to train on images that the model is to be scored on; ``train fit`` trains one model,
whose weights and card then enter the pipeline like any other's; ``train rows`` writes the model sheet with
the trained models in it. ``train evaluate`` measures a model image by image
on a map set that it was not trained on, and ``train compare`` sets trained models beside their baselines.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, cast

from visalign import measures
from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.files import inputs_hash, read_json, write_atomic, write_json
from visalign.labels import spaces
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import definition, section

if TYPE_CHECKING:
    from visalign.labels.spaces import Head
    from visalign.train.card import FullRecipe
    from visalign.zoo.card import ModelCard
    from visalign.zoo.network import Normalised

VERSIONS = {"apart": 2, "fit": 2, "rows": 3, "evaluate": 2, "compare": 3}
EXAMPLES = """\
  python -m visalign train fit --model lite0+harmonized --card lite0.json --weights lite0.safetensors \\
      --label-space imagenet-1k --mapped clickme.csv --maps clickme.npz --stimuli imagenet.csv --weight 1 \\
      --output lite0+harmonized.safetensors --trained-card lite0+harmonized.json --metrics metrics.csv
  python -m visalign train apart --model lite0+harmonized --trained clickme.csv imagenet.csv \\
      --scored validation.csv --output apart.json
  python -m visalign train rows --config config/config.yaml --output results/train/models.tsv
  python -m visalign train evaluate --card results/train/net.json --weights results/train/net.safetensors \\
      --table scenes.csv --pixels scenes.zarr --maps scenes.npz --transform 64x64-squash-1-bilinear \\
      --output results/train/net/scenes.csv
  python -m visalign train compare --models results/train/models.tsv --map-sets scenes \\
      --output results/train/comparison.csv --text results/train/comparison.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign train``."""
    commands = parser.add_subparsers(dest="command", metavar="apart|fit|rows|evaluate|compare", required=True)
    apart = commands.add_parser("apart", help="are images trained on apart from those scored?")
    apart.add_argument("--model", required=True, help="name of the trained model")
    apart.add_argument("--trained", nargs="+", required=True, help="tables of images that it is trained on")
    apart.add_argument("--scored", nargs="*", default=[], help="tables of images that it is scored on")
    apart.add_argument("--output", required=True, help="what was compared, to write (.json)")
    rows = commands.add_parser("rows", help="write the model sheet with the trained models")
    rows.add_argument("--config", required=True, help="config of the study")
    rows.add_argument("--output", required=True, help="model sheet to write (.tsv)")
    evaluate = commands.add_parser("evaluate", help="measure a model on a map set, image by image")
    evaluate.add_argument("--card", required=True, help="card of the model")
    evaluate.add_argument("--weights", required=True, help="its weights (.safetensors)")
    evaluate.add_argument("--table", required=True, help="table of the images")
    evaluate.add_argument("--pixels", required=True, help="their pixels (.zarr)")
    evaluate.add_argument("--maps", required=True, help="their processed maps (.npz)")
    evaluate.add_argument("--transform", required=True, help="transform of the pixels")
    evaluate.add_argument("--output", required=True, help="per-image table to write (CSV)")
    compare = commands.add_parser("compare", help="set trained models beside their baselines")
    compare.add_argument("--models", required=True, help="model sheet, which names the baselines (.tsv)")
    compare.add_argument("--map-sets", nargs="+", required=True, help="names of the map sets")
    compare.add_argument("--directory", default="results", help="holds train/ and scores.csv")
    add_settings(compare, section("trend"), "compare")
    add_seed(compare)
    compare.add_argument("--output", required=True, help="table to write, one row per pair and measure (CSV)")
    compare.add_argument("--text", required=True, help="the same to read, one row per pair (Markdown)")
    fit = commands.add_parser("fit", help="train one model")
    fit.add_argument("--model", required=True, help="name of the trained model")
    fit.add_argument("--card", required=True, help="card of the base")
    fit.add_argument("--weights", required=True, help="weights of the base (.safetensors)")
    fit.add_argument("--label-space", required=True, help="of the images; not the base's: new head")
    fit.add_argument("--mapped", required=True, help="table of the images with human maps")
    fit.add_argument("--maps", required=True, help="their processed maps (.npz)")
    fit.add_argument("--stimuli", help="table of images without maps")
    fit.add_argument("--validation", help="table of other images with maps")
    fit.add_argument("--validation-maps", help="their processed maps (.npz)")
    fit.add_argument("--validation-pixels", help="and their pixels (.zarr)")
    fit.add_argument("--transform", help="transform of the validation pixels")
    add_settings(fit, definition("train"), "fit")
    add_settings(fit, section("train"), "fit")
    add_seed(fit)
    fit.add_argument("--output", required=True, help="weights to write (.safetensors)")
    fit.add_argument("--trained-card", required=True, help="card to write (.json)")
    fit.add_argument("--metrics", required=True, help="table of the loss and its parts to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Check the images of a model, train it, write the rows of all, measure one, or compare several."""
    commands = {"apart": apart, "fit": fit, "rows": rows, "evaluate": evaluate, "compare": compare}
    commands[args.command](args)


def rows(args: argparse.Namespace) -> None:
    """Write the selected rows of the model sheet and those of the trained models."""
    from visalign.io.schemas import schema
    from visalign.io.sheets import read_config
    from visalign.study.study import Study

    study = Study.read(read_config(args.config), args.config)
    columns = list(schema("models")["properties"])
    write_atomic(args.output, delimited.text_of(columns, study.models.values(), "\t"))


def apart(args: argparse.Namespace) -> None:
    """Write which images were compared; one that a model is trained and scored on is an InputError."""
    from visalign.stimuli import tables
    from visalign.train import apart as pictures

    scored = {path: tables.read(path) for path in args.scored}
    pictures.check(args.model, {path: tables.read(path) for path in args.trained}, scored)
    write_json(args.output, {"model": args.model, "trained": args.trained, "scored": args.scored})


def fit(args: argparse.Namespace) -> None:
    """Train one model, resuming from its last checkpoint; the card comes last."""
    import pandas as pd

    from visalign.maps import alignment
    from visalign.stimuli import tables
    from visalign.train import loop, outcome, start
    from visalign.train.images import TrainingImages
    from visalign.zoo.network import Normalised
    from visalign.zoo.weights_file import save

    if args.batch_size % args.devices:
        raise InputError(f"--batch-size: {args.batch_size} is not a multiple of --devices {args.devices}")
    card: ModelCard = read_json(args.card)
    mapped = [(args.mapped, tables.read(args.mapped))]
    maps = alignment.read_maps(args.maps, mapped[0][1])
    named = mapped + ([(args.stimuli, tables.read(args.stimuli))] if args.stimuli else [])
    classes = start.checked_classes(named, card, args.label_space, args.card)
    fed = {name: getattr(args, name) for name in ("batch_size", "share", "smallest_crop")}
    images = TrainingImages(
        table=pd.concat([table for _, table in named], ignore_index=True),
        maps=maps,
        size=args.input_size or card["data_config"]["input_size"][1],
        seed=args.seed,
        **fed,
    )
    recipe = loop.Recipe(**{field.name: getattr(args, field.name) for field in fields(loop.Recipe)})
    fabric = start.launched(args.devices, args.precision)
    decides = {
        name: getattr(args, name) for name in ("label_space", "input_size", "evaluate_every", "devices")
    }
    decides |= fed | asdict(recipe) | {"precision": start.resolved(args.precision)}
    trained_on = (args.mapped, args.maps, args.stimuli)
    files = (*trained_on, args.validation, args.validation_maps)
    identity = start.identify(card, decides, files, VERSIONS["fit"])
    work = Path(f"{args.output}.partial")
    if fabric.is_global_zero:
        work.mkdir(parents=True, exist_ok=True)
        print(outcome.described(images))
        validation = tables.read(args.validation) if args.validation else images.table.iloc[:0]
        if seen := len(tables.shared_pictures(validation, images.table)):
            print(f"{args.validation}: {seen} of its images are trained on, so its metrics are no test")
    model, data_config = start.start(
        card,
        args.weights,
        label_space=args.label_space,
        classes=classes,
        input_size=args.input_size,
        seed=args.seed,
    )
    normalised = Normalised(model.to(fabric.device), data_config)
    followed = validation_of(args, normalised) if args.validation else None
    with outcome.bar(args.model, recipe.steps, shown=fabric.is_global_zero) as bar:
        progress = loop.fit(
            fabric,
            normalised,
            recipe,
            images,
            loop.Checkpoint(work / "checkpoint.pt", identity),
            workers=args.workers,
            checkpoint_every=args.checkpoint_every,
            evaluate_every=args.evaluate_every,
            evaluate=followed,
            report=outcome.reporter(bar, work / "metrics.csv"),
        )
    if fabric.is_global_zero:
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        sha256 = save(state, args.output)
        outcome.write_metrics(args.metrics, progress)
        facts = outcome.card_of(
            card,
            model,
            model_name=args.model,
            label_space=args.label_space,
            data_config=data_config,
            sha256=sha256,
            trained_on=inputs_hash(*filter(None, trained_on)),
            recipe=cast("FullRecipe", asdict(recipe) | fed),
            metrics=progress.rows[-1],
        )
        write_json(args.trained_card, facts)
        shutil.rmtree(work)


def validation_of(args: argparse.Namespace, model: Normalised) -> Callable[[], dict[str, float]]:
    """Read the validation images; returns what measures the model on them."""
    from visalign.maps import alignment
    from visalign.stimuli import tables
    from visalign.stimuli.transforms import Transform
    from visalign.train import evaluation
    from visalign.zoo import inputs

    outputs, space = model.model.num_classes, args.label_space
    trained: Head = {"num_classes": outputs, "label_space": space}  # type: ignore[typeddict-item]
    classes = spaces.classes(trained, args.card)
    table = tables.read(args.validation)
    pixels = inputs.open_pixels(args.validation_pixels, table)
    human = alignment.read_maps(args.validation_maps, table)
    labels = tables.labels(table, classes, args.validation)
    transform = Transform.from_key(args.transform)
    return evaluation.validator(evaluation.HeldOut(table, labels, pixels, human, transform), model)


def evaluate(args: argparse.Namespace) -> None:
    """Write accuracy, alignment and harmonizer loss of each image."""
    from visalign.io.tables import write_table
    from visalign.maps import alignment
    from visalign.stimuli.transforms import Transform
    from visalign.train.evaluation import HeldOut
    from visalign.zoo import inputs

    seen = inputs.read(args.card, args.table, args.pixels)
    human, transform = alignment.read_maps(args.maps, seen.table), Transform.from_key(args.transform)
    images = HeldOut(seen.table, seen.labels, seen.pixels, human, transform)
    write_table(args.output, seen.table[["stimulus_id"]].assign(**images.measure(seen.network(args.weights))))


def compare(args: argparse.Namespace) -> None:
    """Write how trained models differ from their baselines."""
    from visalign.io.sheets import read_sheet
    from visalign.io.tables import write_table
    from visalign.train import comparison

    pairs = comparison.pairs(read_sheet(args.models, "models", "model"), Path(args.directory))
    found = comparison.compare(
        pairs, args.map_sets, Path(args.directory), args.bootstrap, args.seed, measures.OF_TRAINING
    )
    write_table(args.output, found)
    write_atomic(args.text, comparison.text(found))
