"""``python -m visalign neural`` on plain arrays: features and responses in, scores out."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from functools import partial
from typing import Any

import numpy as np

from visalign.errors import InputError
from visalign.gram import store
from visalign.io import dask_client
from visalign.io.array_files import read_npy, read_numbers
from visalign.neural import rows as neural_rows
from visalign.neural.grid import Protocol
from visalign.neural.layers import SIMILARITIES, Options, Read, component_curve
from visalign.neural.predictivity import generator
from visalign.stats.cross_validation import (
    Split,
    check_tests,
    copies,
    leave_out_splits,
    nested_splits,
    strata,
)


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
    arrays.add_argument(
        "--counts",
        action="store_true",
        help="give r of PLS with 1, 2, … up to --components components instead, from one fit a split",
    )
    arrays.add_argument("--json", action="store_true", help="print JSON: metric, then convention")


def run(args: argparse.Namespace, options: Options) -> None:
    """Score a feature array on a response array and print the result."""
    if not (args.features and args.responses):
        raise InputError("neural: --features and --responses go together")
    X = read_array(args.features, (2,))
    Y = read_array(args.responses, (2, 3), missing=True)
    groups = read_groups(args.stratify or args.leave_out, len(X))
    if len(Y) != len(X):
        raise InputError(f"{args.responses}: {len(Y)} stimuli, but {args.features} has {len(X)}")
    Y = Y if Y.ndim == 3 else Y[..., None]
    images = groups if args.leave_out else None
    pictures = alike(X, images)
    if reason := copies(pictures if images is None else pictures[np.unique(images, return_index=True)[1]]):
        print(f"{args.features}: {reason} (rows that are the same)", file=sys.stderr)
    if groups is not None and images is None and 1 < len(np.unique(groups)) == len(groups):
        print(f"{args.stratify}: splits are not stratified: every category has one stimulus", file=sys.stderr)
    outer = splits(args, len(X), groups, pictures)
    check_tests(outer, args.features)
    data = neural_rows.time_bin(
        Y.transpose(0, 2, 1),
        *(outer, images, pictures),
        n_splits=10,
        ceiling_seed=args.split_seed,
        neuroids=np.arange(Y.shape[1]).astype(str),
        reliable=np.zeros(Y.shape[1], dtype=bool),
        seed=args.seed,
    )
    reads: dict[str, Read] = {"features": partial(store.of_features, X)}
    if args.counts:
        show_counts(
            component_curve(reads["features"], data.responses.Y, outer, options.components), args.json
        )
        return
    found: dict[str, neural_rows.Result] = {}
    with dask_client.connect(args.dask, args.threads, args.dask_options) as client:
        for metric in args.metric:
            score = neural_rows.similarity if metric in SIMILARITIES else neural_rows.regression
            rng = generator(args.seed, 0, metric)
            found[metric] = score(
                client, reads, data, metric, options, "nested", rng, Protocol("whole_image")
            )
    for metric, result in found.items():
        for reason in result.rows[0]["said"]:
            print(f"{metric}: {reason}", file=sys.stderr)
    for path, name in ((args.neuroids, "neuroids"), (args.draws, "draws")):
        tables = [({"metric": metric}, getattr(result, name)) for metric, result in found.items()]
        neural_rows.write_parquet(path, tables)
    show({metric: shown(metric, result) for metric, result in found.items()}, args.json)


def show_counts(curve: np.ndarray, as_json: bool) -> None:
    """Print r by number of components (n_components,)."""
    if as_json:
        print(json.dumps({"pls": {"components": without_nan(curve.tolist())}}))
        return
    for count, r in enumerate(curve, 1):
        print(f"pls    {count:3d} components {r:.4f}")


def shown(metric: str, result: neural_rows.Result) -> dict[str, Any]:
    """Entries of a metric by convention, then what a perfect model of these features would score."""
    entries = dict(result.entries)
    for row in result.rows:
        if row["metric"] == f"{metric}_attainable":
            entries["attainable"] = {name: row.get(name) for name in next(iter(result.entries.values()))}
    return entries


def alike(X: np.ndarray, images: np.ndarray | None) -> np.ndarray:
    """Number (n,) of the picture of each stimulus: rows of features that are the same, bit by bit, are one.

    Of maps, an image is the same as another where all its rows are. Features of two values at most, or of one
    column, are no pictures but codes, such as categories, which stimuli share.
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


def show(result: dict[str, Any], as_json: bool) -> None:
    """Print entries by metric and convention."""
    if as_json:
        print(json.dumps(without_nan(result)))
        return
    for metric, entries in result.items():
        for name, entry in entries.items():
            low, high = entry["ci_low"], entry["ci_high"]
            interval = "" if low is None or np.isnan(low) else f"  95 % {low:.4f} .. {high:.4f}"
            name = "attainable r2/c" if name == "attainable" else name
            print(f"{metric:6s} {name:15s} {entry['value']:.4f}{interval}")


def without_nan(value: Any) -> Any:
    """Replace NaN, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def splits(args: argparse.Namespace, n: int, groups: np.ndarray | None, pictures: np.ndarray) -> list[Split]:
    """Brain-Score's splits, or one group left out in turn; the same picture is on one side."""
    if args.leave_out:
        assert groups is not None
        return leave_out_splits(groups, args.split_seed, 0, pictures)
    return nested_splits(n, strata(groups), args.splits, args.train_size, args.split_seed, 0, pictures)


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
    """Read one category or group a stimulus: words, or numbers none of which is missing."""
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
