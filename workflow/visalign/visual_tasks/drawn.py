"""What a generator of a visual task gives: an image, its parts, what is asked of it; its random numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Asked(NamedTuple):
    """A task, its answer (0 or 1, or degrees), and how hard it is ('' if unknown).

    `theta` is the answer again where it is an angle; `split` as in a table of trials, '' to cross-validate.
    """

    task: str
    label: float
    difficulty: str = ""
    theta: float | None = None
    split: str = ""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One drawn image.

    Attributes
    ----------
    image : ndarray of uint8, shape (side, side) or (side, side, 3)
    parts : ndarray of uint8, shape (side, side)
        Number of the object that each pixel shows, 0 of the ground.
    asked : tuple of Asked
    group : str
        Images of one group are no independent witnesses; '' if it stands alone.
    geometry : dict
        Coordinates in pixels (x to the right, y down, centre of the first pixel at 0) of all that was drawn.
    """

    image: np.ndarray
    parts: np.ndarray
    asked: tuple[Asked, ...]
    group: str = ""
    geometry: dict[str, object] = field(default_factory=dict)


def generator(seed: int, task: str, index: int) -> np.random.Generator:
    """Random numbers of image `index` of a task, which depend on nothing else."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, number_of(task), index])))


def label(seed: int, task: str, index: int) -> int:
    """Label 0 or 1 of image `index`: a coin for the first of each two images, the other side for the second.

    It depends on nothing that is drawn, and of an even number of images half have each label.
    """
    coin = int(generator(seed, f"{task}/label", index // 2).integers(2))
    return coin ^ index % 2


def number_of(name: str) -> int:
    """Whole number below 2³² that stands for a name, the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
