"""Stage train: models whose saliency is drawn to where people look, and their baselines.

``train apart`` refuses to train on images that the model is to be scored on; ``train fit`` trains one model,
whose weights and card then enter the pipeline like any other's; ``train rows`` writes the model sheet with
the trained models in it. ``train measure`` measures a model image by image
on a map set that it was not trained on, and ``train compare`` sets trained models beside their baselines.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from visalign import measures
from visalign.errors import InputError
from visalign.io.files import inputs_hash, read_json, write_atomic, write_json
from visalign.labels import spaces
from visalign.study.options import at_least

if TYPE_CHECKING:
    import pandas as pd

    from visalign.train.evaluation import HeldOut
    from visalign.train.loop import Progress, Recipe
    from visalign.zoo.network import Normalised

VERSIONS = {"apart": 2, "fit": 2, "rows": 2, "measure": 2, "compare": 3}
EXAMPLES = """\
  python -m visalign train fit --model lite0+harmonized --card lite0.json --weights lite0.safetensors \\
      --label-space imagenet-1k --mapped clickme.csv --maps clickme.npz --stimuli imagenet.csv --weight 1 \\
      --output lite0+harmonized.safetensors --trained-card lite0+harmonized.json --metrics metrics.csv
  python -m visalign train apart --model lite0+harmonized --trained clickme.csv imagenet.csv \\
      --scored validation.csv --output apart.json
  python -m visalign train rows --config config/config.yaml --output results/train/models.tsv
  python -m visalign train measure --card results/train/net.json --weights results/train/net.safetensors \\
      --table scenes.csv --pixels scenes.zarr --maps scenes.npz --transform 64x64-squash-1-bilinear \\
      --output results/train/net/scenes.csv
  python -m visalign train compare --models results/train/models.tsv --maps scenes \\
      --output results/train/comparison.csv --text results/train/comparison.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign train``."""
    commands = parser.add_subparsers(dest="command", metavar="apart|fit|rows|measure|compare", required=True)
    apart = commands.add_parser("apart", help="are images trained on apart from those scored?")
    apart.add_argument("--model", required=True, help="name of the trained model")
    apart.add_argument("--trained", nargs="+", required=True, help="tables of images that it is trained on")
    apart.add_argument("--scored", nargs="*", default=[], help="tables of images that it is scored on")
    apart.add_argument("--output", required=True, help="what was compared, to write (.json)")
    rows = commands.add_parser("rows", help="write the model sheet with the trained models")
    rows.add_argument("--config", required=True, help="config of the study")
    rows.add_argument("--output", required=True, help="model sheet to write (.tsv)")
    measure = commands.add_parser("measure", help="measure a model on a map set, image by image")
    measure.add_argument("--card", required=True, help="card of the model")
    measure.add_argument("--weights", required=True, help="its weights (.safetensors)")
    measure.add_argument("--table", required=True, help="table of the images")
    measure.add_argument("--pixels", required=True, help="their pixels (.zarr)")
    measure.add_argument("--maps", required=True, help="their processed maps (.npz)")
    measure.add_argument("--transform", required=True, help="transform of the pixels")
    measure.add_argument("--output", required=True, help="per-image table to write (CSV)")
    compare = commands.add_parser("compare", help="set trained models beside their baselines")
    compare.add_argument("--models", required=True, help="model sheet, which names the baselines (.tsv)")
    compare.add_argument("--maps", nargs="+", required=True, help="names of the map sets")
    compare.add_argument("--directory", default="results", help="holds train/ and scores.csv")
    compare.add_argument("--bootstrap", type=at_least(1), default=2000, help="draws over images")
    compare.add_argument("--seed", type=int, default=0)
    compare.add_argument("--output", required=True, help="table to write, a row a pair and measure (CSV)")
    compare.add_argument("--text", required=True, help="the same to read, a row a pair (Markdown)")
    fit = commands.add_parser("fit", help="train one model")
    fit.add_argument("--model", required=True, help="name of the trained model")
    fit.add_argument("--card", required=True, help="card of the base")
    fit.add_argument("--weights", required=True, help="weights of the base (.safetensors)")
    fit.add_argument("--label-space", required=True, help="of the images; not the base's: new head")
    fit.add_argument("--input-size", type=at_least(1), help="side in pixels (default: the base's)")
    fit.add_argument("--mapped", required=True, help="table of the images with human maps")
    fit.add_argument("--maps", required=True, help="their processed maps (.npz)")
    fit.add_argument("--stimuli", help="table of images without maps")
    fit.add_argument("--validation", help="table of other images with maps")
    fit.add_argument("--validation-maps", help="their processed maps (.npz)")
    fit.add_argument("--validation-pixels", help="and their pixels (.zarr)")
    fit.add_argument("--transform", help="transform of the validation pixels")
    fit.add_argument("--supervision", choices=["none", "harmonizer", "gala"], default="harmonizer")
    fit.add_argument("--weight", type=float, default=1.0, help="of the supervision")
    fit.add_argument("--share", type=float, default=0.2, help="of each batch that has a map")
    fit.add_argument("--steps", type=at_least(1), default=1000)
    fit.add_argument("--batch-size", type=at_least(1), default=128)
    fit.add_argument("--optimiser", choices=["sgd", "adamw"], default="sgd")
    fit.add_argument("--schedule", choices=["step", "cosine"], default="step")
    fit.add_argument("--learning-rate", type=float, default=0.1)
    fit.add_argument("--decay", type=float, default=1e-5, help="weight decay")
    fit.add_argument("--smoothing", type=float, default=0.1, help="of labels")
    fit.add_argument("--smallest-crop", type=float, default=0.08, help="least area of a random crop")
    fit.add_argument("--batch-norm", choices=["frozen", "batch"], default="batch", help="its statistics")
    fit.add_argument("--precision", choices=["auto", "32-true", "bf16-mixed"], default="auto")
    fit.add_argument("--devices", type=at_least(1), default=1, help="GPUs, or processes on a CPU")
    fit.add_argument("--workers", type=at_least(1), default=4, help="threads that read images")
    fit.add_argument("--checkpoint-every", type=at_least(1), default=500, help="steps")
    fit.add_argument("--evaluate-every", type=at_least(1), default=100, help="steps between rows of metrics")
    fit.add_argument("--seed", type=int, default=0)
    fit.add_argument("--output", required=True, help="weights to write (.safetensors)")
    fit.add_argument("--trained-card", required=True, help="card to write (.json)")
    fit.add_argument("--metrics", required=True, help="table of the loss and its parts to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Check the images of a model, train it, write the rows of all, measure one, or compare several."""
    commands = {"apart": apart, "fit": fit, "rows": rows, "measure": measure, "compare": compare}
    commands[args.command](args)


