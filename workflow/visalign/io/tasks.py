"""Tasks of a job, in threads of its process: what the library uses of a dask client, without dask."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Protocol


class Result(Protocol):
    """What a task will give."""

    def result(self) -> Any:
        """Wait for the task; returns what it returned, or raises what it raised."""


class Client(Protocol):
    """Does tasks: a client of dask, or `Threads`."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, pure: bool) -> Any:
        """Hand over a task; arguments that are results of others stand for what these give."""

    def gather(self, results: Any, /) -> Any:
        """Wait for results in a list, or in lists of it; returns what they give, in the same lists."""

    def ncores(self) -> dict[str, int]:
        """Tasks that are done at a time, by worker."""


class Threads:
    """Does tasks in threads of this process, in the order in which they were handed over.

    A task waits only for those before it, so that one thread is enough. What it gives is kept as long as
    somebody holds its result.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> Threads:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave out what has not begun."""
        self._pool.shutdown(cancel_futures=True)

    def submit(self, function: Callable[..., Any], *arguments: Any, pure: bool) -> Result:
        """See `Client`; `pure` means nothing here: nothing is done twice."""
        return self._pool.submit(_done, function, arguments)

    def gather(self, results: Any) -> Any:
        """See `Client`."""
        if isinstance(results, list):
            return [self.gather(each) for each in results]
        return results.result()

    def ncores(self) -> dict[str, int]:
        """See `Client`."""
        return {"threads": self.threads}


def _done(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*(each.result() if isinstance(each, Future) else each for each in arguments))
