"""Tool attacks-control: importance maps of low-level models in the place of adversarial perturbations.

They are compared with people's maps as the place of a perturbation is, on the stimuli that are drawn to be
attacked. None of them has a tolerance, since they name no class that could change.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd

from visalign.attacks import scoring, tolerance
from visalign.attacks.alignment import HEADLINE
from visalign.attacks.protocol import TARGETS, benchmark, choose
from visalign.io import stores
from visalign.io.files import inputs_hash
from visalign.io.scores import Score, Source, rows_of, write_scores
from visalign.io.tables import write_table
from visalign.maps import agreement, alignment, saliency
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform
from visalign.study.options import at_least
from visalign.zoo import low_level

VERSIONS = {"attacks_control": 1}
EXAMPLES = """\
  python -m visalign attacks-control --model edges --architecture edge-energy --dataset clickme_simulated \\
      --saliency saliency.zarr --saliency-manifest saliency.json --table clickme.csv \\
      --transform 224x224-center-0.875-bicubic --maps maps.npz --ceilings ceilings.json \\
      --output attacks.csv --image-table attacks_images.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign attacks-control``."""
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument("--architecture", required=True, choices=low_level.GIVES, help="what it computes")
    parser.add_argument("--dataset", required=True, help="name of the map set")
    parser.add_argument("--saliency", required=True, help="store of its importance maps (.zarr)")
    parser.add_argument("--saliency-manifest", required=True, help="its manifest (.json)")
    parser.add_argument("--table", required=True, help="table of the stimulus set")
    parser.add_argument("--transform", required=True, help="transform of the stimuli")
    parser.add_argument("--maps", required=True, help="processed human maps (.npz)")
    parser.add_argument("--ceilings", required=True, help="what maps-ceilings wrote for the transform")
    parser.add_argument("--simulated", choices=["true", "false"], default="false", help="are the maps?")
    parser.add_argument("--images", type=at_least(1), help="stimuli that are attacked (default: all)")
    parser.add_argument("--target", choices=TARGETS, default="label", help="what has to change")
    parser.add_argument("--bootstrap", type=at_least(1), default=2000, help="bootstrap draws over images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="score rows to write (CSV)")
    parser.add_argument("--image-table", required=True, help="per-image table to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (low-level model, map set)."""
    table = tables.read(args.table)
    people, store = agreement.read(args.ceilings, table), stores.open_store(args.saliency)
    tables.check_ids(store, table, args.saliency)
    importance = stores.array(store, saliency.METRICS[saliency.HEADLINE])
    maps, transform = alignment.read_maps(args.maps, table), Transform.from_key(args.transform)
    drawn = choose(len(table), args.images, args.seed)
    alignments = scoring.align_importance(importance, maps, table, drawn, transform)
    status = low_level.lacks(args.architecture, "classes")
    sizes = [Score(metric=tolerance.METRIC, status=str(status))]
    places = scoring.places(alignments, people, np.random.default_rng(args.seed), args.bootstrap)
    source = Source(
        model=args.model,
        benchmark=benchmark(args.dataset, args.target),
        simulated=False,
        seed=args.seed,
        version=VERSIONS["attacks_control"],
        inputs_hash=inputs_hash(args.saliency_manifest, args.ceilings),
    )
    of_places = replace(source, simulated=args.simulated == "true")
    images = {"stimulus_id": table["stimulus_id"], **alignment.per_image(alignments, HEADLINE)}
    write_table(args.image_table, pd.DataFrame(images))
    write_scores(args.output, rows_of(sizes, source) + rows_of(places, of_places))
