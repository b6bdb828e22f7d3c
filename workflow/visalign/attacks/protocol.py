"""What an attack is: which stimuli are attacked, its benchmark, the least that a search may spend.

What a perturbation has to change is the ``label``, or the ``superclass``: whether the label is one of an
animal (ImageNet's first classes).
"""

from __future__ import annotations

import numpy as np

#: Classes linearised at the image, a gradient each, and gradients after that before records are tried on rays
#: whose boundary is not yet near where it was expected: such early ones cost many probes and are soon beaten.
N_CANDIDATES, WARM_UP = 9, 3
#: The smallest budget that reaches a record.
MIN_BUDGET = N_CANDIDATES + WARM_UP
#: Reasons of stimuli that are not attacked: not among those that are drawn; drawn, but see `stopping`.
NOT_DRAWN, SPARED = "not drawn", "spared, since the images before it were enough"


def benchmark(dataset: str, target: str) -> str:
    """Name of the benchmark of a map set: changes of the label have no name of their own."""
    return f"attacks/{dataset}" + (f"/{target}" if target != "label" else "")


def choose(n: int, count: int | None, seed: int) -> np.ndarray:
    """Rows of the stimuli that are attacked, sorted: all `n`, or `count` of them, alike for every model."""
    return np.sort(in_order(n, count, seed))


def in_order(n: int, count: int | None, seed: int) -> np.ndarray:
    """Rows that `choose` chooses as they were drawn: a larger `count` continues the same order."""
    return np.random.default_rng(seed).permutation(n)[:count]
