"""Write the report: one self-contained page of all models, and a page for each model beside it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from visalign.errors import InputError
from visalign.io.files import read_json, write_atomic
from visalign.io.scores import read_scores
from visalign.report import pages, study_page

VERSIONS = {"study": 5, "model": 5}

EXAMPLES = """\
  python -m visalign report --scores results/scores.csv --trend results/trend.json \\
      --figure results/figures/accuracy_vs_alignment.svg --cards results/maps/clickme.json \\
      --benchmarks-dir results/benchmarks --output results/report.html
  python -m visalign report --model lite0 --scores results/clickme/lite0/clicks.csv \\
      --galleries '[{"maps": "clicks", "stimuli": "clicks", "transform": "224x224-center-0.875-bicubic"}]' \\
      --output results/report/lite0.html
"""


def study_pages(args: argparse.Namespace, scores: pd.DataFrame) -> dict[Path, str]:
    """Return the page of all models as HTML, by the file to write; the packed one links to no other file."""
    trend = read_json(args.trend)
    for field in ("panels", "accuracy"):
        if field not in trend:
            raise InputError(f"{args.trend}: no field {field!r}")
    models = list(study_page.families(scores, trend))
    content = pages.content_of_study(
        scores,
        trend,
        pages.parameters_of(args.directory, models),
        [(Path(path).stem, read_json(path)) for path in args.cards],
        study_page.timings(args.benchmarks_dir),
        args.config_hash,
    )
    own = [args.directory / "report" / f"{model}.html" for model in models]
    files = [*args.scores, *args.figure]
    written = {args.output: pages.of_study(scores, content, args.output, own, files)}
    return written | ({args.packed: pages.of_study(scores, content, args.output)} if args.packed else {})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, nargs="+", metavar="CSV", help="score tables")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where the results of the stages are; what is missing is left out",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="HTML", help="page to write")
    study = parser.add_argument_group("page of all models")
    study.add_argument("--trend", metavar="JSON", help="panels, as trend writes them")
    study.add_argument("--figure", nargs="*", default=[], metavar="FILE", help="figures to link to")
    study.add_argument("--cards", nargs="*", default=[], metavar="JSON", help="data cards of the data sets")
    study.add_argument("--benchmarks-dir", type=Path, metavar="DIR", help="Snakemake's benchmark files")
    study.add_argument(
        "--packed",
        type=Path,
        metavar="HTML",
        help="also write the page without links to other files, to be sent alone",
    )
    study.add_argument("--config-hash", default="", metavar="HASH", help="of the configuration, to show")
    model = parser.add_argument_group("page of one model")
    model.add_argument("--model", help="its name")
    model.add_argument("--published-top1", type=float, metavar="TOP1", help="what others report, to show")
    model.add_argument(
        "--galleries",
        type=json.loads,
        default=[],
        metavar="JSON",
        help="list of {maps, stimuli, transform}: what to show images of",
    )


def run(args: argparse.Namespace) -> None:
    """Write the page of all models, or of one."""
    scores = pd.concat([read_scores(path) for path in args.scores], ignore_index=True)
    if args.model:
        of_model = pages.of_model(
            scores,
            args.model,
            args.directory,
            args.galleries,
            args.output,
            args.scores,
            args.published_top1,
        )
        written = {args.output: of_model}
    elif args.trend:
        written = study_pages(args, scores)
    else:
        raise InputError("give --trend for the page of all models, or --model for that of one")
    for path, page in written.items():
        write_atomic(path, page)
