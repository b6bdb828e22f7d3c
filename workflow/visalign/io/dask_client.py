"""Where tasks are done: threads of this process, a scheduler of dask that is there already, or Slurm jobs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io.files import Json
from visalign.io.tasks import Client, Threads

if TYPE_CHECKING:
    from distributed import Client as DaskClient

#: Seconds to wait for a scheduler.
TIMEOUT = 30


@contextmanager
def connect(where: str = "local", threads: int = 1, options: Json | None = None) -> Iterator[Client]:
    """Yield a client; workers that were started for it end with the block.

    Parameters
    ----------
    where : str
        ``local``: threads of this process; ``slurm``: jobs of dask-jobqueue; else the address of a
        scheduler, whose workers see the same files.
    threads : int
        Of ``local``.
    options : dict
        Of ``slurm``: ``jobs`` and the options of ``SLURMCluster``.

    Raises
    ------
    InputError
        No scheduler answers at the address, or a worker of it has no visalign.
    """
    if where == "local":
        with Threads(threads) as client:
            yield client
        return
    import dask
    from distributed import Client as DaskClient

    # Arguments travel with tasks on purpose: a worker that dies costs only the tasks that it had.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"})
    if where == "slurm":
        from dask_jobqueue import SLURMCluster

        settings = dict(options or {})
        jobs = settings.pop("jobs", 1)
        # Several stages may have clusters at a time: each takes a port that is free, unless one is asked for.
        settings["scheduler_options"] = {"dashboard_address": ":0"} | settings.get("scheduler_options", {})
        with SLURMCluster(**settings) as cluster, DaskClient(cluster) as connected:
            cluster.scale(jobs=jobs)
            yield connected
    else:
        try:
            connected = DaskClient(where, timeout=TIMEOUT)
        except (OSError, ValueError) as error:
            raise InputError(f"dask: {where!r}: no scheduler answers: {error}") from None
        with connected:
            check_workers(connected, where)
            yield connected


def check_workers(client: DaskClient, where: str) -> None:
    """Raise InputError where a worker cannot read its tasks: whoever waits for these would wait for ever."""
    specs = client.run(importlib.util.find_spec, "visalign")
    without = sorted(worker for worker, spec in specs.items() if spec is None)
    if without:
        raise InputError(f"dask: {where!r}: workers without visalign on their path: {', '.join(without)}")
