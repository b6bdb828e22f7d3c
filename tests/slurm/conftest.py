"""A Slurm of one node with two GPUs that are none, on loopback, for the time of the tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests/dag/stand_in"
DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sinfo", "sbatch", "squeue", "srun", "scancel", "scontrol")
#: More cores than the machine may have, so that GPUs are what jobs wait for.
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,batch_sched_delay=1
MinJobAge=600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:fake:2
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Cluster:
    """A running Slurm, and Snakemake on it."""

    def __init__(self, folder):
        host = socket.gethostname().partition(".")[0]
        for name in ("controller", "node", "bin"):
            (folder / name).mkdir()
        user = os.environ.get("USER") or subprocess.check_output(["id", "-un"], text=True).strip()
        config = CONFIG.format(host=host, ports=free_ports(2), user=user, folder=folder)
        (folder / "slurm.conf").write_text(config)
        gpus = "".join(f"NodeName={host} Name=gpu Type=fake File=/dev/{d}\n" for d in ("null", "zero"))
        (folder / "gres.conf").write_text(gpus)
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o600)
        # A job drops Slurm's variables before it starts its step.
        srun = folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        self.environment = os.environ | {
            "SLURM_CONF": f"{folder}/slurm.conf",
            "OMP_NUM_THREADS": "1",
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        munge = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self.commands = (
            ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *munge],
            ["slurmctld", "-D", "-f", f"{folder}/slurm.conf"],
            ["slurmd", "-D", "-N", host, "-f", f"{folder}/slurm.conf"],
        )
        self.folder = folder
        self.daemons = []
        self.runs = []

    def __enter__(self):
        try:
            self.launch()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def launch(self):
        """Start the daemons and wait for the node."""
        with (self.folder / "daemons.log").open("w") as log:
            for command in self.commands:
                daemon = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
                self.daemons.append(daemon)
                time.sleep(0.5)
        deadline = time.monotonic() + 20
        while "idle" not in self.ask("sinfo", "--noheader", "--format=%T"):
            assert time.monotonic() < deadline, "\n".join(f.read_text() for f in self.folder.glob("*.log"))
            time.sleep(0.25)

    def stop(self):
        """Stop what was started: runs of tests that failed, their jobs, then the daemons."""
        for run in self.runs:
            run.kill()
        self.ask("scancel", "--state=PENDING")
        self.ask("scancel", "--state=RUNNING")
        deadline = time.monotonic() + 20
        while self.ask("squeue", "--noheader") and time.monotonic() < deadline:
            time.sleep(0.25)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            daemon.wait(30)

    def ask(self, *command):
        """What a client of Slurm prints."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True).stdout

    def running(self, field):
        """A field of each running job."""
        return self.ask("squeue", "--noheader", "--states=RUNNING", f"--Format={field}").split()

    def jobs(self, folder):
        """Rule or group, GPUs, start and end of each job submitted from a folder, done ones too."""
        fields = "workdir:250,comment:250,tres-per-job:30,starttime:30,endtime:30"
        rows = self.ask("squeue", "--noheader", "--states=all", f"--Format={fields}").splitlines()
        own = [row.split()[1:] for row in rows if row.split()[0] == str(folder)]
        return [(comment.removeprefix("rule_").partition("_wildcards_")[0], *rest) for comment, *rest in own]

    def start(self, folder, *arguments, stand_in=False, **environment):
        """Start Snakemake with the Slurm profile in a folder; what it says goes to output.txt."""
        environment = self.environment | environment
        if stand_in:
            environment["PATH"] = f"{STAND_IN}:{environment['PATH']}"
        quick = ["--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5"]
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--workflow-profile",
            "profiles/slurm",
            *quick,
            *arguments,
        ]
        with (folder / "output.txt").open("w") as output:
            run = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        self.runs.append(run)
        return run


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    absent = [name for name in (*DAEMONS, *CLIENTS) if not shutil.which(name)]
    if absent:
        pytest.skip(f"no Slurm: {', '.join(absent)} missing (Debian: slurmctld, slurmd, slurm-client, munge)")
    with Cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture
def workflow_folder(tmp_path):
    """A copy of the workflow."""
    shutil.copy(ROOT / "Snakefile", tmp_path)
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path
