"""What a study will take before it is started: jobs, downloads, disk and hours.

Jobs are those of Snakemake's own dry run, in a folder with empty files in the place of sources that are
not there yet. Hours are extrapolated from the measured times of a run of other networks; the assumptions
are part of the output.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import numpy as np
from scipy.optimize import nnls

from visalign.errors import InputError
from visalign.io.sheets import read_config
from visalign.recordings import readers
from visalign.study import fetched as downloads
from visalign.study.costs import NETWORK, Sizes
from visalign.study.memory import Memory, machine_mb
from visalign.study.study import CACHE, Study
from visalign.zoo.weights import pretrained_name

ROOT = Path(__file__).parents[3]
ASSUMPTIONS = (
    "Jobs are those of a run from nothing.",
    "Images are counted in results/stimuli or in their files, else taken from the column count of the sheet; "
    "parameters are those of the sheet or of a card, else of a weight file that is here, else 30 million.",
    "Features take 2.5 MB per image of 224 pixels, in proportion to the pixels. Eleven architectures of 5 to "
    "138 million parameters took 1.0 to 25 MB (EfficientNet-Lite0 1.7, ResNet-50 3.4, ViT-B/16 3.9, VGG-16 "
    "25), the median 2.0. With features: {keep: false} the disk holds those of the jobs of the moment only.",
    "Stores are counted uncompressed, and weights of the hub twice: in its cache and in results.",
    "A job takes a constant and a time in proportion to its work, fitted on the measured run (where all its "
    "jobs had the same work, a constant). Work is images × pixels × parameters for networks (× gradient "
    "evaluations for attacks, × levels for revelation, images of all batches for training), rows² for Gram "
    "matrices and scores on them, and images (× pixels) elsewhere, low-level models among them.",
    "Eleven networks of 5 to 138 million parameters took 0.5 to 2.8 times what EfficientNet-Lite0 takes per "
    "parameter and pixel, on one core; the median was 1.3.",
    "Memory is that of a rule's largest job on a CPU with one thread, as it is asked for: what imports take, "
    "arrays by their shapes, activations of 60 MB per image of 224 pixels × √(million parameters) where a "
    "gradient keeps them, and a quarter on top. Recordings that are not here count as 160 MB, as the public "
    "MajajHong2015.",
    "Hours are those of jobs on the machine and device of the measured run, with its metrics. For GPU-hours, "
    "give the timings of a run of a few networks on the GPU (--timings, --measured-config).",
)


class Downloads(TypedDict):
    """Weights of the hub with their bytes, and files of the sheet of downloads."""

    weights: int
    weights_bytes: int
    files: list[str]


class Plan(TypedDict):
    """What a study takes."""

    jobs: dict[str, int]  # by rule
    hours: dict[str, float | None]  # by rule; None: not measured
    network_hours: float
    other_hours: float
    disk_bytes: dict[str, int]  # by rule
    memory_mb: dict[str, int]  # of the largest job, by rule
    downloads: Downloads
    assumptions: list[str]


def load(config: Path) -> Study:
    """Read a study."""
    if not config.is_file():
        raise InputError(f"{config}: no such file")
    return Study.load(read_config(config), str(config), CACHE)


# --- jobs, by a dry run ---


def fetched(study: Study) -> list[str]:
    """Files of config/downloads.tsv that the sheets name, ranges and patterns expanded."""
    named = study.sources()
    for row in study.recordings.values():
        with suppress(InputError):  # which its check tells
            named |= set(readers.of(row["reader"]).files(row["path"]))
    files = {file for path in named for file in downloads.of_path(path)}
    return [file for file in downloads.downloads() if file in files]


def make_scratch(study: Study, scratch: Path) -> None:
    """Give a folder all that a dry run reads: links to what is here, empty files for sources that are not."""
    sheets = [study.config[kind]["sheet"] for kind in ("models", "stimuli", "recordings", "maps", "train")]
    sources = study.sources()
    patterns = {path for path in sources if "*" in path or downloads.is_several(path)} | set(fetched(study))
    for path in {*filter(None, sheets), *sources, CACHE} - patterns:
        target = scratch / path
        if Path(path).is_absolute() or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(path).exists():
            target.symlink_to(Path(path).absolute())
        elif path in sources:
            target.touch()


def dry_run(config: Path, scratch: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (rule, names) of each job, from the path of its log, logs/RULE/NAMES.log.

    Raises
    ------
    InputError
        What Snakemake says where it cannot plan.
    """
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--configfile", str(config)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(scratch)]
    command += ["--config", "check=False"]  # empty files stand for sources
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise InputError(f"{config}: {(result.stdout + result.stderr).strip()[-1500:]}")
    for match in re.finditer(r"^    log: logs/(.+)\.log\b", result.stdout + result.stderr, re.M):
        yield job_of(match[1])


def job_of(path: str) -> tuple[str, tuple[str, ...]]:
    """Rule and names of a job, from the path of its log or its timings, RULE/NAMES without suffix."""
    rule, *names = path.split("/")
    return (rule, ("/".join(names),)) if rule == "downloads" else (rule, tuple(names))


