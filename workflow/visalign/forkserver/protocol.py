"""What client and server say to each other over a Unix socket, in a folder that only their user may enter."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import NamedTuple

#: Environment variable of jobs: the folder of the sockets.
VARIABLE = "VISALIGN_FORKSERVER"
#: The server of jobs that read arrays, and that of jobs that run a network.
SERVERS = ("arrays", "network")
#: Commands that they do; others are done by the client itself.
NETWORK_COMMANDS = frozenset(
    {"models weights", "features", "saliency", "attacks perturb", "attacks curve", "clickme reveal"}
)
ARRAY_COMMANDS = frozenset(
    {
        "simulate grid",
        "simulate recordings",
        "simulate clicks",
        "simulate answers",
        "models card",
        "stimuli",
        "preprocess",
        "recordings",
        "gram",
        "maps read",
        "maps ceilings",
        "accuracy",
        "neural",
        "clickme score",
        "probes",
        "clickme gallery",
        "attacks score",
        "attacks control",
        "tolerances",
        "scores",
        "trend",
        "methods",
        "figures",
        "report model",
        "report study",
    }
)
#: First letters of variables that count when a process starts or imports: a server with others says no.
AT_START = ("LD_", "PYTHON", "MALLOC_", "OMP_", "OPENBLAS_", "MKL_", "GOTO_", "NUMEXPR_", "VECLIB_", "KMP_")
#: But not these, which threadpoolctl and scikit-learn set in whichever process imports them.
BY_IMPORTS = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}
#: First answer of a server that does a command. It is followed by the status of the job.
YES = b"y"
STATUS = struct.Struct("<i")
SIZE = struct.Struct("<I")


class Request(NamedTuple):
    """A command, and what a process inherits."""

    argv: list[str]
    cwd: str
    umask: int
    environment: dict[str, str]
    executable: str


def server_of(argv: list[str]) -> str | None:
    """Name of the server of a command; None where no server does it."""
    names = {argv[0], " ".join(argv[:2])} if argv else set()
    found = zip(SERVERS, (ARRAY_COMMANDS, NETWORK_COMMANDS), strict=True)
    return next((server for server, commands in found if names & commands), None)


def at_start(environment: dict[str, str]) -> dict[str, str]:
    """Variables that count when a process starts."""
    counted = (name for name in environment if name.startswith(AT_START) and name not in BY_IMPORTS)
    return {name: environment[name] for name in counted}


def send(connection: socket.socket, request: Request, files: list[int]) -> None:
    """Send a request, with file descriptors in the place of standard input, output and error."""
    content = json.dumps(request._asdict()).encode("utf-8", "surrogateescape")
    socket.send_fds(connection, [SIZE.pack(len(content))], files)
    connection.sendall(content)


def receive(connection: socket.socket) -> tuple[Request, list[int]]:
    """Receive a request.

    Raises
    ------
    OSError, ValueError
        The client is gone, or what it sent is no request.
    """
    head, files, _, _ = socket.recv_fds(connection, SIZE.size, 3)
    try:
        if len(head) < SIZE.size or len(files) < 3:
            raise ValueError("no request")
        (size,) = SIZE.unpack(head)
        with connection.makefile("rb") as stream:
            content = stream.read(size)
        return Request(**json.loads(content.decode("utf-8", "surrogateescape"))), files
    except BaseException:
        for file in files:
            os.close(file)
        raise
