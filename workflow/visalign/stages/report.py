"""Write the report: one self-contained page of all models, and a page for each model beside it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd

from visalign.errors import InputError
from visalign.io.files import read_json, write_atomic
from visalign.io.scores import read_scores
from visalign.measures import wording
from visalign.report import model_page as report_pages
from visalign.report import study_page
from visalign.trend import text, verdict

VERSIONS = {"study": 5, "model": 5}

EXAMPLES = """\
  python -m visalign report --scores results/scores.csv --trend results/trend.json \\
      --figure results/figures/accuracy_vs_alignment.svg --cards results/maps/clickme.json \\
      --benchmarks-dir results/benchmarks --output results/report.html
  python -m visalign report --model lite0 --scores results/clickme/lite0/clicks.csv \\
      --galleries '[{"maps": "clicks", "stimuli": "clicks", "transform": "224x224-center-0.875-bicubic"}]' \\
      --output results/report/lite0.html
"""

TEMPLATES = Path(__file__).parents[2] / "report"


def number(value: float | None) -> str:
    """Return a number to three decimals, below 0.01 to two digits; rounding errors of 0 are 0."""
    if value and 1e-12 < abs(value) < 0.01:
        return f"{value:.2g}".replace("-", "−")
    return wording.decimal(value, 3)


def render(template: str, context: dict[str, Any]) -> str:
    """Fill a template; every string in `context` is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {"decimal": wording.decimal, "number": number}
    return environment.get_template(template).render(context)


def links(paths: Iterable[str | Path], page: Path) -> list[tuple[str, str]]:
    """Return stem and address, relative to `page`, of each file that exists."""
    found = [Path(path) for path in paths if Path(path).exists()]
    return [(path.stem, quote(os.path.relpath(path, page.parent))) for path in found]


def study_pages(args: argparse.Namespace, scores: pd.DataFrame) -> dict[Path, str]:
    """Return the page of all models as HTML, by the file to write; the packed one links to no other file."""
    trend = read_json(args.trend)
    for field in ("panels", "accuracy"):
        if field not in trend:
            raise InputError(f"{args.trend}: no field {field!r}")
    simulated = study_page.simulated_measures(scores, trend)
    models = study_page.families(scores, trend)
    cards = [args.directory / "models" / f"{model}.json" for model in models]
    parameters = {path.stem: read_json(path).get("parameters") for path in cards if path.exists()}
    pages = [args.directory / "report" / f"{model}.html" for model in models]
    content = {
        "simulated": simulated,
        "simulation": verdict.of_simulation(simulated),
        "panels": study_page.panels(scores, trend, {k: v for k, v in parameters.items() if v}),
        "verdicts": [
            panel
            | {"name": study_page.measure_name(panel), "sentences": verdict.of_panel(panel)}
            | {"further": text.further(panel["trend"]) if panel["trend"] else []}
            for panel in trend["panels"]
        ],
        "columns": study_page.headlines(trend),
        "failures": study_page.failures(scores, trend),
        "left_out": study_page.left_out(scores),
        "cards": [(Path(path).stem, read_json(path)) for path in args.cards],
        "versions": study_page.versions(scores),
        "timings": study_page.timings(args.benchmarks_dir),
        "trend": trend,
        "config_hash": args.config_hash,
        "n_scores": len(scores),
    }

    def page(own_pages: list[Path], files: list[str]) -> str:
        models = study_page.model_table(scores, trend, dict(links(own_pages, args.output)))
        return render("report.html.j2", content | {"models": models, "links": links(files, args.output)})

    written = {args.output: page(pages, [*args.scores, *args.figure])}
    return written | ({args.packed: page([], [])} if args.packed else {})


def model_page(args: argparse.Namespace, scores: pd.DataFrame) -> str:
    """Return the page of one model as HTML."""
    files = [*args.scores, *report_pages.files(args.directory, args.model, args.galleries)]
    back = quote(os.path.relpath(args.directory / "report.html", args.output.parent))
    content = report_pages.content(scores, args.model, args.directory, args.galleries)
    if args.published_top1 is not None:
        content["card"]["published_top1"] = args.published_top1
    return render("model.html.j2", content | {"links": links(files, args.output), "back": back})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, nargs="+", metavar="CSV", help="score tables")
    parser.add_argument("--directory", type=Path, default=Path("results"), metavar="DIR",
                        help="where the results of the stages are; what is missing is left out")  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, metavar="HTML", help="page to write")
    study = parser.add_argument_group("page of all models")
    study.add_argument("--trend", metavar="JSON", help="panels, as trend writes them")
    study.add_argument("--figure", nargs="*", default=[], metavar="FILE", help="figures to link to")
    study.add_argument("--cards", nargs="*", default=[], metavar="JSON", help="data cards of the data sets")
    study.add_argument("--benchmarks-dir", type=Path, metavar="DIR", help="Snakemake's benchmark files")
    study.add_argument("--packed", type=Path, metavar="HTML",
                       help="also write the page without links to other files, to be sent alone")  # fmt: skip
    study.add_argument("--config-hash", default="", metavar="HASH", help="of the configuration, to show")
    model = parser.add_argument_group("page of one model")
    model.add_argument("--model", help="its name")
    model.add_argument("--published-top1", type=float, metavar="TOP1", help="what others report, to show")
    model.add_argument("--galleries", type=json.loads, default=[], metavar="JSON",
                       help="list of {maps, stimuli, transform}: what to show images of")  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Write the page of all models, or of one."""
    scores = pd.concat([read_scores(path) for path in args.scores], ignore_index=True)
    if args.model:
        written = {args.output: model_page(args, scores)}
    elif args.trend:
        written = study_pages(args, scores)
    else:
        raise InputError("give --trend for the page of all models, or --model for that of one")
    for path, page in written.items():
        write_atomic(path, page)
