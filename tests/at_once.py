"""A client that runs tasks at once, where another would send them to workers."""

from __future__ import annotations


class Now:
    """As much of a dask client as the library uses."""

    def __init__(self, cores=3):
        self.cores = cores

    def ncores(self):
        return {"here": self.cores}

    def submit(self, function, *arguments, pure):
        return function(*arguments)

    def gather(self, results):
        return results
