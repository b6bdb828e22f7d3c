"""Stage clickme: does a model's saliency fall where people look?"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from visalign import map_alignment, stimulus_tables, stores
from visalign.tables import inputs_hash, read_json, score_row, write_scores, write_table
from visalign.transforms import Transform

VERSION = 1
EXAMPLES = """\
  python -m visalign clickme --model lite0 --dataset clickme_simulated --saliency saliency.zarr \\
      --saliency-manifest saliency.json --table clickme.csv --transform 224x224-center-0.875-bicubic \\
      --maps maps.npz --card maps.json --output clickme.csv --images clickme_images.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign clickme``."""
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument("--dataset", required=True, help="name of the map set")
    parser.add_argument("--saliency", required=True, help="saliency store (.zarr)")
    parser.add_argument("--saliency-manifest", required=True, help="its manifest (.json)")
    parser.add_argument("--table", required=True, help="table of the stimulus set")
    parser.add_argument("--transform", required=True, help="transform of the saliency's stimuli")
    parser.add_argument("--maps", required=True, help="processed human maps (.npz)")
    parser.add_argument("--card", required=True, help="their card (.json)")
    parser.add_argument("--simulated", choices=["true", "false"], default="false")
    parser.add_argument("--bootstrap", type=int, default=2000, help="bootstrap draws over images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="score rows to write (CSV)")
    parser.add_argument("--images", required=True, help="per-image table to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Write the score rows and the per-image table of one (model, map set)."""
    table = stimulus_tables.read(args.table)
    store = stores.open_store(args.saliency)
    stimulus_tables.check_ids(store, table, args.saliency)
    card = read_json(args.card)
    maps = map_alignment.read_maps(args.maps, table)
    human = map_alignment.at_input(maps, table, Transform.from_key(args.transform))
    rng = np.random.default_rng(args.seed)
    alignment = map_alignment.align(stores.values(store, "max_abs_gradient"), human, rng)
    ceiling = card["ceiling"]["value"]
    rows = [
        score_row(
            model=args.model,
            benchmark=f"clickme/{args.dataset}",
            metric="spearman",
            simulated=args.simulated == "true",
            seed=args.seed,
            version=VERSION,
            inputs_hash=inputs_hash(args.saliency_manifest, args.card),
            **entry,
        )
        for entry in map_alignment.summarise(alignment, ceiling, rng, args.bootstrap).values()
    ]
    per_image = {
        "stimulus_id": table["stimulus_id"],
        "rho": alignment.rho,
        "floor": alignment.floor,
        "reason": alignment.reason,
    }
    write_table(args.images, pd.DataFrame(per_image))
    write_scores(args.output, rows)
