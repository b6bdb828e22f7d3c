"""``python -m visalign neural`` on plain arrays: features and responses in, scores out."""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Any

import numpy as np

from visalign import dask_client, gram_matrix
from visalign.ceilings import site_pair_ceiling, split_half_ceiling
from visalign.cross_validation import Split, leave_out_splits, nested_splits
from visalign.errors import InputError
from visalign.layer_scores import Options, median_score, score_layers
from visalign.predictivity import Responses, shuffled, summarise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that score arrays directly."""
    arrays = parser.add_argument_group("score arrays directly")
    arrays.add_argument("--features", help="X.npy, stimuli × features")
    arrays.add_argument("--responses", help="Y.npy, stimuli × neuroids [× repetitions], NaN where missing")
    groups = arrays.add_mutually_exclusive_group()
    groups.add_argument(
        "--stratify", "--groups", help="G.npy, one category a stimulus, balanced in every split"
    )
    groups.add_argument("--leave-out", help="G.npy, one group (image) a stimulus, left out in turn: maps")
    arrays.add_argument("--json", action="store_true", help="print JSON: metric, then convention")


def run(args: argparse.Namespace, options: Options) -> None:
    """Score a feature array on a response array and print the result."""
    if not (args.features and args.responses):
        raise InputError("neural: --features and --responses go together")
    X = read_array(args.features, (2,))
    Y = read_array(args.responses, (2, 3), missing=True).astype(np.float64)
    groups = read_groups(args.stratify or args.leave_out, len(X))
    if len(Y) != len(X):
        raise InputError(f"{args.responses}: {len(Y)} stimuli, but {args.features} has {len(X)}")
    images = groups if args.leave_out else None
    c = ceiling(Y, images, args.split_seed)
    mean = np.nanmean(Y, axis=2) if Y.ndim == 3 else Y
    responses = Responses(mean, splits(args, len(X), groups), np.arange(len(X)) if images is None else images)
    read = partial(gram_matrix.gram, [X], np.float64 if X.dtype == np.float64 else np.float32)
    result: dict[str, Any] = {}
    with dask_client.connect(args.dask, args.threads, args.dask_options) as client:
        for metric in args.metric:
            rng = np.random.default_rng(args.seed)
            score = partial(score_layers, client, {"features": read}, metric=metric, options=options)
            selected = score(responses.Y, responses.splits).select("nested")
            control = shuffled(responses, rng)
            floor = median_score(score(control.Y, control.splits).values[0])
            result[metric] = summarise(selected, responses, c, floor, rng, metric)
    show(result, args.json)


def show(result: dict[str, Any], as_json: bool) -> None:
    """Print entries by metric and convention."""
    if as_json:
        print(json.dumps(without_nan(result)))
        return
    for metric, entries in result.items():
        for entry in entries.values():
            interval = (
                "" if np.isnan(entry["ci_low"]) else f"  95 % {entry['ci_low']:.4f} .. {entry['ci_high']:.4f}"
            )
            print(f"{metric:6s} {entry['convention']:8s} {entry['value']:.4f}{interval}")


def without_nan(value: Any) -> Any:
    """Replace NaN, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def splits(args: argparse.Namespace, n: int, groups: np.ndarray | None) -> list[Split]:
    """Brain-Score's splits, or one group left out in turn."""
    if args.leave_out:
        assert groups is not None
        return leave_out_splits(groups, args.split_seed, 0)
    return nested_splits(n, groups, args.splits, args.train_size, args.split_seed, 0)


def ceiling(Y: np.ndarray, images: np.ndarray | None, seed: int) -> float | None:
    """Ceiling of responses: split-half over repetitions; of maps without any, site pairs; else None."""
    if Y.ndim == 3:
        value = split_half_ceiling(Y.transpose(0, 2, 1), 10, seed, images).value
    elif (
        images is not None
        and not np.isnan(Y).any()
        and len(set(np.unique(images, return_counts=True)[1])) == 1
    ):
        order = np.argsort(images, kind="stable").reshape(len(np.unique(images)), -1)
        value = site_pair_ceiling(Y[order], seed).value
    else:
        return None
    return None if np.isnan(value) else value


def read_array(path: str, ndims: tuple[int, ...], missing: bool = False) -> np.ndarray:
    """Read a numeric .npy array of an allowed number of dimensions.

    Raises
    ------
    InputError
        Not such an array, or values that are infinite or, unless `missing`, NaN.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{path}: not a plain .npy array: {error}") from None
    if array.ndim not in ndims or array.dtype.kind not in "fiub":
        raise InputError(
            f"{path}: shape {array.shape}, type {array.dtype}; expected numbers, {ndims} dimensions"
        )
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    if bad.any():
        raise InputError(f"{path}: {int(bad.sum())} values are not finite")
    return array


def read_groups(path: str | None, n: int) -> np.ndarray | None:
    """Read one category or group a stimulus."""
    if path is None:
        return None
    groups = np.load(path, allow_pickle=False)
    if groups.shape != (n,):
        raise InputError(f"{path}: shape {groups.shape}, expected one value for each of {n} stimuli")
    return groups