# --- hours, from a measured run ---


def measured(folder: Path, sizes: Sizes) -> dict[str, tuple[list[float], list[float]]]:
    """Work and seconds of the jobs of a measured run, by `Sizes.timed_as`; other studies' are left out."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for file in sorted(folder.rglob("*.tsv")):
        rule, names = job_of(str(file.relative_to(folder).with_suffix("")))
        try:
            work, kind = sizes.work(rule, names), sizes.timed_as(rule, names)
        except (KeyError, InputError):
            continue
        with file.open(newline="") as table:
            seconds = [float(row["s"]) for row in csv.DictReader(table, delimiter="\t")]
        works, times = found.setdefault(kind, ([], []))
        works += [work] * len(seconds)
        times += seconds
    return found


def fit(work: list[float], seconds: list[float]) -> tuple[float, float]:
    """Fit seconds = constant + rate × work by least squares, neither below 0; returns (constant, rate)."""
    if len(set(work)) == 1:
        return float(np.mean(seconds)), 0.0
    scale = max(work)
    (constant, rate), _ = nnls(
        np.column_stack([np.ones(len(work)), np.divide(work, scale)]), np.array(seconds)
    )
    return float(constant), float(rate / scale)


def plan(
    jobs: list[tuple[str, tuple[str, ...]]], sizes: Memory, times: dict[str, tuple[list[float], list[float]]]
) -> Plan:
    """Sum what jobs take.

    Parameters
    ----------
    jobs : list of (rule, names)
    sizes : Memory
        Of the study of the jobs.
    times : dict
        What jobs are timed with, such as their rule -> (work, seconds) of measured jobs.
    """
    rates = {rule: fit(*measured_jobs) for rule, measured_jobs in times.items()}
    seconds: Counter[str] = Counter()
    disk: Counter[str] = Counter()
    for rule, names in jobs:
        disk[rule] += round(sizes.disk(rule, names))
        if rule in rates:
            constant, rate = rates.get(sizes.timed_as(rule, names), rates[rule])
            seconds[rule] += constant + rate * sizes.work(rule, names)  # type: ignore[assignment]
    counts = Counter(rule for rule, _ in jobs)
    largest = dict.fromkeys(counts, 0)
    for rule, names in jobs:
        largest[rule] = max(largest[rule], sizes.mb(rule, names))
    hub = {
        pretrained_name(row): sizes.parameters(model)
        for model, row in sizes.study.models.items()
        if row["weights"] == "hub"
    }
    return {
        "jobs": dict(counts),
        "hours": {rule: seconds[rule] / 3600 if rule in rates else None for rule in counts},
        "network_hours": sum(seconds[rule] for rule in NETWORK) / 3600,
        "other_hours": sum(time for rule, time in seconds.items() if rule not in NETWORK) / 3600,
        "disk_bytes": {rule: size for rule, size in disk.items() if size},
        "memory_mb": largest,
        "downloads": {
            "weights": len(hub),
            "weights_bytes": 4 * sum(hub.values()),
            "files": fetched(sizes.study),
        },
        "assumptions": list(ASSUMPTIONS),
    }


def text(planned: Plan) -> str:
    """Lay a plan out for reading."""
    lines = [f"{'rule':20s} {'jobs':>7s} {'hours':>9s} {'disk, GB':>9s} {'memory, GB':>11s}"]
    for rule, count in planned["jobs"].items():
        hours = planned["hours"][rule]
        time = "?" if hours is None else f"{hours:.1f}"
        disk, memory = planned["disk_bytes"].get(rule, 0) / 1e9, planned["memory_mb"][rule] / 1000
        lines.append(f"{rule:20s} {count:7d} {time:>9s} {disk:9.1f} {memory:11.1f}")
    total, downloads = sum(planned["jobs"].values()), planned["downloads"]
    hours = planned["network_hours"] + planned["other_hours"]
    disk = sum(planned["disk_bytes"].values())
    largest = max(planned["memory_mb"].items(), key=lambda each: each[1], default=("", 0))
    return "\n".join(
        [
            *lines,
            f"{'total':20s} {total:7d} {hours:9.1f} {disk / 1e9:9.1f}",
            "",
            f"Hours of networks (one GPU each, where there are any): {planned['network_hours']:.0f}; "
            f"of other jobs: {planned['other_hours']:.0f}; ?: no such job was measured.",
            f"Memory of the largest job: {largest[1] / 1000:.1f} GB ({largest[0]}); this machine has "
            f"{machine_mb() / 1000:.1f} GB.",
            f"Downloads: {downloads['weights']} weights, {downloads['weights_bytes'] / 1e9:.0f} GB, "
            f"and {len(downloads['files'])} files of config/downloads.tsv, of unknown size.",
            "",
            "Assumptions:",
            *(f"- {assumption}" for assumption in planned["assumptions"]),
        ]
    )