# --- rows ---


def rows(args: argparse.Namespace) -> None:
    """Write the selected rows of the model sheet and those of the trained models."""
    from visalign.io.sheets import read_config, schema
    from visalign.study.study import Study

    study = Study.read(read_config(args.config), args.config)
    columns = list(schema("models")["properties"])
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(study.models.values())
    write_atomic(args.output, buffer.getvalue())


# --- apart ---


def apart(args: argparse.Namespace) -> None:
    """Write which images were compared; one that a model is trained and scored on is an InputError."""
    from visalign.stimuli import tables as stimulus_tables

    scored = {path: stimulus_tables.read(path) for path in args.scored}
    for path in args.trained:
        table = stimulus_tables.read(path)
        for other, images in scored.items():
            if shared := stimulus_tables.shared_pictures(table, images):
                here, there = shared[0]
                raise InputError(
                    f"{path}: sha256: {len(shared)} of its {len(table)} images are in {other} too, the first "
                    f"{here!r} ({there!r} there): {args.model} would be trained and scored on them; train on "
                    "others, or take that set out of the scores (that of maps by scored: false)"
                )
    write_json(args.output, {"model": args.model, "trained": args.trained, "scored": args.scored})


# --- fit ---


def fit(args: argparse.Namespace) -> None:
    """Train one model, resuming from its last checkpoint; the card comes last."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment

    from visalign.train import loop
    from visalign.zoo import device
    from visalign.zoo.network import Normalised

    if args.batch_size % args.devices:
        raise InputError(f"--batch-size: {args.batch_size} is not a multiple of --devices {args.devices}")
    card = read_json(args.card)
    images = training_images(args, card)
    recipe = loop.Recipe(**{field.name: getattr(args, field.name) for field in fields(loop.Recipe)})
    device.claim_once(args.devices)
    accelerator = device.device().type
    precision = args.precision
    if precision == "auto":
        precision = "bf16-mixed" if accelerator == "cuda" else "32-true"
    identity = identify(args, card, asdict(recipe) | {"precision": precision})
    strategy = "ddp" if args.devices > 1 else "auto"
    fabric = Fabric(
        accelerator=accelerator,
        devices=args.devices,
        strategy=strategy,
        precision=precision,
        plugins=LightningEnvironment(),  # starts its processes itself, inside a Slurm job too
    )
    fabric.launch()
    work = Path(f"{args.output}.partial")
    if fabric.is_global_zero:
        work.mkdir(parents=True, exist_ok=True)
        n, n_maps = len(images.table), int(images.has_map.sum())
        lost = len(images.maps) - n_maps
        print(f"{n} images, {n_maps} with a human map; {lost} maps are constant or not finite")
        if seen := trained_on(args.validation, images.table):
            print(f"{args.validation}: {seen} of its images are trained on, so its metrics are no test")
    model = start(args, card, images.table)
    normalised = Normalised(model.to(fabric.device), card["data_config"])
    with tqdm(
        total=recipe.steps, desc=f"train {args.model}", unit="step", disable=not fabric.is_global_zero
    ) as bar:
        progress = loop.fit(
            *(fabric, normalised, recipe, images, loop.Checkpoint(work / "checkpoint.pt", identity)),
            workers=args.workers,
            checkpoint_every=args.checkpoint_every,
            evaluate_every=args.evaluate_every,
            evaluate=validator(args, normalised) if args.validation else None,
            report=reporter(bar, work / "metrics.csv"),
        )
    if fabric.is_global_zero:
        write(args, card, model, progress, recipe)
        shutil.rmtree(work)


def training_images(args: argparse.Namespace, card: dict[str, Any]) -> Any:
    """Images of both tables, with what is known of their maps."""
    import pandas as pd

    from visalign.maps import alignment
    from visalign.stimuli import tables as stimulus_tables
    from visalign.train.images import TrainingImages

    mapped = stimulus_tables.read(args.mapped)
    maps = alignment.read_maps(args.maps, mapped)
    parts = [(args.mapped, mapped)]
    parts += [(args.stimuli, stimulus_tables.read(args.stimuli))] if args.stimuli else []
    for path, table in parts:
        if "label" not in table or table["label"].isna().any():
            raise InputError(f"{path}: label: not every image has one")
    for path, table in parts:
        stimulus_tables.labels(table, n_classes(args, card, [table for _, table in parts]), path)
    size = args.input_size or card["data_config"]["input_size"][1]
    return TrainingImages(
        pd.concat([table for _, table in parts], ignore_index=True),
        *(maps, size, args.batch_size, args.share, args.seed, args.smallest_crop),
    )


def trained_on(validation: str | None, table: pd.DataFrame) -> int:
    """Number of validation images, where there are any, that are also trained on."""
    from visalign.stimuli import tables as stimulus_tables

    return len(stimulus_tables.shared_pictures(stimulus_tables.read(validation), table)) if validation else 0


def n_classes(args: argparse.Namespace, card: dict[str, Any], tables: list[pd.DataFrame]) -> int:
    """Classes that the trained model answers with: the base's, or those of a new head.

    A new head has all classes of a label space whose size is known, else as many as the largest label asks.
    """
    if card["label_space"] == args.label_space:
        return spaces.classes(card, args.card)
    return spaces.size(args.label_space) or max(int(table["label"].max()) for table in tables) + 1


def identify(args: argparse.Namespace, card: dict[str, Any], recipe: dict[str, Any]) -> str:
    """Hash of all that decides a training and its metrics."""
    files = [args.mapped, args.maps, args.stimuli, args.validation, args.validation_maps]
    names = ("label_space", "input_size", "batch_size", "share", "smallest_crop", "evaluate_every", "devices")
    options = {name: getattr(args, name) for name in names} | recipe
    base = {name: card[name] for name in ("sha256", "label_space", "data_config")}
    content = json.dumps([options, base, inputs_hash(*filter(None, files)), VERSIONS["fit"]], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def start(args: argparse.Namespace, card: dict[str, Any], table: pd.DataFrame) -> Any:
    """The base, with a new head, drawn by the seed, where its label space is not that of the images."""
    import torch

    from visalign.zoo import network

    new_head = card["label_space"] != args.label_space
    # A new head is no base's, of which a part may have been meant.
    model = network.build(card | {"label_space": "none"} if new_head else card, args.weights)
    if args.input_size:
        network.resize(model, (args.input_size,) * 2, tuple(card["data_config"]["input_size"][1:]))
        card["data_config"]["input_size"] = [3, args.input_size, args.input_size]
    if new_head:
        torch.manual_seed(args.seed)
        model.reset_classifier(n_classes(args, card, [table]))  # type: ignore[operator]
    return model.to(memory_format=torch.channels_last)  # as the inputs are, and faster


def validator(args: argparse.Namespace, model: Normalised) -> Callable[[], dict[str, float]]:
    """Return a function that measures accuracy, alignment and harmonizer loss on the validation images."""
    from visalign.maps import alignment

    trained = {"num_classes": model.model.num_classes, "label_space": args.label_space}
    classes = spaces.classes(trained, args.card)
    files = (args.validation_pixels, args.validation_maps, args.transform)
    images = held_out_images(args.validation, *files, classes)

    def validate() -> dict[str, float]:
        found = images.measure(model)
        return {f"validation_{name}": float(alignment.mean_defined(v, axis=0)) for name, v in found.items()}

    return validate


def held_out_images(table: str, pixels: str, maps: str, transform: str, classes: int) -> HeldOut:
    """Images with human maps on which a model of so many classes is measured."""
    from visalign.io import stores
    from visalign.maps import alignment
    from visalign.stimuli import tables as stimulus_tables
    from visalign.stimuli.transforms import Transform
    from visalign.train.evaluation import HeldOut

    stimuli = stimulus_tables.read(table)
    store = stores.open_store(pixels)
    stimulus_tables.check_ids(store, stimuli, pixels)
    human = alignment.read_maps(maps, stimuli)
    labels = stimulus_tables.labels(stimuli, classes, table)
    return HeldOut(stimuli, labels, stores.array(store, "pixels"), human, Transform.from_key(transform))


def reporter(bar: tqdm, path: Path) -> Callable[[Progress], None]:
    """Return a function that advances the bar and writes the metrics so far, for who watches."""

    def report(progress: Progress) -> None:
        bar.update(progress.step - bar.n)
        if not bar.disable and progress.count == 0:
            bar.set_postfix({name: f"{progress.rows[-1][name]:.3g}" for name in ("total", "accuracy")})
            write_metrics(path, progress)

    return report


def write_metrics(path: str | Path, progress: Progress) -> None:
    """Write the rows of metrics as CSV."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(progress.rows[-1]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(progress.rows)
    write_atomic(path, buffer.getvalue())


