"""Rehearse the full study: synthetic contents of the public sizes, through every stage to the report.

    python bench/rehearse                  # less than an hour on two cores
    python bench/rehearse --scale 0.01     # a minute or two

Contents are written in the public formats, served at the addresses of config/downloads.tsv by a server of
this machine, and read by config/paper.yaml with one small network. What it took stands in FOLDER/account.md
and account.json, against what ``python -m visalign plan`` had forecast from the run of --timings.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import account
import checkout
import contents
import loopback

#: Of the whole, at scale 1 on two cores.
MINUTES, GIGABYTES = 45, 6


def arguments() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(
        prog="rehearse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the public sizes, from 0 to 1")
    parser.add_argument("--side", type=int, default=80, help="input side of the network, in pixels")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument(
        "--folder",
        type=Path,
        default=checkout.ROOT / "results/rehearsal",
        help="made anew; 5 GB and more at scale 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--timings",
        type=Path,
        default=checkout.ROOT / "results/benchmarks",
        help="times of a run of config/config.yaml, from which the forecast comes (default: %(default)s)",
    )
    parser.add_argument("--contents-only", action="store_true", help="write contents and sheets, run nothing")
    args = parser.parse_args()
    if not 0 < args.scale <= 1:
        parser.error(f"--scale: {args.scale} is not in (0, 1]")
    if args.folder.exists() and any(args.folder.iterdir()) and not (args.folder / "served").is_dir():
        parser.error(f"--folder: {args.folder} holds something else than a rehearsal")
    return args


def prepare(args: argparse.Namespace) -> dict[str, int]:
    """Make the folder: checkout, contents, sheets; returns how much there is of what."""
    if args.folder.exists():
        shutil.rmtree(args.folder)
    (args.folder / "served").mkdir(parents=True)
    checkout.copy_checkout(args.folder)
    sizes = contents.Sizes(args.scale)
    written = checkout.write_contents(args.folder, sizes)
    checkout.adapt_sheets(args.folder, sizes, written, args.side)
    return written


def environment(folder: Path) -> dict[str, str]:
    """The environment of a checkout: its own library, one thread a job, this Python's programs."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {"PATH": path, "PYTHONPATH": str(folder / "workflow"), "OMP_NUM_THREADS": "1"}
    return os.environ | own


def snakemake(folder: Path, cores: int, *targets: str) -> None:
    """Run Snakemake in the folder as a user would; its messages go to run.log."""
    command = [sys.executable, "-m", "snakemake", "--configfile", checkout.CONFIG, "--cores", str(cores)]
    with (folder / "run.log").open("a") as log:
        process = subprocess.run(
            [*command, *targets], cwd=folder, env=environment(folder), stdout=log, stderr=subprocess.STDOUT
        )
    if process.returncode:
        sys.exit((folder / "run.log").read_text()[-3000:])


def forecast(folder: Path, timings: Path) -> dict[str, Any]:
    """What the plan says before the first job."""
    command = [sys.executable, "-m", "visalign", "plan", checkout.CONFIG, "--json", "--timings", str(timings)]
    process = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)
    if process.returncode:
        sys.exit(process.stderr[-3000:])
    planned: dict[str, Any] = json.loads(process.stdout)
    return planned


def fetch(folder: Path, cores: int) -> None:
    """Fetch what the documents say that one fetches by hand, and unpack the archive of scenes."""
    archive = checkout.archive_of_scenes(folder)
    # What else is not there yet is no fault of a fetch.
    snakemake(folder, cores, "--config", "check=False", "--", *checkout.shards(folder), archive)
    with zipfile.ZipFile(folder / archive) as zipped:
        zipped.extractall((folder / archive).parent)


def target(name: str, value: float, unit: str, limit: float, full: bool) -> dict[str, Any]:
    """A number of the whole; its target is that of the full size."""
    of_full = f"< {limit:g}" if full else ""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "target": of_full,
        "ok": value < limit if full else None,
    }


def main() -> None:
    """Rehearse, and write the account."""
    args = arguments()
    start = time.perf_counter()
    written = prepare(args)
    print(f"contents in {time.perf_counter() - start:.0f} s: {written}", flush=True)
    if args.contents_only:
        return
    folder = args.folder
    planned = forecast(folder, args.timings)
    start = time.perf_counter()
    with loopback.served(folder / "served") as address, account.watched(folder / "results") as watch:
        checkout.set_mirror(folder, address)
        fetch(folder, args.cores)
        snakemake(folder, args.cores)
    minutes = (time.perf_counter() - start) / 60
    disk: dict[str, int] = {}
    for rule, size in planned["disk_bytes"].items():
        stage = rule.split("_")[0]
        disk[stage] = disk.get(stage, 0) + size
    full = args.scale == 1
    found: dict[str, Any] = {
        "scale": args.scale,
        "side": args.side,
        "cores": args.cores,
        "load": os.getloadavg()[2],
        "contents": written,
        "rules": [
            asdict(line) for line in account.lines(account.timings(folder / "results/benchmarks"), planned)
        ],
        "disk": {
            stage: {
                "disk_mb": watch.disk[stage] / 1e6,
                "disk_mb_forecast": disk[stage] / 1e6 if stage in disk else None,
            }
            for stage in sorted(watch.disk)
            if watch.disk[stage] >= 1e6
        },
        "whole": [
            target("all jobs, downloads among them", minutes, "min", MINUTES, full),
            target("memory of all processes at a time", watch.together / 1e9, "GB", GIGABYTES, full),
            target("results on the disk at a time", watch.disk_together / 1e9, "GB", float("inf"), False),
        ],
    }
    (folder / "account.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "account.md").write_text(account.markdown(found))
    print(account.markdown(found))


if __name__ == "__main__":
    main()
