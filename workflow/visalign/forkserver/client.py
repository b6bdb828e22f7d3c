"""The side of a job: have a server do its command."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import closing
from types import FrameType
from typing import NoReturn

from visalign.forkserver import protocol

#: Signals that end a job; the process that does the command gets them too.
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(argv: list[str]) -> None:
    """Have the server of this run do a command, and end as it ended; return where none does it."""
    folder, name = os.environ.get(protocol.VARIABLE), protocol.server_of(argv)
    if not folder or not name:
        return
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        if asked(connection, os.path.join(folder, name), argv):
            follow(connection)


def asked(connection: socket.socket, path: str, argv: list[str]) -> bool:
    """Ask a server for a command; returns whether it does it."""
    umask = os.umask(0o077)
    os.umask(umask)
    request = protocol.Request(argv, os.getcwd(), umask, dict(os.environ), sys.executable)
    try:
        connection.connect(path)
        protocol.send(connection, request, [0, 1, 2])
        return connection.recv(len(protocol.YES)) == protocol.YES
    except OSError:
        return False


def follow(connection: socket.socket) -> NoReturn:
    """Wait for a job, pass signals on to it, and end as it ended."""

    def forward(number: int, _: FrameType | None) -> None:
        connection.send(bytes([number]))

    for number in FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, forward)
    answer = connection.recv(protocol.STATUS.size, socket.MSG_WAITALL)
    if len(answer) < protocol.STATUS.size:
        sys.exit("visalign: the process that ran this job has ended")
    (status,) = protocol.STATUS.unpack(answer)
    if status < 0:
        if -status in FORWARDED:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)
