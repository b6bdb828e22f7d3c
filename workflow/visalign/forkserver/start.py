"""Start the servers of a run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from visalign.forkserver import protocol

#: What Snakemake sets for a job of one thread; jobs of more start a Python of their own.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "GOTO_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)


class Servers:
    """The servers of a run, which end with the process that started them.

    Parameters
    ----------
    environment : mapping of str to str
        Of the jobs.

    Attributes
    ----------
    folder : str
        Of the sockets, which is gone with the servers.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.folder = tempfile.mkdtemp(prefix="visalign-")  # for its user only; a server removes it
        listeners = []
        for name in protocol.SERVERS:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(os.path.join(self.folder, name))
            listener.listen(64)
            listeners.append(listener)
        numbers = [listener.fileno() for listener in listeners]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "visalign.forkserver", *map(str, numbers)],
            stdin=subprocess.PIPE,  # its end is that of this process
            stdout=subprocess.DEVNULL,
            env=dict(environment),
            pass_fds=numbers,
            start_new_session=True,  # Ctrl-C is for jobs, which pass it on
        )
        for listener in listeners:
            listener.close()

    def close(self) -> None:
        """End them, after their last job."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


#: Those of this process; kept here lest they end before it.
OF_THIS_RUN: list[Servers] = []


def serve_run(library: str, environment: dict[str, str]) -> None:
    """Start servers for the jobs of this process, and tell the jobs by a variable.

    None where they are not `supported`.

    Parameters
    ----------
    library : str
        Folder that comes first in the PYTHONPATH of jobs.
    environment : dict of str to str
        What they have besides this process's own.
    """
    if not supported():
        return
    path = ":".join(filter(None, (library, os.environ.get("PYTHONPATH"))))
    OF_THIS_RUN.append(Servers(os.environ | ONE_THREAD | environment | {"PYTHONPATH": path}))
    os.environ[protocol.VARIABLE] = OF_THIS_RUN[0].folder


def supported() -> bool:
    """Whether this machine can have servers.

    Linux from 5.3 on: elsewhere a process cannot be forked safely once it has imported what networks use, and
    before a server could not wait for its jobs and their clients at a time.
    """
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
