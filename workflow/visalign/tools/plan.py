"""Tool plan: what a study will take before it is started: jobs, downloads, disk and hours."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from visalign.errors import InputError
from visalign.study import detectable, gpus, smaller
from visalign.study.costs import Sizes
from visalign.study.gpus import Gpu
from visalign.study.hours import Timed, measured
from visalign.study.jobs import Job, dry_run, load, make_scratch
from visalign.study.memory import Memory
from visalign.study.order import order
from visalign.study.plan import of_smaller, plan
from visalign.study.plan_text import text

EXAMPLES = """\
  python -m visalign plan config/paper.yaml
  python -m visalign plan config/paper.yaml --gpu
  python -m visalign plan config/paper.yaml --gpu a100 mine=1500 --order
  python -m visalign plan config/paper.yaml --gpu a100 --half-width 0.02 perturbation_tolerance=0.1
  python -m visalign plan config/paper.yaml --models 300 200 100
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
        "--measured-gpu",
        metavar="KIND[=THROUGHPUT]",
        help="the GPU on which networks of that run ran (default: none)",
    )
    parser.add_argument(
        "--gpu",
        nargs="*",
        metavar="KIND[=THROUGHPUT]",
        help="hours of networks on kinds of GPUs, by what is published of them, or by a measured throughput: "
        f"images a second of ResNet-50 at 224 pixels in float32 (without a kind: {', '.join(gpus.GPUS)})",
    )
    parser.add_argument("--order", action="store_true", help="in which order to ask for measures")
    parser.add_argument(
        "--half-width",
        nargs="+",
        metavar="[PANEL=]WIDTH",
        default=[],
        help="half-width of 95%% intervals, of all panels or of one: images that these need, and what the "
        f"study of so many takes; {', '.join(smaller.ASSUMED)}",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        type=int,
        default=[],
        help="numbers of models: the smallest fall that their trend would find (with --half-width: all, half "
        "and a quarter)",
    )
    parser.add_argument(
        "--scratch", type=Path, help="keep the folder in which `snakemake -n` plans the study"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    """Print the plan."""
    kinds = list(gpus.GPUS.values()) if args.gpu == [] else gpus.parse(args.gpu or ())
    wanted = smaller.half_widths(args.half_width)
    study, results = load(args.config), args.timings.parent
    falls = detectable.falls(study, args.models) if args.models or wanted else None
    timed = read_timings(args, results)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = args.scratch or Path(temporary)
        make_scratch(study, scratch)
        jobs = list(dry_run(args.config, scratch))
    sizes = Memory(study, results)
    planned = plan(jobs, sizes, timed, kinds)
    if args.order:
        gpu = kinds[0] if kinds else timed.ran_on
        planned["order"] = order(study, jobs, lambda job: seconds(job, sizes, timed, gpu), args.config)
    if falls is not None:
        planned["falls"] = falls
    if wanted:
        planned["smaller"] = of_smaller(jobs, sizes, timed, kinds, wanted)
    print(json.dumps(planned) if args.json else text(planned))


def read_timings(args: argparse.Namespace, results: Path) -> Timed:
    """Read the times of the measured run; none where it is not there.

    Raises
    ------
    InputError
        No times of the GPU that is named.
    """
    ran_on = gpus.parse([args.measured_gpu], "--measured-gpu")[0] if args.measured_gpu else None
    if args.timings.is_dir():
        return Timed.of(measured(args.timings, Sizes(load(args.measured_config), results)), ran_on)
    if ran_on:
        raise InputError(f"--measured-gpu {args.measured_gpu!r}: --timings {args.timings}: no such folder")
    return Timed({})


def seconds(job: Job, sizes: Memory, timed: Timed, gpu: Gpu | None) -> float | None:
    """Seconds of a job: of a network on the GPU if there is one, else as measured."""
    if gpu and sizes.on_gpu(job.rule, job.names):
        return timed.seconds_on(gpu, sizes, job.rule, job.names)
    return timed.seconds(sizes, job.rule, job.names)
