"""Draw accuracy against alignment: a figure of all measures, one of probes, and one per panel."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from visalign.errors import InputError
from visalign.io.files import read_json
from visalign.report import theme
from visalign.report.figure import drawn, figures_of, named_styles, nothing_yet, stem
from visalign.study.options import add_settings
from visalign.study.schemas import section
from visalign.trend.answer import StudyTrend

VERSIONS = {"figures": 4}

EXAMPLES = """\
  python -m visalign figures --trend results/trend.json --output-dir results/figures \\
      --measures-dir results/figures/measures
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--trend", required=True, metavar="JSON", help="panels, as the trend stage writes them"
    )
    parser.add_argument("--output-dir", required=True, type=Path, metavar="DIR", help="where the figure goes")
    parser.add_argument(
        "--measures-dir", required=True, type=Path, metavar="DIR", help="where the figures of each measure go"
    )
    parser.add_argument(
        "--figures",
        nargs="*",
        default=[],
        metavar="NAME",
        help="figures accuracy_vs_NAME to write even where no model has been scored yet, such as probes",
    )
    add_settings(parser, section("figures"), "figures")


def run(args: argparse.Namespace) -> None:
    """Read the panels, draw, save as PNG, SVG and PDF."""
    trend: StudyTrend = read_json(args.trend)
    panels = trend.get("panels")
    if not panels:
        raise InputError(f"{args.trend}: field 'panels' is missing or empty")
    styles = named_styles(panels)
    named = figures_of(panels, args.figures)
    files = {args.output_dir / f"accuracy_vs_{name}": shown for name, shown in named.items()}
    files |= {args.measures_dir / stem(panel): [panel] for panel in panels}
    with theme.look():
        for path, shown in tqdm(files.items(), desc="figures", unit="figure"):
            version = VERSIONS["figures"]
            own = drawn(trend, shown, styles, version) if shown else nothing_yet(path.name.rpartition("_")[2])
            theme.save(own, path, args.dpi)
