"""Stage scores: every score of the study in one tidy table, each a value or the reason why not."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from visalign.io.files import write_atomic
from visalign.io.sheets import read_sheet
from visalign.io.tables import write_table
from visalign.measures import added_scores
from visalign.measures.score_table import Benchmark, as_parquet, gather
from visalign.study.options import add_settings
from visalign.study.schemas import section
from visalign.study.study import select

VERSIONS = {"scores": 1}
EXAMPLES = """\
  python -m visalign scores --directory results --sheet config/models/embedded.tsv --benchmarks \\
      '[{"measure": "accuracy", "dataset": "photographs", "label_space": "imagenet-1k"}]' \\
      --output results/scores.csv --parquet results/scores.parquet
  python -m visalign scores --directory results --benchmarks '[]' --tables mine.csv \\
      --output results/scores.csv --parquet results/scores.parquet
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign scores``."""
    parser.add_argument("--directory", required=True, help="holds MEASURE/MODEL/DATASET.csv")
    parser.add_argument("--sheet", nargs="?", help="model sheet (TSV); none: no models but those of tables")
    add_settings(parser, section("models"), "scores")
    add_settings(parser, section("scores"), "scores")
    parser.add_argument(
        "--benchmarks",
        required=True,
        type=json.loads,
        help="JSON list of {measure, dataset, label_space, simulated, reason}; a reason means: no scores",
    )
    parser.add_argument(
        "--heads",
        type=json.loads,
        default={},
        help="JSON: model -> why its head has no scores that rest on labels",
    )
    parser.add_argument(
        "--published",
        type=json.loads,
        metavar="JSON",
        help="{table, model, top1}: published accuracies and their columns, added as accuracy/published",
    )
    parser.add_argument("--logs", default="logs", help="folder of logs, searched for why a score is missing")
    parser.add_argument("--output", required=True, help="table to write (CSV)")
    parser.add_argument("--parquet", required=True, help="the same as parquet")


def run(args: argparse.Namespace) -> None:
    """Write the score table as CSV and parquet."""
    models = {}
    if args.sheet:
        models = select(read_sheet(args.sheet, "models", "model"), args.select, args.sheet)
    added = [added_scores.read_table(path) for path in args.tables]
    published = added_scores.published_rows(models, **args.published) if args.published else []
    benchmarks = [Benchmark.of(entry) for entry in args.benchmarks]
    scores = gather(Path(args.directory), models, benchmarks, Path(args.logs), args.heads, added, published)
    failed = sorted(set(scores["model"][scores["status"].str.startswith("failed")]))
    for model in failed:
        print(f"visalign scores: model {model} failed")
    write_atomic(args.parquet, as_parquet(scores))
    write_table(args.output, scores)
