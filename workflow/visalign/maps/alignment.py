"""Comparing a model's maps (saliency, perturbations) with human importance maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from visalign.maps import processing
from visalign.stats.defined import mean_of_defined
from visalign.stats.ranks import RankSum, standard_ranks
from visalign.stimuli import tables
from visalign.stimuli.transforms import Transform

#: Images that are compared at a time: memory does not grow with their number.
BATCH = 64
#: At most this many human maps, evenly spaced, make the floor of an overlap; that of ρ is of all.
OVERLAP_MAPS = 20
#: Sides of the square blocks, in pixels, whose means are compared; first the pixels themselves.
SIDES = (1, 4, 16)
#: Metrics of the headline's overlap with human maps: intersection over union, and Dice.
OVERLAPS = ("top10_iou", "top10_dice")
#: Rows of a stimulus table, as a slice or by their numbers.
Rows = slice | np.ndarray


def read_maps(path: str | Path, table: pd.DataFrame) -> np.ndarray:
    """Read processed human maps (n, 64, 64); their ids must be those of a stimulus table."""
    with np.load(path, allow_pickle=False) as archive:
        ids, maps = [str(value) for value in archive["stimulus_id"]], archive["map"]
    tables.check_order(ids, list(table["stimulus_id"]), path, "the map set")
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
        whole = processing.resize_bilinear(human[None], size)[0]
        rows, columns = slice(max(upper, 0), min(lower, size[0])), slice(max(left, 0), min(right, size[1]))
        inside = whole[rows, columns]
        top, start = max(-upper, 0), max(-left, 0)
        result[index, top : top + inside.shape[0], start : start + inside.shape[1]] = inside
    return result


def mover(maps: np.ndarray, table: pd.DataFrame, transform: Transform) -> Callable[[Rows], np.ndarray]:
    """Return the function that brings the human maps of some rows of a table to the model's input.

    Parameters
    ----------
    maps : ndarray, shape (n, 64, 64)
        Of the images of `table`; what the function takes is a slice or an index array of them.
    """
    return lambda rows: at_input(maps[rows], table.iloc[rows], transform)


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


# --- comparison of a model's maps with human maps, batch by batch ---


@dataclass(frozen=True)
class Alignment:
    """Per-image comparison with human maps; arrays (n,), NaN where undefined.

    Attributes
    ----------
    rho : ndarray
        Spearman's ρ of the image's own two maps; an overlap where it is not ranks that are compared.
    floor : ndarray
        Mean of the same between the model's map of the image and the human maps of others.
    typical : ndarray
        Mean of the same between the human map of the image and the model's maps of others, which is its part
        in their floors. NaN of block means and overlaps, which have no ceiling that a floor is set against.
    reason : list of str
        Why `rho` is undefined; '' where it is not.
    """

    rho: np.ndarray
    floor: np.ndarray
    typical: np.ndarray
    reason: list[str]

    @property
    def valid(self) -> np.ndarray:
        """Images with a defined comparison."""
        return np.isfinite(self.rho)

    def placed(self, rows: np.ndarray, n: int, reason: str) -> Alignment:
        """Return the same among `n` images, of which these are `rows`; `reason` is that of the others."""
        rho, floor, typical = np.full((3, n), np.nan)
        rho[rows], floor[rows], typical[rows] = self.rho, self.floor, self.typical
        reasons = np.full(n, reason, dtype=object)
        reasons[rows] = self.reason
        return Alignment(rho, floor, typical, reasons.tolist())


def undefined(maps: np.ndarray, name: str) -> list[str]:
    """Why each map (n, height, width) has no rank correlation: constant or non-finite; '' where it has."""
    constant, non_finite = processing.undefined_maps(maps)
    return [
        f"{name} not finite" if n else f"{name} constant" if c else ""
        for c, n in zip(constant, non_finite, strict=True)
    ]


def slices(n: int) -> Iterator[slice]:
    """Batches of the rows of `n` images."""
    return (slice(first, min(first + BATCH, n)) for first in range(0, n, BATCH))


def sums_of_ranks(
    n: int, maps: Callable[[slice], np.ndarray], sides: Sequence[int] = (1,)
) -> dict[int, RankSum]:
    """Sum the ranks of `n` maps, and of their block means, by the side of the blocks."""
    sums = {side: RankSum() for side in sides}
    for rows in slices(n):
        batch = maps(rows)
        for side in sides:
            sums[side].add(standard_ranks(block_means(batch, side)))
    return sums


def align_batches(
    n: int,
    model_maps: Callable[[slice], Mapping[str, np.ndarray]],
    human: Callable[[Rows], np.ndarray],
    headline: str,
) -> dict[str, Alignment]:
    """Compare the maps of `n` images, reading a batch of them at a time: human maps three times.

    Parameters
    ----------
    model_maps : callable
        Maps of the model, by the metric that they are to have, of a slice of images: arrays (rows, height,
        width).
    human : callable
        Human maps (rows, height, width) of a slice, or of an index array.
    headline : str
        The metric whose reasons, and whose overlaps, are told.

    Returns
    -------
    dict of str to Alignment
        METRIC: Spearman's ρ over all pixels with average ranks (Fel et al. 2022); METRIC_4, METRIC_16: the
        same over means of blocks; top10_iou, top10_dice: overlap of the headline's top 10 % of the pixels.
        The floor, what centre bias alone gives, is the mean over the human maps of all other images; that of
        overlaps, which are no inner products, over those of OVERLAP_MAPS images, evenly spaced.
    """
    people = sums_of_ranks(n, human, SIDES)
    index = np.unique(np.linspace(0, n - 1, OVERLAP_MAPS).astype(int))
    others = human(index)
    found: dict[str, np.ndarray] = {}  # rho, floor and typical of each metric
    models: dict[str, RankSum] = {}
    overlap, reasons = np.full((2, 2, n), np.nan), []
    for rows in slices(n):
        ours, theirs = model_maps(rows), human(rows)
        for side in SIDES:
            human_ranks = standard_ranks(block_means(theirs, side))
            for name, maps in ours.items():
                ranks = standard_ranks(block_means(maps, side))
                columns = found.setdefault(f"{name}_{side}" if side > 1 else name, np.full((3, n), np.nan))
                columns[0, rows] = rho = np.einsum("np,np->n", ranks, human_ranks)
                columns[1, rows] = people[side].mean_with_others(ranks, rho)
                if side == 1:
                    models.setdefault(name, RankSum()).add(ranks)
        lacking = undefined(ours[headline], "model map"), undefined(theirs, "human map")
        reasons += [a or b for a, b in zip(*lacking, strict=True)]
        overlap[:, :, rows] = overlaps(ours[headline], theirs, others, np.arange(n)[rows, None] == index)
    for rows in slices(n):
        human_ranks = standard_ranks(human(rows))
        for name, model in models.items():
            found[name][2, rows] = model.mean_with_others(human_ranks, found[name][0, rows])
    empty = np.full(n, np.nan)
    of_ranks = {metric: Alignment(c[0], c[1], c[2], reasons) for metric, c in found.items()}
    value, floor = overlap
    return of_ranks | {
        metric: Alignment(value[kind], floor[kind], empty, reasons) for kind, metric in enumerate(OVERLAPS)
    }


def overlaps(model: np.ndarray, human: np.ndarray, others: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Overlap of the top 10 % of the pixels of maps (n, height, width): with own human maps, and with others.

    Parameters
    ----------
    others : ndarray, shape (n_others, height, width)
        Human maps of other images.
    own : ndarray of bool, shape (n, n_others)
        Where one of the others is the image itself.

    Returns
    -------
    ndarray, shape (2, 2, n)
        Value and mean with the others, of intersection over union and of Dice; NaN where a map is undefined.
    """
    top_model, top_human, top_others = (top(maps) for maps in (model, human, others))
    value = np.array(processing.overlap(top_model, top_human))
    floor = np.full((len(others), *value.shape), np.nan)
    for index, other in enumerate(top_others):
        inside = other > 0  # a tenth of the pixels; none of an undefined map, whose overlap is NaN
        floor[index] = processing.overlap(top_model[:, inside], other[inside])
    floor[:, 0][own.T] = floor[:, 1][own.T] = np.nan
    return np.array([value, mean_of_defined(floor, axis=0)])


def top(maps: np.ndarray) -> np.ndarray:
    """Share with which each pixel is among the top 10 % of its map, (n, n_pixels); NaN of undefined maps."""
    membership = processing.top_membership(maps)
    membership[np.logical_or(*processing.undefined_maps(maps))] = np.nan
    return membership


def align(model_maps: np.ndarray, human: np.ndarray) -> Alignment:
    """Spearman correlation of each image's two maps (n, height, width), held in memory."""
    return align_batches(len(human), lambda rows: {"rho": model_maps[rows]}, human.__getitem__, "rho")["rho"]


def per_image(alignments: Mapping[str, Alignment], headline: str) -> dict[str, np.ndarray | list[str]]:
    """Columns of a per-image table: the headline's rho, floor and reason, then every other metric."""
    chosen = alignments[headline]
    others = {metric: own.rho for metric, own in alignments.items() if metric != headline}
    return {"rho": chosen.rho, "floor": chosen.floor, "reason": chosen.reason, **others}
