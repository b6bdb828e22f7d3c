"""Comparing a model's maps (saliency, perturbations) with human importance maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visalign import human_maps, stimulus_tables
from visalign.transforms import Transform

#: Images that are compared at a time: memory does not grow with their number.
BATCH = 64
#: At most this many human maps, drawn anew for each batch, make the floor.
FLOOR_MAPS = 20
#: Sides of the square blocks, in pixels, whose means are compared beside the pixels themselves.
BLOCKS = (4, 16)


def read_maps(path: str | Path, table: pd.DataFrame) -> np.ndarray:
    """Read processed human maps (n, 64, 64); their ids must be those of a stimulus table."""
    with np.load(path, allow_pickle=False) as archive:
        ids, maps = [str(value) for value in archive["stimulus_id"]], archive["map"]
    stimulus_tables.check_order(ids, list(table["stimulus_id"]), path, "the map set")
    return maps


def at_input(
    maps: Sequence[np.ndarray] | np.ndarray, table: pd.DataFrame, transform: Transform
) -> np.ndarray:
    """Bring human maps to the model's input: the resize and crop that the images went through.

    Parameters
    ----------
    maps : sequence of ndarray, each of shape (map_height, map_width)
        Each shows its whole image.
    table : DataFrame
        Stimulus table: height and width of each image.

    Returns
    -------
    ndarray of float32, shape (n, transform.height, transform.width)
        Parts of the input that show no image (padding) are 0, and so is a constant map, lest padding give
        it a shape.
    """
    result = np.zeros((len(maps), transform.height, transform.width), np.float32)
    for index, (human, height, width) in enumerate(zip(maps, table["height"], table["width"], strict=True)):
        if human.min() == human.max():
            continue
        size = transform.resized_size(height, width)
        left, upper, right, lower = transform.crop_box(*size)
        whole = human_maps.resize_bilinear(human[None], size)[0]
        rows, columns = slice(max(upper, 0), min(lower, size[0])), slice(max(left, 0), min(right, size[1]))
        inside = whole[rows, columns]
        top, start = max(-upper, 0), max(-left, 0)
        result[index, top : top + inside.shape[0], start : start + inside.shape[1]] = inside
    return result


def block_means(maps: np.ndarray, side: int) -> np.ndarray:
    """Means over square blocks of `side` pixels, of maps (n, height, width).

    Where `side` does not divide a map, the last blocks are smaller.
    """
    if side == 1:
        return maps
    for axis in (1, 2):
        starts = np.arange(0, maps.shape[axis], side)
        counts = np.diff(starts, append=maps.shape[axis]).astype(maps.dtype)
        maps = np.add.reduceat(maps, starts, axis=axis) / np.expand_dims(counts, (0, 3 - axis))
    return maps


# --- rank correlation ---


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis from 1, tied values sharing their mean rank.

    Parameters
    ----------
    values : ndarray of float32, shape (n, n_pixels)
        Finite.

    Returns
    -------
    ndarray of float64, shape (n, n_pixels)
        As ``scipy.stats.rankdata``, in a sixth of its time: NumPy's stable sort of 16-bit integers is a
        radix sort, and two of them sort the bits of a float32.
    """
    result = np.empty(values.shape)
    for row, ranks in zip(values, result, strict=True):
        bits = (row + np.float32(0)).view(np.uint32)  # the sum makes -0 a 0
        bits = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))  # in the order of the floats
        order = np.argsort(bits.astype(np.uint16), kind="stable")
        order = order[np.argsort((bits >> 16).astype(np.uint16)[order], kind="stable")]
        ascending = bits[order]
        first = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1])))
        count = np.diff(first, append=len(row))
        ranks[order] = np.repeat(first + (count + 1) / 2, count)
    return result


