"""Stage saliency: gradient of a class with respect to the input: of the label, or of the model's answer.

The importance maps of low-level models take its place.
"""

from __future__ import annotations

import argparse

import numpy as np

from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.labels import spaces
from visalign.study.options import add_settings
from visalign.study.schemas import section
from visalign.zoo import inputs as zoo_inputs
from visalign.zoo import low_level, low_level_stores, saliency
from visalign.zoo.inputs import Inputs

VERSIONS = {"saliency": 1}
EXAMPLES = """\
  python -m visalign saliency --card lite0.json --weights lite0.safetensors --pixels clickme.zarr \\
      --pixels-manifest clickme.json --table clickme.csv --output saliency.zarr --manifest saliency.json
  python -m visalign saliency --card lite0.json --weights lite0.safetensors --pixels osie.zarr \\
      --pixels-manifest osie.json --table osie.csv --target predicted --output saliency.zarr \\
      --manifest saliency.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign saliency``."""
    parser.add_argument("--card", required=True, help="card of the model")
    parser.add_argument("--weights", required=True, help="weights of the model (.safetensors)")
    parser.add_argument("--pixels", required=True, help="preprocessed stimuli (.zarr)")
    parser.add_argument("--pixels-manifest", required=True, help="their manifest (.json)")
    parser.add_argument("--table", required=True, help="table of the stimulus set")
    add_settings(parser, section("saliency"), "saliency")
    parser.add_argument("--output", required=True, help="store to write (.zarr)")
    parser.add_argument("--manifest", required=True, help="manifest to write (.json)")


def run(args: argparse.Namespace) -> None:
    """Write the saliency store of one (model, stimulus set), resuming after the last batch."""
    inputs = zoo_inputs.read(args.card, args.table, args.pixels)
    card, of_network = inputs.card, inputs.card["weights"] != low_level.WEIGHTS
    labels = labels_of(inputs, args.target) if of_network else None
    predicted = {"target": "predicted"} if of_network and labels is None else {}
    identity = {
        "model": inputs_hash(args.card),
        "pixels": inputs_hash(args.pixels_manifest, args.table),
        "batch_size": args.batch_size,
        "version": VERSIONS["saliency"],
        **predicted,
    }
    group = stores.open_partial(args.output, identity)
    stores.write_strings(group, "stimulus_id", list(inputs.table["stimulus_id"]), "stimulus")
    if of_network:
        saliency.write(inputs, args.weights, labels, group, args.batch_size)
    else:
        low_level_stores.write_maps(card, inputs.pixels, group, args.batch_size, saliency.REDUCTIONS)
    origin = {"model": card["model"], "weights_sha256": card["sha256"]} | spaces.provenance(card)
    stores.publish(args.output, args.manifest, stores.provenance(**origin, **predicted))


def labels_of(inputs: Inputs, target: str | None) -> np.ndarray | None:
    """Labels (n_stimuli,) whose gradients are taken; None: the classes that the network answers.

    Raises
    ------
    InputError
        Labels that are taken and not there, or no outputs of the network; a head that cannot be read.
    """
    unlabelled = "label" not in inputs.table or bool(inputs.table["label"].isna().all())
    if target == "predicted" or (target == "label_or_predicted" and unlabelled):
        if not inputs.classes:
            raise InputError(f"{inputs.card_path}: num_classes: 0: a network without a head answers no class")
        return None
    if unlabelled:
        raise InputError(
            f"{inputs.table_path}: label: no image has one: --target predicted takes the class that the "
            "model answers"
        )
    return inputs.labels
