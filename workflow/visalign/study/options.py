"""Options of the command line that several commands have: their types, and where dask runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Return the type of an option that is a whole number from `least`."""

    def whole(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    whole.__name__ = "whole number"  # of "invalid whole number value: '1.5'"
    return whole


def proportion(text: str) -> float:
    """Return an option that is from 0 to 1."""
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return float(text)


def add_dask_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that computes on dask, see `io.dask_client.connect`."""
    group = parser.add_argument_group("dask")
    group.add_argument("--threads", type=at_least(1), default=1, help="worker threads on this machine")
    group.add_argument(
        "--dask", default="local", metavar="local|ADDRESS|slurm", help="where workers run (default: local)"
    )
    group.add_argument(
        "--dask-options",
        type=json.loads,
        default={},
        help='slurm: JSON options of dask_jobqueue.SLURMCluster, and "jobs", how many: '
        '{"jobs": 4, "cores": 8, "memory": "16GB", "walltime": "01:00:00"}',
    )


def add_agreement_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Arguments that say where people's agreement about importance maps comes from, see `maps.agreement`."""
    parser.add_argument("--clicks", help="click log (npz) that the ceiling is computed from, within the crop")
    parser.add_argument(
        "--ceiling", type=float, help="declared ceiling, of whole images; without a click log"
    )
