"""What an attack is: what has to change, which stimuli are attacked, the least that a search may spend."""

from __future__ import annotations

import numpy as np

#: What a perturbation has to change: the label, or whether it is one of an animal (ImageNet's first classes).
TARGETS = ("label", "superclass")
#: Classes linearised at the image, a gradient each, and gradients after that before records are tried on rays
#: whose boundary is not yet near where it was expected: such early ones cost many probes and are soon beaten.
N_CANDIDATES, WARM_UP = 9, 3
#: The smallest budget that reaches a record.
MIN_BUDGET = N_CANDIDATES + WARM_UP


def benchmark(dataset: str, target: str) -> str:
    """Name of the benchmark of a map set: changes of the label have no name of their own."""
    return f"attacks/{dataset}" + (f"/{target}" if target != "label" else "")


def choose(n: int, images: int | None, seed: int) -> np.ndarray:
    """Rows of the stimuli that are attacked, sorted: all `n`, or `images` of them, alike for every model."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:images])
