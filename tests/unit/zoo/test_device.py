"""Claims about devices: no two processes share a GPU, and the scheduler's choice is respected."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from visalign.errors import InputError
from visalign.zoo import device

LISTED = """GPU 0: NVIDIA H100 (UUID: GPU-aaaa)
GPU 1: NVIDIA H100 (UUID: GPU-bbbb)
"""
HOLD = "import sys; from visalign.zoo import device; print(device.claim(), flush=True); sys.stdin.read()"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose nvidia-smi lists two GPUs, and whose lock files are the test's own."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(device, "POLL_SECONDS", 0.02)


@pytest.fixture
def hold():
    """Start processes that claim a GPU and keep it until they are closed."""
    processes = []

    def start(**environment: str):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        processes.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_processes_claim_different_gpus(machine, hold):
    assert {hold()[1], hold()[1]} == {"GPU-aaaa", "GPU-bbbb"}


def test_a_gpu_is_free_again_when_its_process_is_killed(machine, hold):
    first, name = hold()
    hold()
    with pytest.raises(InputError, match="GPU-aaaa, GPU-bbbb stayed claimed for 0 s"):
        device.claim(timeout=0.1)
    first.kill()
    first.wait()
    assert device.claim(timeout=10) == name
    assert os.environ["CUDA_VISIBLE_DEVICES"] == name
    device._held.pop().close()


def test_only_devices_that_the_scheduler_gave_are_claimed(machine, hold):
    assert hold(CUDA_VISIBLE_DEVICES="1")[1] == "1"


def test_slurm_jobs_that_both_see_a_gpu_0_do_not_wait_for_each_other(machine, hold):
    names = [hold(CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID=job)[1] for job in ("17", "18")]
    assert names == ["0", "0"]


@pytest.mark.parametrize("value", ["", "-1"])
def test_hidden_gpus_are_not_claimed(machine, monkeypatch, value):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert device.claim() is None


def test_a_machine_without_gpus_needs_no_claim(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device.claim() is None
