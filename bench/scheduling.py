"""What Snakemake adds to its jobs: a real run of 40 small networks through every stage.

The share of the cores' time in which no job ran, 1 − Σ job seconds / (wall seconds × cores), and what starts
of jobs take, measured apart: until a job has its arguments. Two of timm's test networks under 40 names at 64
pixels, on the default study with one recording; minutes on two cores.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

import yaml

from _measure import report, result
from visalign.forkserver import protocol, start

ROOT = Path(__file__).parents[1]
MODELS, CORES = 40, 2
ARCHITECTURES = ("test_resnet", "test_efficientnet")
#: Says by its exit status whether a server of this process does a command.
SERVED = "import sys; from visalign.forkserver import client; client.run(sys.argv[1:]); sys.exit(3)"
#: Seconds for the servers to import.
PATIENCE = 120


def write_study(folder: Path) -> None:
    """Write the default study with other models and less to do for each."""
    shutil.copytree(ROOT / "config", folder / "config")
    rows = [f"net{i}\t{ARCHITECTURES[i % len(ARCHITECTURES)]}\trandom\t0\t64\n" for i in range(MODELS)]
    header = "model\tarchitecture\tweights\tsource\tinput_size\n"
    (folder / "config/models/embedded.tsv").write_text(header + "".join(rows))
    sheet = folder / "config/recordings.tsv"
    sheet.write_text("".join(line for line in sheet.open() if not line.startswith("it_grid")))
    config = yaml.safe_load((folder / "config/config.yaml").read_text())
    del config["simulate"]["recordings"]["it_grid_simulated"]
    config["simulate"]["recordings"]["it_simulated"] |= {"teacher": "net0", "layer": "layer3"}
    config["simulate"]["clicks"]["clickme_simulated"]["teacher"] = "net0"
    config["accuracy"]["stimuli"] = ["clickme_simulated"]
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))


def seconds_of(*command: str) -> float:
    """Wall seconds of a command, the fastest of three: the first reads files from disk."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def runs_network(rule: str) -> bool:
    """Whether jobs of a rule import torch and timm."""
    return protocol.server_of(rule.split("_")) == "network"


def imports(rule: str) -> str:
    """Modules that a job of a rule imports before it works."""
    stage = f"visalign.stages.{rule.split('_')[0]}"
    return f"{stage}, torch, timm" if runs_network(rule) else stage


def serve() -> None:
    """Start servers as a run does, and let this process and those that it starts be like its jobs."""
    library = str(ROOT / "workflow")
    os.environ.pop("PYTHONPATH", None)
    start.serve_run(library, {})
    os.environ.update(start.ONE_THREAD, PYTHONPATH=library)


def start_of(rule: str) -> float:
    """Seconds until a job of a rule has its arguments: of its client, of the process that a server forks."""
    command, end = [*rule.split("_"), "--help"], time.monotonic() + PATIENCE
    while subprocess.run([sys.executable, "-c", SERVED, *command], capture_output=True).returncode == 3:
        if time.monotonic() > end:
            sys.exit(f"{rule}: no server does it")
        time.sleep(0.5)
    return seconds_of(sys.executable, "-m", "visalign", *command)


def main() -> None:
    """Run the study, then read what its jobs took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder)
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        snakemake += ["--cores", str(CORES), "--workflow-profile", str(ROOT / "profiles/default")]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        begin = time.perf_counter()
        process = subprocess.run(snakemake, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        wall = time.perf_counter() - begin
        if process.returncode:
            sys.exit(process.stderr[-3000:])
        jobs = []
        for file in (folder / "results/benchmarks").rglob("*.tsv"):
            rule = file.relative_to(folder / "results/benchmarks").with_suffix("").parts[0]
            with file.open(newline="") as table:
                jobs += [(rule, float(row["s"])) for row in csv.DictReader(table, delimiter="\t")]
        planned = int(re.search(r"^total +(\d+)$", process.stderr, re.M)[1])  # type: ignore[index]
    rules = sorted({rule for rule, _ in jobs})
    alone = {rule: seconds_of(sys.executable, "-c", f"import {imports(rule)}") for rule in rules}
    serve()
    starts = {rule: start_of(rule) for rule in rules}
    busy, started = sum(seconds for _, seconds in jobs), sum(starts[rule] for rule, _ in jobs)
    idle, of_jobs = 1 - busy / (wall * CORES), started / busy
    report("scheduling", [
        result("jobs planned", planned, ""),
        result("jobs with a benchmark", len(jobs), ""),
        result("wall time", wall, "s"),
        result("jobs, all together", busy, "s"),
        result("share of the cores' time without a job", idle, "", "<= 0.30", idle <= 0.30),
        result("starts of jobs, by their time", of_jobs, "", "<= 0.25", of_jobs <= 0.25),
        result("imports without servers, all together", sum(alone[rule] for rule, _ in jobs), "s"),
        *(result(f"{what} of {whose}", mean(of[rule] for rule in rules if runs_network(rule) == network), "s")
          for what, of in (("start", starts), ("imports without servers", alone))
          for whose, network in (("a job that runs a network", True), ("another job", False))),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
