"""Accuracy against alignment: one panel per headline of a measure, and the same statistics on any table.

The statistics of one cloud of models are in `trend.association`; here they meet the score table of the
pipeline, or two columns of a user's table. Columns ``parameters``, ``training_data`` and ``input_size`` of
the model sheet or of the user's table are used where they are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from visalign.errors import InputError
from visalign.io.files import inputs_hash, write_json
from visalign.measures import PANELS
from visalign.study.options import add_seed, add_settings
from visalign.study.schemas import section
from visalign.trend import axis, score_rows, text
from visalign.trend.answer import StudyTrend
from visalign.trend.model_sheet import read_study
from visalign.trend.overlay import read_overlay
from visalign.trend.panel import Settings, panels
from visalign.trend.table import of_table

VERSIONS = {"trend": 9}

EXAMPLES = """\
  python -m visalign trend scores_per_model.csv --x top1 --y it_pls --label model
  python -m visalign trend neural.csv --join accuracy.csv --on model_name=model --x top1 --y score --json
  python -m visalign trend models.csv --x top1 --y tolerance --exclude training=adversarial
  python -m visalign trend --scores results/scores.csv --models config/models/embedded.tsv \\
      --accuracy accuracy/photographs --output results/trend.json
"""


def run_pipeline(args: argparse.Namespace) -> None:
    """Write the panels of a score table as JSON."""
    scores, sheet = read_study(args.scores, args.models, args.sides, args.tables)
    x = axis.choose(scores, args.scores, args.accuracy, args.metric, args.axis, args.titles)
    known = (*PANELS, *dict.fromkeys(benchmark for _, benchmark in score_rows.of_headlines(scores)))
    overlays = read_overlay(args.overlay, known) if args.overlay else {}
    settings = Settings(x, args.roles, args.seed, args.bootstrap, args.titles)
    found = panels(scores, sheet, overlays, settings, args.confirmatory)
    alone = any(panel["reason"] == axis.ALONE for panel in found)
    trend: StudyTrend = {
        "version": VERSIONS["trend"],
        "seed": args.seed,
        "bootstrap": args.bootstrap,
        "confidence": 0.95,
        "accuracy": x.answer() if x and not alone else None,
        "roles": args.roles,
        "inputs_hash": inputs_hash(args.scores, *filter(None, [args.models]), *args.tables),
        "panels": found,
    }
    write_json(args.output, trend)


def run_table(args: argparse.Namespace) -> None:
    """Print the trend of two columns of any table."""
    answer = of_table(
        args.table,
        args.x,
        args.y,
        join=args.join,
        on=args.on,
        label=args.label,
        family=args.family,
        exclude=args.exclude,
        anchor=args.anchor,
        seed=args.seed,
        draws=args.bootstrap,
    )
    as_json = json.dumps(answer, indent=1, allow_nan=False, ensure_ascii=False)
    print(as_json if args.json else text.as_text(answer))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both uses: any table, and the pipeline's score table."""
    table = parser.add_argument_group("any table (answer on standard output)")
    option = table.add_argument
    option("table", nargs="?", metavar="TABLE", help="CSV or TSV, one row per model")
    option("--x", metavar="COL", help="column of the accuracies")
    option("--y", metavar="COL", help="column of the alignments")
    option("--join", metavar="OTHER", help="second table; only rows in both are used")
    option("--on", metavar="LEFT[=RIGHT]", help="columns that match the rows of the two tables")
    option("--label", metavar="COL", help="column that names the points (default: the key, or model)")
    option("--family", metavar="COL", help="column of model families: intervals over them")
    option("--exclude", metavar="COL=VALUE", action="append", default=[], help="leave rows out; repeatable")
    option("--anchor", metavar="MODEL", help="draw the falling line to this point instead")
    option("--json", action="store_true", help="print JSON instead of text")
    pipeline = parser.add_argument_group("score table of the pipeline (answer in a file)")
    option = pipeline.add_argument
    option("--scores", metavar="CSV", help="score table of every model and measure")
    option("--models", nargs="?", metavar="TSV", help="model sheet (columns model, family)")
    option(
        "--tables",
        nargs="*",
        default=[],
        metavar="CSV",
        help="score tables of others, for models of no sheet",
    )
    option(
        "--sides", type=json.loads, metavar="JSON", help="input side of each model in pixels: {model: side}"
    )
    option(
        "--titles",
        type=json.loads,
        default={},
        metavar="JSON",
        help="titles of benchmarks that have one of their own: {benchmark: title}",
    )
    option("--output", type=Path, metavar="JSON", help="panels, for figures and report")
    both = parser.add_argument_group("settings: of a table, bootstrap and seed only")
    add_settings(both, section("trend"), "trend")
    add_seed(both)


def run(args: argparse.Namespace) -> None:
    """Run on a table, or on the pipeline's score table."""
    needed = ("x", "y") if args.table else ("scores", *(() if args.tables else ("models",)), "output")
    for name in needed:
        if getattr(args, name) is None:
            other = "" if args.table else " (or give a TABLE with --x and --y)"
            raise InputError(f"--{name} is missing{other}")
    if args.table and args.scores:
        raise InputError(f"give either a table ({args.table}) or --scores ({args.scores}), not both")
    (run_table if args.table else run_pipeline)(args)
