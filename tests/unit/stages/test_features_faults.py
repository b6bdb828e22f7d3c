"""Claims about long runs: killed at any moment they lose nothing; their memory does not grow."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from visalign import cli
from visalign.io import stores

KILLS = 20
#: MiB that eight times the stimuli may take more: the allocator's noise, a fraction of what is stored.
GROWTH = 40

pytestmark = pytest.mark.slow


def command(model, pixels: list[str], folder: Path, *more: str) -> list[str]:
    output = ["--output", str(folder / "f.zarr"), "--manifest", str(folder / "f.json")]
    return ["features", *model.arguments(), *pixels, *output, "--batch-size", "8", *more]


def forked(arguments: list[str]) -> multiprocessing.Process:
    """Run a command in a process forked after torch was imported, which takes seconds."""
    import torch

    torch.set_num_threads(1)
    process = multiprocessing.get_context("fork").Process(target=cli.main, args=(arguments,))
    process.start()
    return process


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file but those that say how the store was made."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    root = json.loads(found.pop("f.zarr/zarr.json"))
    root["attributes"].pop("command")
    return found | {"f.zarr/zarr.json": json.dumps(root).encode()}


def test_twenty_kills_at_random_moments_leave_the_same_store(tmp_path, tiny_model, write_pixels):
    images = np.random.default_rng(0).integers(0, 256, size=(160, 3, 64, 64), dtype=np.uint8)
    model, pixels = tiny_model(), write_pixels(tmp_path, images)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start = time.monotonic()
    process = forked(command(model, pixels, whole))
    process.join()
    assert process.exitcode == 0
    longest = 0.6 * (time.monotonic() - start)
    rng = np.random.default_rng(1)
    kills, completed, progress = 0, 0, []
    while kills < KILLS:
        process = forked(command(model, pixels, killed))
        process.join(float(rng.uniform(0.02, longest)))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            kills += 1
            partial = killed / "f.zarr.partial" / "zarr.json"
            progress.append(
                json.loads(partial.read_text())["attributes"].get("complete", 0) if partial.exists() else -1
            )
        else:
            assert process.exitcode == 0
        if (killed / "f.json").exists():  # the manifest comes last, so all is there
            completed += 1
            assert files(killed) == files(whole)
            shutil.rmtree(killed)
    process = forked(command(model, pixels, killed))
    process.join()
    assert files(killed) == files(whole)
    print(f"{KILLS} kills, {completed} runs finished between them; stimuli complete at each kill: {progress}")
    assert len(set(progress)) > 3  # kills fell on different moments


#: Linux's own figure of the program: the rusage of a child counts the process that started it too.
MEASURED = """
import sys
from visalign import cli
cli.main(sys.argv[1:])
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0])
"""


def peak_bytes(arguments: list[str]) -> int:
    """Largest resident set of a command."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURED, *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(ran.stdout.split()[-1]) * 1024


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_memory_does_not_grow_with_the_number_of_stimuli(tmp_path, tiny_model, write_pixels, dtype):
    model, peaks = tiny_model(size=128), {}
    for times in (1, 8):
        folder = tmp_path / str(times)
        folder.mkdir()
        images = np.random.default_rng(0).integers(0, 256, size=(times * 96, 3, 128, 128), dtype=np.uint8)
        arguments = command(model, write_pixels(folder, images), folder, "--dtype", dtype)
        peaks[times] = peak_bytes(arguments) >> 20
    stored = sum(a.nbytes for _, a in stores.open_store(tmp_path / "8" / "f.zarr").arrays()) >> 20
    print(f"{dtype}: peak {peaks[1]} MiB at 96 stimuli, {peaks[8]} MiB at 768; the store holds {stored} MiB")
    assert stored > 3 * GROWTH
    assert peaks[8] - peaks[1] < GROWTH
