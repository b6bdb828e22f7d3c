"""What a run took: of jobs by their own account, memory of all by Linux's, disk by that of the files."""

from __future__ import annotations

import csv
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

#: Seconds between looks at processes, and at the disk.
LOOK, DISK_LOOK = 2.0, 10.0


@dataclass
class Watch:
    """What was seen of the processes of a run and of its folder of results.

    Attributes
    ----------
    together : int
        Largest sum of proportional memory (PSS) of all processes, the workflow's own among them, bytes.
    disk : dict
        Stage -> most bytes that its folder held.
    disk_together : int
        Most bytes of all results.
    """

    together: int = 0
    disk: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    disk_together: int = 0


def proportional_bytes(pid: int) -> int:
    """Proportional memory (PSS) of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split("Pss:")[1].split()[0]) * 1024


def tree_bytes(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512
    return total


def look(root: psutil.Process, watch: Watch) -> None:
    """Look at the processes once."""
    together = 0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.Error, OSError, IndexError):
            together += proportional_bytes(process.pid)
    watch.together = max(watch.together, together)


def look_at_disk(results: Path, watch: Watch) -> None:
    """Look at the folder of results once."""
    total = 0
    for entry in results.iterdir() if results.is_dir() else ():
        size = tree_bytes(entry) if entry.is_dir() else entry.stat().st_blocks * 512
        watch.disk[entry.name] = max(watch.disk[entry.name], size)
        total += size
    watch.disk_together = max(watch.disk_together, total)


@contextmanager
def watched(results: Path) -> Iterator[Watch]:
    """Watch the processes that this one starts, and what they write."""
    watch, over, root = Watch(), threading.Event(), psutil.Process()

    def run() -> None:
        next_disk = 0.0
        while not over.wait(LOOK):
            with suppress(psutil.Error, OSError):
                look(root, watch)
            if time.monotonic() >= next_disk:
                with suppress(OSError):
                    look_at_disk(results, watch)
                next_disk = time.monotonic() + DISK_LOOK

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
        look_at_disk(results, watch)


class Timing(NamedTuple):
    """Of a job: its seconds, and its peak memory in MB."""

    seconds: float
    memory: float


def timings(folder: Path) -> dict[str, list[Timing]]:
    """Timings of the jobs of each rule."""
    found: dict[str, list[Timing]] = defaultdict(list)
    for file in sorted(folder.rglob("*.tsv")):
        rule = file.relative_to(folder).with_suffix("").parts[0]
        with file.open(newline="") as table:
            rows = csv.DictReader(table, delimiter="\t")
            found[rule] += [Timing(float(row["s"]), float(row["max_rss"]) * 2**20 / 1e6) for row in rows]
    return dict(found)


@dataclass
class Line:
    """What the jobs of a rule took, and what was forecast; None where it was not."""

    rule: str
    jobs: int
    seconds: float
    seconds_forecast: float | None
    memory_mb: float
    memory_mb_forecast: float | None


def lines(timings: dict[str, list[Timing]], planned: dict) -> list[Line]:
    """Lines of the account by rule.

    Parameters
    ----------
    planned : dict
        What ``python -m visalign plan --json`` printed before the run.
    """
    found = []
    for rule, jobs in sorted(timings.items()):
        hours, memory = planned["hours"].get(rule), planned.get("memory_mb", {}).get(rule)
        found.append(
            Line(
                rule=rule,
                jobs=len(jobs),
                seconds=sum(job.seconds for job in jobs),
                seconds_forecast=None if hours is None else 3600 * hours,
                memory_mb=max(job.memory for job in jobs),
                memory_mb_forecast=memory,
            )
        )
    return found


def number(value: float | None) -> str:
    """A number of the table; ? where there is none."""
    return "?" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def markdown(account: dict) -> str:
    """The account as text: a table by rule, one of the disk by stage, and the whole."""
    rows = [
        "| rule | jobs | seconds | forecast | peak memory, MB | forecast |",
        "|---|---|---|---|---|---|",
        *(
            f"| {line['rule']} | {line['jobs']} | {number(line['seconds'])} | "
            f"{number(line['seconds_forecast'])} | {number(line['memory_mb'])} | "
            f"{number(line['memory_mb_forecast'])} |"
            for line in account["rules"]
        ),
        "",
        "| stage | most disk, MB | forecast |",
        "|---|---|---|",
        *(
            f"| {stage} | {number(row['disk_mb'])} | {number(row['disk_mb_forecast'])} |"
            for stage, row in account["disk"].items()
        ),
        "",
        *(
            f"- {entry['name']}: {number(entry['value'])} {entry['unit']} "
            f"({'target ' + entry['target'] if entry['target'] else 'no target'}"
            f"{'' if entry['ok'] is None else ', met' if entry['ok'] else ', MISSED'})"
            for entry in account["whole"]
        ),
    ]
    return "\n".join(rows) + "\n"
