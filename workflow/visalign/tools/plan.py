"""Tool plan: what a study will take before it is started: jobs, downloads, disk and hours."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from visalign.study.costs import Sizes
from visalign.study.memory import Memory
from visalign.study.plan import dry_run, load, make_scratch, measured, plan, text

EXAMPLES = """\
  python -m visalign plan config/paper.yaml
  python -m visalign plan config/paper.yaml --scratch scratch --json
  snakemake -n --directory scratch --configfile config/paper.yaml --config check=False
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign plan``."""
    parser.add_argument("config", type=Path, help="config of the study")
    parser.add_argument(
        "--timings",
        type=Path,
        default=Path("results/benchmarks"),
        help="times of the jobs of a run, beside its other results (default: %(default)s)",
    )
    parser.add_argument(
        "--measured-config",
        type=Path,
        default=Path("config/config.yaml"),
        help="config of that run (default: %(default)s)",
    )
    parser.add_argument(
        "--scratch", type=Path, help="keep the folder in which `snakemake -n` plans the study"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    """Print the plan."""
    study, results = load(args.config), args.timings.parent
    times = {}
    if args.timings.is_dir():
        times = measured(args.timings, Sizes(load(args.measured_config), results))
    with tempfile.TemporaryDirectory() as temporary:
        scratch = args.scratch or Path(temporary)
        make_scratch(study, scratch)
        jobs = list(dry_run(args.config, scratch))
    planned = plan(jobs, Memory(study, results), times)
    print(json.dumps(planned) if args.json else text(planned))
