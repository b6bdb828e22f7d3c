"""The command line: one sub-command per stage and tool, ``python -m visalign STAGE --help``."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from visalign.errors import InputError
from visalign.io.benchmark import write_benchmark
from visalign.measures import MEASURES

#: Stage name -> one line of help, in pipeline order. The module ``visalign.stages.STAGE`` has ``VERSIONS`` of
#: its commands, ``EXAMPLES``, ``add_arguments(parser)`` and ``run(args)``.
STAGES = {
    "downloads": "fetch a file: resumed, retried, checked",
    "simulate": "make the embedded simulated recordings and clicks",
    "models": "write weights as safetensors, and one card per model",
    "train": "train models on human maps, and their baselines",
    "stimuli": "list a stimulus set: files, labels, checksums",
    "preprocess": "resize and crop a stimulus set into a uint8 store",
    "features": "record layer activations and logits of a model on a stimulus set",
    "recordings": "read neural recordings and compute their ceilings",
    "gram": "form one Gram matrix per layer",
    "maps": "read human importance maps, with ceilings and floors",
    "saliency": "gradient saliency of a model on a labelled stimulus set",
    **{measure.name: measure.summary for measure in MEASURES},
    "tolerances": "compare the perturbation tolerances of all models on the same images",
    "scores": "gather every score into one table",
    "trend": "accuracy against alignment: envelope, changepoint, correlation",
    "methods": "write the methods of a study, for a paper",
    "figures": "draw accuracy against alignment",
    "report": "write the self-contained HTML report",
}
#: Other commands -> one line of help; the module of compare-models is ``visalign.tools.compare_models``.
TOOLS = {
    "list-layers": "list the layers of an architecture, with shapes and sizes",
    "check": "say what is wrong with a study before it runs, and what it will measure",
    "plan": "say what a study will take: jobs, downloads, disk, hours",
    "compare-models": "say how models differ on a recording, with intervals",
    "compare-scores": "say what changed between two score tables",
}


def module_of(command: str) -> str:
    """Name of the module of a stage or tool."""
    return f"visalign.{'stages' if command in STAGES else 'tools'}.{command.replace('-', '_')}"


def common_options() -> argparse.ArgumentParser:
    """Return a parser of the options that every command has, anywhere among its own."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--benchmark", metavar="TSV", help="table to write of the time and memory of a command"
    )
    return parser


def build_parser(stage: str | None = None) -> argparse.ArgumentParser:
    """Return the parser; only the module of `stage` is imported, so that help is quick."""
    parser = argparse.ArgumentParser(prog="visalign", description=__doc__, parents=[common_options()])
    subparsers = parser.add_subparsers(dest="stage", metavar="STAGE", required=True)
    for name, summary in (STAGES | TOOLS).items():
        subparser = subparsers.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == stage:
            module = importlib.import_module(module_of(name))
            subparser.epilog = "examples:\n" + module.EXAMPLES
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run one stage; bad input ends with a line for each fault on stderr and exit status 2."""
    argv = sys.argv[1:] if argv is None else argv
    common, argv = common_options().parse_known_args(argv)
    stage = argv[0] if argv and argv[0] in STAGES | TOOLS else None
    args = build_parser(stage).parse_args(argv)
    start = time.perf_counter()
    try:
        args.run(args)
    except InputError as error:
        for message in error.messages:
            print(f"visalign {args.stage}: error: {message}", file=sys.stderr)
        sys.exit(2)
    except FileNotFoundError as error:
        print(f"visalign {args.stage}: error: {error.filename}: no such file", file=sys.stderr)
        sys.exit(2)
    if common.benchmark:
        write_benchmark(common.benchmark)
    print(f"visalign {args.stage}: done in {time.perf_counter() - start:.1f} s", file=sys.stderr)
