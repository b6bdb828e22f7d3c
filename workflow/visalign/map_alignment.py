"""Comparing a model's maps (saliency, perturbations) with human importance maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visalign import human_maps
from visalign.errors import InputError
from visalign.stats import pearson, ranks
from visalign.transforms import Transform

#: At most this many other images' maps make the floor of one image.
FLOOR_MAPS = 10


def read_maps(path: str | Path, table: pd.DataFrame) -> np.ndarray:
    """Read processed human maps (n, 64, 64); their ids must be those of a stimulus table."""
    with np.load(path, allow_pickle=False) as archive:
        ids, maps = [str(value) for value in archive["stimulus_id"]], archive["map"]
    if ids != list(table["stimulus_id"]):
        raise InputError(f"{path}: stimulus_id: not those of the stimulus table, or in another order")
    return maps


def at_input(maps: np.ndarray, table: pd.DataFrame, transform: Transform) -> np.ndarray:
    """Bring human maps to the model's input: the resize and crop that the images went through.

    Parameters
    ----------
    maps : ndarray, shape (n, 64, 64)
        Processed human maps, each showing its whole image.
    table : DataFrame
        Stimulus table: height and width of each image.

    Returns
    -------
    ndarray of float32, shape (n, transform.height, transform.width)
        Parts of the input that show no image (padding) are 0.
    """
    result = np.zeros((len(maps), transform.height, transform.width), np.float32)
    for index, (height, width) in enumerate(zip(table["height"], table["width"], strict=True)):
        size = transform.resized_size(height, width)
        left, upper, right, lower = transform.crop_box(*size)
        whole = human_maps.resize_bilinear(maps[index : index + 1], size)[0]
        rows, columns = slice(max(upper, 0), min(lower, size[0])), slice(max(left, 0), min(right, size[1]))
        inside = whole[rows, columns]
        top, start = max(-upper, 0), max(-left, 0)
        result[index, top : top + inside.shape[0], start : start + inside.shape[1]] = inside
    return result


@dataclass(frozen=True)
class Alignment:
    """Per-image comparison: `rho` and `floor` (n,), NaN where undefined, and why in `reason`."""

    rho: np.ndarray
    floor: np.ndarray
    reason: list[str]

    @property
    def valid(self) -> np.ndarray:
        """Images with a defined correlation."""
        return np.isfinite(self.rho)


def undefined(maps: np.ndarray, name: str) -> list[str]:
    """Why each map (n, pixels) has no rank correlation: constant or non-finite; '' where it has."""
    finite = np.isfinite(maps).all(axis=1)
    constant = maps.max(axis=1) == maps.min(axis=1)
    return [
        f"{name} not finite" if not f else f"{name} constant" if c else ""
        for f, c in zip(finite, constant, strict=True)
    ]


def align(model_maps: np.ndarray, human: np.ndarray, rng: np.random.Generator) -> Alignment:
    """Spearman correlation of each image's two maps, and with human maps of other images.

    Parameters
    ----------
    model_maps, human : ndarray, shape (n, height, width)
    rng : numpy.random.Generator
        Draws the other images of the floor when there are more than FLOOR_MAPS.

    Returns
    -------
    Alignment
        ρ over all pixels with average ranks (Fel et al. 2022); floor = mean ρ with the human
        maps of up to FLOOR_MAPS other images: what centre bias alone gives.
    """
    n = len(model_maps)
    ours, theirs = model_maps.reshape(n, -1), human.reshape(n, -1)
    reasons = [
        a or b for a, b in zip(undefined(ours, "model map"), undefined(theirs, "human map"), strict=True)
    ]
    usable = np.array([not reason for reason in reasons], dtype=bool)
    human_ranks = {i: ranks(theirs[i]) for i in np.flatnonzero(usable)}
    rho, floor = np.full(n, np.nan), np.full(n, np.nan)
    for i in np.flatnonzero(usable):
        own = ranks(ours[i])
        rho[i] = float(pearson(own, human_ranks[i]))
        others = np.array([j for j in human_ranks if j != i])
        if len(others) > FLOOR_MAPS:
            others = rng.choice(others, FLOOR_MAPS, replace=False)
        if len(others):
            floor[i] = np.mean([pearson(own, human_ranks[j]) for j in others])
    return Alignment(rho, floor, reasons)


def conventions(rho: Any, floor: Any, ceiling: float | None) -> dict[str, Any]:
    """A mean ρ under every convention that its ceiling and floor define.

    ``floor_corrected`` (ρ − floor) / (ceiling − floor) is 0 at the floor and 1 at the ceiling;
    ``rho/ceiling``; ``rho`` raw. Scalars or arrays.
    """
    if ceiling is None:
        return {"rho": rho}
    corrected = (rho - floor) / (ceiling - floor)
    known = {} if np.isnan(corrected).all() else {"floor_corrected": corrected}
    return known | {"rho/ceiling": rho / ceiling, "rho": rho}


def summarise(
    alignment: Alignment, ceiling: float | None, rng: np.random.Generator, draws: int
) -> dict[str, dict[str, Any]]:
    """Mean alignment under every convention, with a 95 % bootstrap interval over images.

    Without a comparable image each value is None and the status says why.
    """
    valid = alignment.valid
    counts = {"n": int(valid.sum()), "n_excluded": int((~valid).sum())}
    if not valid.any():
        reasons = ", ".join(sorted(set(filter(None, alignment.reason))))
        empty = {"value": None, "status": f"no image can be compared: {reasons or 'no images'}"} | counts
        return {name: empty | {"convention": name} for name in conventions(0.0, 0.0, ceiling)}
    rho, floor = alignment.rho[valid], alignment.floor[valid]
    index = rng.integers(len(rho), size=(draws, len(rho)))
    sample = conventions(rho[index].mean(axis=1), floor[index].mean(axis=1), ceiling)
    at_floor = conventions(floor.mean(), floor.mean(), ceiling)
    at_ceiling = conventions(ceiling, floor.mean(), ceiling)
    result = {}
    for name, value in conventions(rho.mean(), floor.mean(), ceiling).items():
        low, high = np.quantile(sample[name], [0.025, 0.975]) if len(rho) > 1 else (np.nan, np.nan)
        result[name] = counts | {
            "convention": name,
            "value": float(value),
            "ci_low": float(low),
            "ci_high": float(high),
            "floor": float(at_floor[name]),
            "ceiling": at_ceiling[name],
        }
    return result
