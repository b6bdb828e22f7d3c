"""Plain arrays of features and responses as stage neural scores them, and how scores are told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.io.array_files import read_npy, read_numbers
from visalign.io.scores import Entry, Score, entry
from visalign.neural.recorded import Plan
from visalign.neural.rows import Result, TimeBin, time_bin
from visalign.stats.cross_validation import check_tests, copies


class Arrays(NamedTuple):
    """Features X (n, p), responses Y (n, m, repetitions), and the category or group (n,) of each stimulus."""

    X: np.ndarray
    Y: np.ndarray
    groups: np.ndarray | None


def read_arrays(features: str, responses: str, groups: str | None) -> Arrays:
    """Read arrays of the same stimuli; an InputError names the file."""
    X = read_array(features, (2,))
    Y = read_array(responses, (2, 3), missing=True)
    names = read_groups(groups, len(X))
    if len(Y) != len(X):
        raise InputError(f"{responses}: {len(Y)} stimuli, but {features} has {len(X)}")
    return Arrays(X, Y if Y.ndim == 3 else Y[..., None], names)


def prepare(
    arrays: Arrays, plan: Plan, *, leave_out: bool, where: str, seed: int
) -> tuple[TimeBin, list[str]]:
    """Split the stimuli of arrays; returns what scores are computed from, and what is to be said of it.

    Parameters
    ----------
    leave_out : bool
        Whether groups are left out in turn, as the images of grid recordings are.
    where : str
        File of the features, which errors name.
    seed : int
        Of the draws.
    """
    X, Y, groups = arrays
    images = groups if leave_out else None
    pictures = alike(X, images)
    said = []
    if reason := copies(pictures if images is None else pictures[np.unique(images, return_index=True)[1]]):
        said.append(f"{where}: {reason} (rows that are the same)")
    splits = plan.shuffled(len(X), groups, pictures) if images is None else plan.leaving_out(images, pictures)
    check_tests(splits, where)
    data = time_bin(
        Y.transpose(0, 2, 1),
        splits,
        images,
        pictures,
        n_splits=10,
        ceiling_seed=plan.seed,
        neuroids=np.arange(Y.shape[1]).astype(str),
        reliable=np.zeros(Y.shape[1], dtype=bool),
        seed=seed,
    )
    return data, said


def shown(metric: str, result: Result) -> dict[str, Score]:
    """Scores of a metric by convention, then what a perfect model of these features would score."""
    own = {str(score.convention): score for score in result.scores if score.metric == metric}
    attainable = [score for score in result.scores if score.metric == f"{metric}_attainable"]
    return own | dict(zip(["attainable"], attainable, strict=False))


def alike(X: np.ndarray, images: np.ndarray | None) -> np.ndarray:
    """Number (n,) of the picture of each stimulus: rows of features that are the same, bit by bit, are one.

    Of grids, an image is the same as another where all its rows are. Features of two values at most, or of
    one column, are no pictures but codes, such as categories, which stimuli share.
    """
    codes = X.shape[1] == 1 or all(len(np.unique(column)) <= 2 for column in X.T)
    if codes:
        return np.arange(len(X)) if images is None else np.unique(images, return_inverse=True)[1]
    rows = np.unique([hashlib.sha256(row.tobytes()).hexdigest() for row in X], return_inverse=True)[1]
    if images is None:
        return rows
    of_image = {name: rows[images == name].tobytes() for name in np.unique(images)}
    number = {content: index for index, content in enumerate(dict.fromkeys(of_image.values()))}
    return np.array([number[of_image[name]] for name in images])


def told(scores: Mapping[str, Mapping[str, Score]]) -> Iterator[str]:
    """Yield a line per metric and convention: its value, and its interval where known."""
    for metric, entries in scores.items():
        for name, score in entries.items():
            interval = "" if score.ci_low is None else f"  95 % {score.ci_low:.4f} .. {score.ci_high:.4f}"
            name = "attainable r2/c" if name == "attainable" else name
            value = np.nan if score.value is None else score.value
            yield f"{metric:6s} {name:15s} {value:.4f}{interval}"


def as_json(scores: Mapping[str, Mapping[str, Score]]) -> dict[str, dict[str, Entry]]:
    """Return what `--json` prints of scores: an entry by metric, then convention."""
    return {metric: {name: entry(score) for name, score in named.items()} for metric, named in scores.items()}


def read_array(path: str, ndims: tuple[int, ...], missing: bool = False) -> np.ndarray:
    """Read a numeric .npy array of an allowed number of dimensions.

    Raises
    ------
    InputError
        Not such an array, or values that are infinite or, unless `missing`, NaN.
    """
    dimensions = " or ".join(map(str, ndims))
    return read_numbers(path, ndims, f"of {dimensions} dimensions", missing)


def read_groups(path: str | None, n: int) -> np.ndarray | None:
    """Read one category or group per stimulus: words, or numbers none of which is missing."""
    if path is None:
        return None
    groups = read_npy(path)
    if groups.shape != (n,):
        raise InputError(f"{path}: shape {groups.shape}, expected one value for each of {n} stimuli")
    if groups.dtype.kind not in "iubfUS":
        raise InputError(f"{path}: type {groups.dtype}; expected words or numbers")
    if groups.dtype.kind == "f" and not np.isfinite(groups).all():
        first = int(np.argmin(np.isfinite(groups)))
        raise InputError(f"{path}: {groups[first]} of stimulus {first}; expected a category or group of each")
    if groups.dtype.kind in "US" and not np.char.str_len(groups).all():
        raise InputError(
            f"{path}: stimulus {int(np.argmin(np.char.str_len(groups)))} has no category or group"
        )
    return groups


def each_alone(categories: np.ndarray) -> bool:
    """Whether each of several stimuli is a category of its own."""
    return 1 < len(np.unique(categories)) == len(categories)
