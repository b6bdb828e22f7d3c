"""The process that jobs are forked from: it imports, and never works itself."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import select
import selectors
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from visalign.forkserver import protocol

#: Seconds for a client to say what it wants.
PATIENCE = 10
#: Of prctl: a signal to a process whose parent has ended; its name in lists of processes.
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


@dataclass(frozen=True)
class Job:
    """A forked process and the connection of its client."""

    pid: int
    pidfd: int
    connection: socket.socket


def prepared(listener: socket.socket, lifeline: int, modules: Iterable[str]) -> bool:
    """Import modules once there is a first client, and say no to all clients until then.

    So a run of few jobs pays nothing, and no job waits. Modules that this environment lacks are left to the
    jobs, which say so. Returns whether the lifeline still holds.
    """
    waiting = [listener.fileno(), lifeline]
    select.select(waiting, [], [])
    for name in modules:
        while (ready := select.select(waiting, [], [], 0)[0]) == waiting[:1]:
            listener.accept()[0].close()
        if lifeline in ready:
            return False
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # shared pages stay shared
    return True


def serve(listener: socket.socket, lifeline: int, modules: Iterable[str]) -> list[str] | None:
    """Fork a process for each request, until the lifeline is cut and all jobs have ended.

    Parameters
    ----------
    listener : socket
    lifeline : int
        File descriptor of a pipe of which the process that started the server holds the other end.
    modules : iterable of str
        To import before.

    Returns
    -------
    argv : list of str, optional
        In a forked process, what it is to do; None in the server, at its end.
    """
    own = protocol.at_start(dict(os.environ))  # imports may set more
    if not prepared(listener, lifeline, modules):
        return None
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ, "client")
        selector.register(lifeline, selectors.EVENT_READ, "lifeline")
        jobs: set[Job] = set()
        alive = True
        while alive or jobs:
            for key, _ in selector.select():
                if key.data == "client":
                    connection, _ = listener.accept()
                    request = accepted(connection, own)
                    if request is None:
                        connection.close()
                        continue
                    argv = forked(*request, connection, selector, jobs)
                    if argv is not None:
                        listener.close()
                        return argv
                elif key.data == "lifeline":
                    alive = False
                    selector.unregister(lifeline)
                    selector.unregister(listener)
                    listener.close()
                elif key.data not in jobs:
                    continue  # it ended in this round
                elif key.fileobj is key.data.connection:
                    signalled(key.data, selector)
                else:
                    ended(key.data, selector, jobs)
    return None


def accepted(connection: socket.socket, own: dict[str, str]) -> tuple[protocol.Request, list[int]] | None:
    """Return a client's request; None where it is not one that this process can do as the client would.

    `own` are this process's variables that count at start.
    """
    connection.settimeout(PATIENCE)
    try:
        request, files = protocol.receive(connection)
    except (OSError, ValueError, TypeError):
        return None
    if (request.executable, protocol.at_start(request.environment)) != (sys.executable, own):
        for file in files:
            os.close(file)
        return None
    connection.settimeout(None)
    return request, files


def forked(
    request: protocol.Request,
    files: list[int],
    connection: socket.socket,
    selector: selectors.BaseSelector,
    jobs: set[Job],
) -> list[str] | None:
    """Fork a process; returns what it is to do in that process, None in this one."""
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        become(request, files, server)
        for job in jobs:
            job.connection.close()
            os.close(job.pidfd)
        connection.close()
        return request.argv
    with suppress(OSError):  # whichever of the two is first
        os.setpgid(pid, pid)
    for file in files:
        os.close(file)
    job = Job(pid, os.pidfd_open(pid), connection)
    jobs.add(job)
    selector.register(job.pidfd, selectors.EVENT_READ, job)
    selector.register(connection, selectors.EVENT_READ, job)
    with suppress(OSError):  # a client that is gone is noticed as such
        connection.sendall(protocol.YES)
    return None


def become(request: protocol.Request, files: list[int], server: int) -> None:
    """Take the place of a client: its folder, variables, files; in a group that ends with the server."""
    os.setpgid(0, 0)
    kernel = ctypes.CDLL(None)
    kernel.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(PR_SET_NAME, f"visalign {request.argv[0]}".encode())
    if os.getppid() != server:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a client passes on what it does not ignore
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.chdir(request.cwd)
    os.umask(request.umask)
    os.environ.clear()
    os.environ.update(request.environment)


def signalled(job: Job, selector: selectors.BaseSelector) -> None:
    """Pass a client's signals on to its job, or end the job of a client that is gone."""
    try:
        numbers = job.connection.recv(16)
    except OSError:
        numbers = b""
    if not numbers:
        selector.unregister(job.connection)
    for number in numbers or bytes([signal.SIGKILL]):
        with suppress(ProcessLookupError):
            os.killpg(job.pid, number)


def ended(job: Job, selector: selectors.BaseSelector, jobs: set[Job]) -> None:
    """Tell a client how its job ended."""
    _, status = os.waitpid(job.pid, 0)
    selector.unregister(job.pidfd)
    os.close(job.pidfd)
    with suppress(KeyError):  # of a client that is gone
        selector.unregister(job.connection)
    with suppress(OSError):
        job.connection.sendall(protocol.STATUS.pack(os.waitstatus_to_exitcode(status)))
    job.connection.close()
    jobs.remove(job)
