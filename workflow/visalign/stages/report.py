"""Stage report: one self-contained page of all models, and one page per model beside it.

``report study`` writes the page of all models, ``report model`` that of one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from visalign.errors import InputError
from visalign.io.files import read_json, write_atomic
from visalign.io.scores import read_scores
from visalign.measures import BY_NAME
from visalign.report import pages, study_page
from visalign.trend.answer import StudyTrend

VERSIONS = {"study": 7, "model": 7}

EXAMPLES = """\
  python -m visalign report study --scores results/scores.csv --trend results/trend.json \\
      --figure results/figures/accuracy_vs_alignment.svg --cards results/maps/clickme.json \\
      --timings results/benchmarks --output results/report.html
  python -m visalign report model --model lite0 --scores results/clickme/lite0/clicks.csv \\
      --galleries '[{"maps": "clicks", "stimuli": "clicks", "transform": "224x224-center-0.875-bicubic"}]' \\
      --output results/report/lite0.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    commands = parser.add_subparsers(dest="command", metavar="study|model", required=True)
    study = commands.add_parser("study", help="write the page of all models")
    study.add_argument("--trend", required=True, metavar="JSON", help="panels, as trend writes them")
    study.add_argument("--figure", nargs="*", default=[], metavar="FILE", help="figures to link to")
    study.add_argument(
        "--probe-figure", nargs="*", type=Path, default=[], metavar="PNG", help="figure of probes to show"
    )
    study.add_argument("--cards", nargs="*", default=[], metavar="JSON", help="cards of recordings and maps")
    study.add_argument(
        "--credits",
        type=json.loads,
        default=[],
        metavar="JSON",
        help="list of {names, citation, licence}: whose data they are, to show",
    )
    study.add_argument(
        "--not-measured",
        type=json.loads,
        default={},
        metavar="JSON",
        help="measure -> why the study does not measure it, to show",
    )
    study.add_argument("--timings", type=Path, metavar="DIR", help="Snakemake's times of jobs, to show")
    study.add_argument(
        "--packed",
        type=Path,
        metavar="HTML",
        help="also write the page without links to other files, to be sent alone",
    )
    study.add_argument("--config-hash", default="", metavar="HASH", help="of the configuration, to show")
    model = commands.add_parser("model", help="write the page of one model")
    model.add_argument("--model", required=True, help="its name")
    model.add_argument("--published-top1", type=float, metavar="TOP1", help="what others report, to show")
    model.add_argument(
        "--galleries",
        type=json.loads,
        default=[],
        metavar="JSON",
        help="list of {maps, stimuli, transform}: what to show images of",
    )
    model.add_argument(
        "--probes",
        type=json.loads,
        default=[],
        metavar="JSON",
        help="list of {probe, stimuli, transform}: probes to show, with trials that were right and wrong",
    )
    for command in (study, model):
        command.add_argument("--scores", required=True, nargs="+", metavar="CSV", help="score tables")
        command.add_argument(
            "--directory",
            type=Path,
            default=Path("results"),
            metavar="DIR",
            help="where the results of the stages are; what is missing is left out",
        )
        command.add_argument("--output", required=True, type=Path, metavar="HTML", help="page to write")


def run(args: argparse.Namespace) -> None:
    """Write the page of all models, or of one."""
    scores = pd.concat([read_scores(path) for path in args.scores], ignore_index=True)
    {"study": study, "model": model}[args.command](args, scores)


def study(args: argparse.Namespace, scores: pd.DataFrame) -> None:
    """Write the page of all models, and the packed one, which links to no other file."""
    trend: StudyTrend = read_json(args.trend)
    for field in ("panels", "accuracy"):  # which is null where there is no x axis
        if field not in trend:
            raise InputError(f"{args.trend}: no field {field!r}")
    models = list(study_page.families(scores, trend))
    content = pages.content_of_study(
        scores,
        trend,
        pages.parameters_of(args.directory, models),
        [(Path(path).stem, read_json(path)) for path in args.cards],
        study_page.timings(args.timings),
        args.config_hash,
        args.credits,
        {BY_NAME[name].title: reason for name, reason in args.not_measured.items()},
        next(iter(args.probe_figure), None),
    )
    own = [args.directory / "report" / f"{model}.html" for model in models]
    files = [*args.scores, *args.figure]
    write_atomic(args.output, pages.of_study(scores, content, args.output, own, files))
    if args.packed:
        write_atomic(args.packed, pages.of_study(scores, content, args.output))


def model(args: argparse.Namespace, scores: pd.DataFrame) -> None:
    """Write the page of one model."""
    page = pages.of_model(
        scores,
        args.model,
        args.directory,
        args.galleries,
        args.output,
        args.scores,
        args.published_top1,
        args.probes,
    )
    write_atomic(args.output, page)
