"""``python -m visalign.forkserver ARRAYS NETWORK``: serve on two sockets, given by their file descriptors."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys

from visalign.forkserver import modules, server


def main() -> None:
    """Serve; in a forked process, do the command of its client."""
    arrays, network = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = os.path.dirname(arrays.getsockname())
    other = os.fork()
    if other:
        network.close()
        argv = server.serve(arrays, sys.stdin.fileno(), modules.ARRAYS)
    else:
        arrays.close()
        argv = server.serve(network, sys.stdin.fileno(), modules.NETWORK)
    if argv is not None:
        from visalign.cli import main as command

        sys.argv = ["visalign", *argv]
        command()
    elif other:
        os.waitpid(other, 0)
        shutil.rmtree(folder, ignore_errors=True)  # whoever started this may have been killed


if __name__ == "__main__":
    main()
