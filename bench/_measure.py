"""What benchmarks share: paired timing and the result file."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: As the Snakefile sets them: large blocks stay with the process.
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
RESULTS = Path(__file__).parents[1] / "results" / "bench"


def as_a_job() -> None:
    """Start this program anew as a job of the pipeline runs: its allocator settings, one thread."""
    if any(name not in os.environ for name in ALLOCATOR):  # read by the C library when a process starts
        os.execvpe(
            sys.executable,
            [sys.executable, *sys.argv],
            os.environ | ALLOCATOR | {"OMP_NUM_THREADS": "1"},
        )


def paired_seconds(*functions: Callable[[], Any], rounds: int = 3) -> list[float]:
    """Time functions in turn, A B A B ..., and return each one's median seconds."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for taken, function in zip(seconds, functions, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [sorted(taken)[len(taken) // 2] for taken in seconds]


def result(name: str, value: float, unit: str, target: str = "", ok: bool | None = None) -> dict[str, Any]:
    """Describe one measured value; `ok` is None where there is no target."""
    return {"name": name, "value": value, "unit": unit, "target": target, "ok": ok}


def report(name: str, results: list[dict[str, Any]]) -> None:
    """Write ``results/bench/NAME.json`` and print it as a table; a value that is not there is null."""
    results = [
        entry | {"value": None if entry["value"] != entry["value"] else float(entry["value"])}
        for entry in results
    ]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    width = max(len(entry["name"]) for entry in results)
    for entry in results:
        verdict = {True: "ok", False: "MISSED", None: ""}[entry["ok"]]
        number = "" if entry["value"] is None else f"{entry['value']:.4g}"
        value = f"{number:>12s} {entry['unit']:8s}"
        print(f"{entry['name']:{width}s}  {value} {entry['target']:12s} {verdict}")
