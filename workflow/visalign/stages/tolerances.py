"""Stage tolerances: perturbation tolerances of all models of a map set, in one frame and on the same images.

It reads the per-image tables that the stage attacks wrote of each model, and compares them in
`attacks.across_models`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from visalign.attacks import across_models, stopping
from visalign.attacks.protocol import benchmark
from visalign.io.files import inputs_hash
from visalign.io.scores import Source, rows_of, write_scores
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import section

VERSIONS = {"tolerances": 1}
EXAMPLES = """\
  python -m visalign tolerances --directory results/attacks --dataset clickme --models lite0 lite1 lite2 \\
      --output results/tolerances/clickme.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign tolerances``."""
    parser.add_argument(
        "--directory", required=True, help="holds MODEL/DATASET_images.csv of the stage attacks"
    )
    parser.add_argument("--dataset", required=True, help="name of the map set")
    parser.add_argument("--models", nargs="+", required=True, help="models whose tables are read")
    add_settings(parser, section("attacks"), "tolerances")
    add_seed(parser)
    parser.add_argument("--output", required=True, help="score rows to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Write the score rows of all models of one map set."""
    paths = {model: Path(args.directory) / model / f"{args.dataset}_images.csv" for model in args.models}
    tables = {model: across_models.read(path) for model, path in paths.items()}
    sizes, reasons = across_models.gather(tables, args.directory)
    found = across_models.summarise(sizes, args.models, reasons, seed=args.seed, draws=args.bootstrap)
    digest, remarks = inputs_hash(*paths.values()), across_models.remarks(tables)
    rows = []
    for model, scores in found.items():
        source = Source(
            model=model,
            benchmark=benchmark(args.dataset, args.target),
            simulated=False,  # the images are real whatever the maps are
            seed=args.seed,
            version=VERSIONS["tolerances"],
            inputs_hash=digest,
        )
        rows += rows_of(stopping.remarked(scores, remarks[model]), source)
    write_scores(args.output, rows)