def standard_ranks(maps: np.ndarray) -> np.ndarray:
    """Average ranks of the pixels of maps (n, height, width), of mean 0 and norm 1.

    Returns
    -------
    ndarray of float64, shape (n, n_pixels)
        The inner product of two is Spearman's ρ. NaN for a constant or non-finite map.
    """
    flat = maps.reshape(len(maps), -1).astype(np.float32, copy=False)
    ranks = average_ranks(flat) - (flat.shape[1] + 1) / 2
    with np.errstate(invalid="ignore"):
        ranks /= np.linalg.norm(ranks, axis=1, keepdims=True)
    ranks[~np.isfinite(flat).all(axis=1)] = np.nan
    return ranks


def mean_defined(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of the values that are not NaN; NaN where there is none."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(axis=axis) / defined.sum(axis=axis)


def rank_correlation(
    model_ranks: np.ndarray, human_ranks: np.ndarray, other_ranks: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spearman's ρ with each image's own human map, and the mean with those of other images.

    Parameters
    ----------
    model_ranks, human_ranks : ndarray, shape (n, n_pixels)
        `standard_ranks` of the maps of each image.
    other_ranks : ndarray, shape (n_others, n_pixels)
        `standard_ranks` of human maps of other images.
    own : ndarray of bool, shape (n, n_others)
        Where one of the others is the image itself.

    Returns
    -------
    rho, floor : ndarray, shape (n,)
    """
    rho = np.einsum("np,np->n", model_ranks, human_ranks)
    return rho, mean_defined(np.where(own, np.nan, model_ranks @ other_ranks.T), axis=1)


# --- comparison of a model's maps with human maps, batch by batch ---


@dataclass(frozen=True)
class Alignment:
    """Per-image comparison: `rho` and `floor` (n,), NaN where undefined, and why in `reason`.

    `rho` is an overlap where it is not ranks that are compared.
    """

    rho: np.ndarray
    floor: np.ndarray
    reason: list[str]

    @property
    def valid(self) -> np.ndarray:
        """Images with a defined comparison."""
        return np.isfinite(self.rho)


def undefined(maps: np.ndarray, name: str) -> list[str]:
    """Why each map (n, height, width) has no rank correlation: constant or non-finite; '' where it has."""
    constant, non_finite = human_maps.undefined_maps(maps)
    return [
        f"{name} not finite" if n else f"{name} constant" if c else ""
        for c, n in zip(constant, non_finite, strict=True)
    ]


def compare(
    model_maps: Mapping[str, np.ndarray], human: np.ndarray, others: np.ndarray, own: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Every measure of a batch of images, each with its floor; human maps are ranked once.

    Parameters
    ----------
    model_maps : mapping of str to ndarray, shape (n, height, width)
        Maps of the model by the metric that they are to have; the first is the headline.
    human : ndarray, shape (n, height, width)
    others : ndarray, shape (n_others, height, width)
        Human maps of other images.
    own : ndarray of bool, shape (n, n_others)
        Where one of the others is the image itself.

    Returns
    -------
    dict of str to (value, floor), each ndarray, shape (n,)
        METRIC: Spearman's ρ over all pixels with average ranks (Fel et al. 2022); METRIC_4, METRIC_16: the
        same over means of blocks; top10_iou, top10_dice: overlap of the headline's top 10 % of the pixels.
        The floor is the mean with `others`, for the overlap the value with one of them.
    """
    result = {}
    for side in (1, *BLOCKS):
        human_ranks, other_ranks = (standard_ranks(block_means(maps, side)) for maps in (human, others))
        for name, maps in model_maps.items():
            metric = name if side == 1 else f"{name}_{side}"
            model_ranks = standard_ranks(block_means(maps, side))
            result[metric] = rank_correlation(model_ranks, human_ranks, other_ranks, own)
    headline, maps = next(iter(model_maps.items()))
    lost = np.isnan(result[headline][0])
    partner = (np.arange(len(maps)) + 1) % len(others)
    alone = lost | own[np.arange(len(maps)), partner] | np.isnan(other_ranks[partner, 0])
    overlap = human_maps.top_overlap(maps, human), human_maps.top_overlap(maps, others[partner])
    for metric, value, floor in zip(("top10_iou", "top10_dice"), *overlap, strict=True):
        result[metric] = np.where(lost, np.nan, value), np.where(alone, np.nan, floor)
    return result


def align_batches(
    n: int,
    model_maps: Callable[[slice], Mapping[str, np.ndarray]],
    human: Callable[[Any], np.ndarray],
    rng: np.random.Generator,
) -> dict[str, Alignment]:
    """Compare the maps of `n` images, reading a batch of them at a time.

    Parameters
    ----------
    model_maps : callable
        Maps of the model, by metric, of a slice of images: arrays (rows, height, width).
    human : callable
        Human maps (rows, height, width) of a slice, or of an index array.
    rng : numpy.random.Generator
        Draws the other images of the floor: for each batch up to FLOOR_MAPS, the same for every model.

    Returns
    -------
    dict of str to Alignment
        By metric, see `compare`. The floor is what centre bias alone gives.
    """
    parts, reasons = [], []
    for first in range(0, n, BATCH):
        rows = slice(first, min(first + BATCH, n))
        index = np.sort(rng.choice(n, min(n, FLOOR_MAPS), replace=False))
        ours, theirs = model_maps(rows), human(rows)
        parts.append(compare(ours, theirs, human(index), np.arange(n)[rows, None] == index))
        model_reasons = undefined(next(iter(ours.values())), "model map")
        reasons += [a or b for a, b in zip(model_reasons, undefined(theirs, "human map"), strict=True)]
    joined = {metric: np.concatenate([part[metric] for part in parts], axis=1) for metric in parts[0]}
    return {metric: Alignment(value, floor, reasons) for metric, (value, floor) in joined.items()}


def align(model_maps: np.ndarray, human: np.ndarray, rng: np.random.Generator) -> Alignment:
    """Spearman correlation of each image's two maps (n, height, width), held in memory."""
    of_rows = align_batches(len(human), lambda rows: {"rho": model_maps[rows]}, human.__getitem__, rng)
    return of_rows["rho"]


def per_image(alignments: Mapping[str, Alignment]) -> dict[str, Any]:
    """Columns of a per-image table: the headline's rho, floor and reason, then every other metric."""
    headline, *others = alignments
    columns = {name: getattr(alignments[headline], name) for name in ("rho", "floor", "reason")}
    return columns | {metric: alignments[metric].rho for metric in others}


# --- summary over images ---


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
        empty = {
            "value": None,
            "status": f"no image can be compared: {reasons or 'constant block means'}",
        } | counts
        return {name: empty | {"convention": name} for name in conventions(0.0, 0.0, ceiling)}
    images = np.stack([alignment.rho[valid], alignment.floor[valid]])
    rho, floor = mean_defined(images, axis=1)
    n = images.shape[1]
    drawn = [mean_defined(images[:, rng.integers(n, size=n)], axis=1) for _ in range(draws)]
    rhos, floors = np.array(drawn).T
    sample = conventions(rhos, floors, ceiling)
    at_floor = conventions(floor, floor, ceiling)
    at_ceiling = conventions(ceiling, floor, ceiling)
    result = {}
    for name, value in conventions(rho, floor, ceiling).items():
        low, high = np.nanquantile(sample[name], [0.025, 0.975]) if n > 1 else (np.nan, np.nan)
        result[name] = counts | {
            "convention": name,
            "value": float(value),
            "ci_low": float(low),
            "ci_high": float(high),
            "floor": float(at_floor[name]),
            "ceiling": at_ceiling[name],
        }
    return result


def entries(
    alignments: Mapping[str, Alignment], ceiling: float | None, rng: np.random.Generator, draws: int
) -> list[dict[str, Any]]:
    """Summaries with their metric: the headline's under every convention, others raw, without a ceiling."""
    result = []
    for metric, alignment in alignments.items():
        own = ceiling if metric == next(iter(alignments)) else None
        overlap = {"convention": "overlap"} if metric.startswith("top10") else {}
        for entry in summarise(alignment, own, rng, draws).values():
            result.append({"metric": metric} | entry | overlap)
    return result
