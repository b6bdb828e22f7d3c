"""Psychophysics: is there an animal, when only the most important part of an image is revealed?

The curve of accuracy against the percentage of revealed pixels, of a model or of people, and how far two
curves are apart (Fel et al. 2022; Clicktionary, Linsley et al. 2017).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visalign.errors import InputError
from visalign.io.scores import Score
from visalign.io.tables import numbers, read_table
from visalign.stats.bootstrap import percentile_interval

if TYPE_CHECKING:
    from torch import Tensor

#: ImageNet's classes 0 to 397 are animals.
N_ANIMALS = 398
#: Revealed percentages of the pixels: none, then 10^(0 .. 2 step .2); 100 is the full image.
LEVELS = (0.0, *(float(f"{10 ** (step / 5):.4g}") for step in range(11)))


def positions(importance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Order in which the pixels of each image are revealed: the most important one is 0.

    Parameters
    ----------
    importance : ndarray, shape (n, height, width)
        Finite.
    rng : numpy.random.Generator
        Orders pixels of equal importance, the same way in every image.

    Returns
    -------
    ndarray of int32, shape (n, height, width)
    """
    flat = importance.reshape(len(importance), -1)
    shuffled = rng.permutation(flat.shape[1])
    order = shuffled[np.argsort(-flat[:, shuffled], axis=1, kind="stable")]
    result = np.empty(flat.shape, np.int32)
    np.put_along_axis(result, order, np.arange(flat.shape[1], dtype=np.int32)[None], axis=1)
    return result.reshape(importance.shape)


def reveal(pixels: Tensor, position: Tensor, level: float, fill: Tensor) -> Tensor:
    """Show `level` % of the pixels of each image and hide the others behind a uniform colour.

    Parameters
    ----------
    pixels : Tensor, shape (n, 3, height, width)
    position : Tensor of int, shape (n, height, width)
        See `positions`.
    level : float
        In percent.
    fill : Tensor, shape (3, 1, 1)
        Colour of hidden pixels. The mean that the model's normalisation subtracts is a mid-grey, and 0 at
        the model's input.
    """
    shown = position < round(level / 100 * position[0].numel())
    return pixels.where(shown[:, None], fill)


def area(levels: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Mean height of curves (..., n_levels) over the logarithm of the level; level 0 is left out."""
    width, heights = _segments(levels, curve)
    return (heights.sum(axis=0) / 2) @ width


def area_between(levels: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of two curves (n_levels,) over the logarithm of the level, exact where they cross."""
    width, (left, right) = _segments(levels, first - second)
    total = np.abs(left) + np.abs(right)
    crossed = (left**2 + right**2) / np.maximum(total, np.finfo(float).tiny)  # two triangles
    return float(np.where(left * right < 0, crossed, total) / 2 @ width)


def _segments(levels: np.ndarray, curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widths (n_segments,), of sum 1, and heights at both ends (2, ..., n_segments) of the segments."""
    positive = levels > 0
    width = np.diff(np.log(levels[positive]))
    heights = curve[..., positive]
    return width / width.sum(), np.stack([heights[..., :-1], heights[..., 1:]])


def read_human_curve(path: str | Path, levels: np.ndarray) -> np.ndarray:
    """Read people's accuracy at each level (CSV: level in percent, accuracy from 0 to 1).

    Raises
    ------
    InputError
        No number, a level that is not there or twice, or an accuracy that is not in [0, 1].
    """
    table = read_table(path, required=("level", "accuracy"))
    there, accuracy = (numbers(table, column, path) for column in ("level", "accuracy"))
    found = []
    for level in levels:
        # Published levels are rounded, for example to 1.58 or 1.6.
        near = accuracy[np.isclose(there, level, rtol=0.02, atol=0)]
        if len(near) != 1:
            raise InputError(f"{path}: level: {len(near)} rows of {level:g} %, expected 1")
        if not 0 <= near[0] <= 1:
            raise InputError(f"{path}: accuracy: {near[0]} at {level:g} % is not in [0, 1]")
        found.append(near[0])
    return np.array(found)


def summarise(
    correct: np.ndarray,
    levels: np.ndarray,
    human: np.ndarray | None,
    rng: np.random.Generator,
    draws: int,
    n_excluded: int = 0,
) -> list[Score]:
    """Area under the model's curve, and its distances from the human one, with intervals over images.

    Parameters
    ----------
    correct : ndarray of bool, shape (n_images, n_levels)
    levels : ndarray, shape (n_levels,)
        In percent, ascending.
    human : ndarray, shape (n_levels,), optional
        People's accuracy.
    n_excluded : int
        Images without a map to reveal them by.

    Returns
    -------
    list of Score
        ``revelation_auc`` and, with `human`, ``revelation_mse`` and ``revelation_area``.
    """
    measures = {"revelation_auc": lambda curve: float(area(levels, curve))}
    if human is not None:
        measures["revelation_mse"] = lambda curve: float(np.mean((curve - human) ** 2))
        measures["revelation_area"] = lambda curve: area_between(levels, curve, human)
    found = []
    for metric, measure in measures.items():
        score = Score(
            metric=metric, convention="proportion", n=len(correct), n_excluded=n_excluded, headline=True
        )
        if not len(correct):
            found.append(replace(score, status="no image has a map to reveal it by"))
            continue
        low, high = percentile_interval(
            correct, lambda sample, f=measure: f(sample.mean(axis=0)), rng=rng, draws=draws
        )
        found.append(replace(score, value=measure(correct.mean(axis=0)), ci_low=low, ci_high=high))
    return found
