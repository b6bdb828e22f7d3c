"""Stage size: how large a model is."""

from __future__ import annotations

import argparse
import math

from visalign.io.files import inputs_hash, read_json
from visalign.io.scores import Score, Source, rows_of, write_scores

VERSIONS = {"size": 1}
EXAMPLES = """\
  python -m visalign size --model lite0 --dataset it --card lite0.json --output size.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign size``."""
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument("--dataset", required=True, help="name of the recording")
    parser.add_argument("--card", required=True, help="card of the model")
    parser.add_argument("--output", required=True, help="score rows to write (CSV)")


def run(args: argparse.Namespace) -> None:
    """Write the score of one model."""
    value = math.log10(read_json(args.card)["parameters"])
    score = Score(metric="log_parameters", convention="log10", value=value, n=1, headline=True)
    source = Source(
        model=args.model,
        benchmark=f"size/{args.dataset}",
        version=VERSIONS["size"],
        inputs_hash=inputs_hash(args.card),
    )
    write_scores(args.output, rows_of([score], source))
