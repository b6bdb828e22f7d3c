"""What Snakemake adds to its jobs: a real run of 40 small networks through every stage.

The share of the cores' time in which no job ran, 1 − Σ job seconds / (wall seconds × cores), and what of the
jobs is the start of their processes, measured apart. Two of timm's test networks under 40 names at 64 pixels,
on the default study with one recording; a quarter of an hour on two cores.
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

ROOT = Path(__file__).parents[1]
MODELS, CORES = 40, 2
ARCHITECTURES = ("test_resnet", "test_efficientnet")
#: Rules whose processes import torch and timm.
NETWORK = {"models_weights", "features", "saliency", "clickme_reveal", "attacks"}


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
    """Wall seconds of a command's second run: the first reads files from disk."""
    for _ in range(2):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def imports(rule: str) -> str:
    """Modules that a job of a rule imports before it works."""
    stage = f"visalign.{rule.split('_')[0]}"
    return f"{stage}, torch, timm" if rule in NETWORK else stage


def main() -> None:
    """Run the study, then read what its jobs took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(folder)
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        snakemake += ["--cores", str(CORES), "--workflow-profile", str(ROOT / "profiles/default")]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        start = time.perf_counter()
        process = subprocess.run(snakemake, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        wall = time.perf_counter() - start
        if process.returncode:
            sys.exit(process.stderr[-3000:])
        jobs = []
        for file in (folder / "results/benchmarks").rglob("*.tsv"):
            rule = file.relative_to(folder / "results/benchmarks").with_suffix("").parts[0]
            with file.open(newline="") as table:
                jobs += [(rule, float(row["s"])) for row in csv.DictReader(table, delimiter="\t")]
        planned = int(re.search(r"^total +(\d+)$", process.stderr, re.M)[1])  # type: ignore[index]
    rules = {rule for rule, _ in jobs}
    start_of = {rule: seconds_of(sys.executable, "-c", f"import {imports(rule)}") for rule in sorted(rules)}
    starts = sum(start_of[rule] for rule, _ in jobs)
    busy = sum(seconds for _, seconds in jobs)
    share = 1 - busy / (wall * CORES)
    report("scheduling", [
        result("jobs planned", planned, ""),
        result("jobs with a benchmark", len(jobs), ""),
        result("wall time", wall, "s"),
        result("jobs, all together", busy, "s"),
        result("share of the cores' time without a job", share, "", "<= 0.30", share <= 0.30),
        result("of the jobs' time: start of Python and imports", starts / busy, ""),
        result("start of a process that runs a network", mean(start_of[r] for r in NETWORK), "s"),
        result("start of another process", mean(start_of[r] for r in rules - NETWORK), "s"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
