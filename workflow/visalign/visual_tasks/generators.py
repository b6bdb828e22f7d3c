"""Generators of visual tasks by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from functools import partial

from visalign.errors import InputError
from visalign.visual_tasks.drawn import Drawn

#: Numbers of the problems of the synthetic visual reasoning test, and lengths of Pathfinder's targets.
SVRT = {f"svrt-{problem:02d}": problem for problem in range(1, 24)}
PATHFINDER = {f"pathfinder-{length}": length for length in (3, 6, 9)}
NAMES = (*SVRT, *PATHFINDER)

Generator = Callable[[int, int, int], Drawn]


def chosen(tasks: str) -> list[str]:
    """Names of the generators that are asked for, in their order.

    Parameters
    ----------
    tasks : str
        Names or shell patterns, separated by commas.

    Raises
    ------
    InputError
        A pattern that matches none.
    """
    patterns = [pattern.strip() for pattern in tasks.split(",")]
    for pattern in patterns:
        if not fnmatch.filter(NAMES, pattern):
            raise InputError(f"tasks: no task matches {pattern!r}; there are {', '.join(NAMES)}")
    return [name for name in NAMES if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def of(name: str) -> Generator:
    """Return the generator of a name: (seed, index, side) -> image."""
    from visalign.visual_tasks import pathfinder, svrt

    if name in SVRT:
        return partial(svrt.draw, problem=SVRT[name])
    return partial(pathfinder.draw, length=PATHFINDER[name])
