"""Which device a process computes on: GPUs that no other process has claimed, else the CPU."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from visalign.errors import InputError

if TYPE_CHECKING:
    import torch

POLL_SECONDS = 2.0
#: Set where a process has claimed, for itself and for the processes that it starts.
CLAIMED = "VISALIGN_CLAIMED"
_held: list[TextIO] = []  # open lock files: a lock lives as long as its process


@functools.cache
def device() -> torch.device:
    """Claim a GPU, once a process, where there is one; else the CPU.

    Convolutions compute in float32 on either: TensorFloat-32, cuDNN's default, has ten bits.
    """
    claim_once()
    import torch

    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def visible() -> list[str]:
    """GPUs that this process may use: CUDA_VISIBLE_DEVICES, else the UUIDs that nvidia-smi lists."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout
    return [line.rsplit("UUID: ", 1)[1].rstrip(")") for line in listed.splitlines() if "UUID: " in line]


def lock_folder() -> Path:
    """Where lock files are; a Slurm job has its own, since Slurm numbers each job's GPUs from 0."""
    scope = f"slurm-{os.environ['SLURM_JOB_ID']}" if "SLURM_JOB_ID" in os.environ else "host"
    return Path(tempfile.gettempdir()) / f"visalign-gpus-{os.getuid()}-{scope}"


def claim_once(count: int = 1) -> None:
    """Claim `count` GPUs unless this process, or the one that started it, has claimed."""
    if CLAIMED not in os.environ:
        claim(count)
        os.environ[CLAIMED] = "true"


def claim(count: int = 1, timeout: float = 24 * 3600) -> str | None:
    """Lock `count` of the visible GPUs for this process and make them the only visible ones.

    Waits while others hold too many of them. The locks are the kernel's, so they end with the process
    however that ends.

    Returns
    -------
    str or None
        The claimed GPUs, comma-separated; None where no GPU is visible.

    Raises
    ------
    InputError
        Fewer GPUs are visible, or they stayed claimed for `timeout` seconds.
    """
    candidates = visible()
    if not candidates:
        return None
    if len(candidates) < count:
        raise InputError(f"devices: {count}, but the visible GPUs are {', '.join(candidates)}")
    folder = lock_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    end, said = time.monotonic() + timeout, False
    while True:
        locks = try_locks(folder, candidates, count)
        if len(locks) == count:
            _held.extend(locks.values())
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(locks)
            return ",".join(locks)
        for file in locks.values():  # all or none, lest two processes wait for each other
            file.close()
        if time.monotonic() > end:
            raise InputError(f"gpus: {', '.join(candidates)} stayed claimed for {timeout:.0f} s ({folder})")
        if not said:
            print(f"waiting for {count} of the GPUs {', '.join(candidates)} ({folder})", file=sys.stderr)
            said = True
        time.sleep(POLL_SECONDS)


def try_locks(folder: Path, candidates: list[str], count: int) -> dict[str, TextIO]:
    """Lock up to `count` of the GPUs that nobody holds; returns their open lock files."""
    locks: dict[str, TextIO] = {}
    for name in candidates:
        file = (folder / f"{name.replace('/', '_')}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        locks[name] = file
        if len(locks) == count:
            break
    return locks