def write(
    args: argparse.Namespace, card: dict[str, Any], model: Any, progress: Progress, recipe: Recipe
) -> None:
    """Write weights, metrics and card."""
    import safetensors.torch

    output = Path(args.output)
    partial = output.with_name(f".{output.name}.partial")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(state, partial)
    digest = hashlib.sha256(partial.read_bytes()).hexdigest()
    os.replace(partial, output)
    write_metrics(args.metrics, progress)
    data = {"batch_size": args.batch_size, "share": args.share, "smallest_crop": args.smallest_crop}
    facts = {
        "model": args.model,
        "label_space": args.label_space,
        "architecture": card["architecture"],
        "weights": "train",
        "source": card["model"],
        "sha256": digest,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "num_classes": model.num_classes,
        "data_config": card["data_config"],
        **{name: card[name] for name in ("model_args",) if name in card},
        "base_sha256": card["sha256"],
        "trained_on": inputs_hash(*filter(None, (args.mapped, args.maps, args.stimuli))),
        "recipe": asdict(recipe) | data,
        "metrics": {name: None if value != value else value for name, value in progress.rows[-1].items()},
    }
    write_json(args.trained_card, facts)


# --- measure and compare ---


def measure(args: argparse.Namespace) -> None:
    """Write accuracy, alignment and harmonizer loss of each image."""
    from visalign.io.tables import write_table
    from visalign.zoo import network

    card = read_json(args.card)
    classes = spaces.classes(card, args.card)
    images = held_out_images(args.table, args.pixels, args.maps, args.transform, classes)
    found = images.measure(network.Normalised(network.load(card, args.weights), card["data_config"]))
    write_table(args.output, images.table[["stimulus_id"]].assign(**found))


def compare(args: argparse.Namespace) -> None:
    """Write how trained models differ from their baselines."""
    from visalign.io.sheets import read_sheet
    from visalign.io.tables import write_table
    from visalign.train import comparison

    pairs = comparison.pairs(read_sheet(args.models, "models", "model"), Path(args.directory))
    found = comparison.compare(
        pairs, args.maps, Path(args.directory), args.bootstrap, args.seed, measures.OF_TRAINING
    )
    write_table(args.output, found)
    write_atomic(args.text, comparison.text(found))
