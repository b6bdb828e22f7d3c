"""Claims about where dask runs: jobs of a cluster are submitted, used and cancelled."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.io import dask_client

# Stands in for Slurm: runs a job script in the background, and ends it by its number.
SBATCH = """#!/bin/bash
cp "$1" "{folder}/script.sh"
setsid bash "{folder}/script.sh" > "{folder}/job.log" 2>&1 < /dev/null &
echo $! > "{folder}/job"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/bash
echo "$@" >> "{folder}/cancelled"
kill -- -"$1"
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder with commands of that name, first on the path."""
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        command = tmp_path / name
        command.write_text(text.format(folder=tmp_path))
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_slurm_jobs_are_submitted_with_their_options_and_cancelled_at_the_end(slurm):
    options = {"jobs": 1, "cores": 1, "memory": "1GB", "walltime": "00:05:00", "queue": "short"}
    options["interface"] = "lo"
    with dask_client.connect("slurm", options=options) as client:
        assert client.submit(np.add, 2, 3).result(timeout=90) == 5
    script = (slurm / "script.sh").read_text()
    assert "#SBATCH -p short" in script and "#SBATCH -t 00:05:00" in script
    job = (slurm / "job").read_text().strip()
    assert (slurm / "cancelled").read_text().strip() == job
    for _ in range(100):
        if not os.path.exists(f"/proc/{job}"):
            break
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{job}")


# A worker of a machine where nobody installed visalign.
BARE_WORKER = """
import sys
sys.path[:] = [path for path in sys.path if not path.endswith("workflow")]
from distributed.cli.dask_worker import main
main([sys.argv[1], "--no-nanny", "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1"])
"""


def test_a_worker_without_visalign_is_named_before_anything_waits_for_it(tmp_path):
    from distributed import Client, LocalCluster

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as cluster:
        command = [sys.executable, "-c", BARE_WORKER, cluster.scheduler_address]
        worker = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
        try:
            with Client(cluster) as client:
                client.wait_for_workers(1, timeout=60)
                [address] = client.scheduler_info()["workers"]
            with (
                pytest.raises(InputError, match=f"without visalign on their path: {address}"),
                dask_client.connect(cluster.scheduler_address),
            ):
                pass
        finally:
            worker.kill()
            worker.wait()
