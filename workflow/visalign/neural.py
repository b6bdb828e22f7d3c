"""Stage neural: how well a model's features predict neural responses (whole-image protocol).

Brain-Score's MajajHong2015.IT-pls: stratified shuffle splits, PLS with 25 components, Pearson r
per neuroid on held-out stimuli, median over neuroids, mean over splits. The layer is chosen on
inner splits of each training set, never on the stimuli that are reported.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from visalign import gram_pls, stores
from visalign.errors import InputError
from visalign.stats import pearson
from visalign.tables import inputs_hash, read_json, score_row, write_scores

VERSION = 1
EXAMPLES = """\
  python -m visalign neural --features X.npy --responses Y.npy --json
  python -m visalign neural --model lite0 --dataset it_simulated --gram gram.zarr --gram-manifest gram.json \\
      --recording it.nc --card it.json --output neural.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign neural``."""
    arrays = parser.add_argument_group("score arrays directly")
    arrays.add_argument("--features", help="X.npy, stimuli × features")
    arrays.add_argument("--responses", help="Y.npy, stimuli × neuroids [× repetitions]")
    arrays.add_argument(
        "--stratify", "--groups", help="G.npy, one category a stimulus, balanced in every split"
    )
    arrays.add_argument("--json", action="store_true", help="print JSON")
    stage = parser.add_argument_group("stage of the pipeline")
    stage.add_argument("--model", help="name of the model")
    stage.add_argument("--dataset", help="name of the recording")
    stage.add_argument("--gram", help="Gram store (.zarr)")
    stage.add_argument("--gram-manifest", help="its manifest (.json)")
    stage.add_argument("--recording", help="recording in the internal form (.nc)")
    stage.add_argument("--card", help="card of the recording (.json)")
    stage.add_argument("--simulated", choices=["true", "false"], default="false")
    stage.add_argument("--output", help="score rows to write (CSV)")
    parser.add_argument("--components", type=int, default=25, help="PLS components")
    parser.add_argument("--splits", type=int, default=10, help="splits")
    parser.add_argument(
        "--train-size", type=float, default=0.9, help="fraction of the stimuli in a training set"
    )
    parser.add_argument("--split-seed", type=int, default=1, help="seed of the splits")
    parser.add_argument(
        "--inner-splits", type=int, default=3, help="splits of a training set that choose the layer"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of bootstrap and permutation")
    parser.add_argument("--threads", type=int, default=1, help="dask worker threads")


@dataclass(frozen=True)
class Split:
    """Train and test indices, and inner (train, test) pairs within the training set."""

    train: np.ndarray
    test: np.ndarray
    inner: tuple[tuple[np.ndarray, np.ndarray], ...] = ()


def shuffle_splits(
    n: int, groups: np.ndarray | None, count: int, train_size: float, seed: int
) -> list[Split]:
    """scikit-learn's (stratified) shuffle splits.

    Parameters
    ----------
    n : int
        Stimuli.
    groups : ndarray, shape (n,), optional
        Category of each stimulus; balanced between train and test.
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    kind = ShuffleSplit if groups is None else StratifiedShuffleSplit
    splitter = kind(count, train_size=train_size, random_state=seed)
    try:
        return [Split(train, test) for train, test in splitter.split(np.zeros(n), groups)]
    except ValueError as error:
        raise InputError(f"splits: {n} stimuli cannot be split: {error}") from None


def nested_splits(
    n: int, groups: np.ndarray | None, count: int, train_size: float, seed: int, inner: int
) -> list[Split]:
    """Outer splits, each with `inner` splits of its own training set, in indices of all stimuli."""
    result = []
    for index, outer in enumerate(shuffle_splits(n, groups, count, train_size, seed)):
        own = None if groups is None else groups[outer.train]
        pairs = shuffle_splits(len(outer.train), own, inner, train_size, seed + 1 + index) if inner else []
        within = tuple((outer.train[pair.train], outer.train[pair.test]) for pair in pairs)
        result.append(Split(outer.train, outer.test, within))
    return result


def score_split(K: np.ndarray, Y: np.ndarray, split: Split, components: int) -> tuple[np.ndarray, float]:
    """Score one layer on one split.

    Returns
    -------
    r : ndarray, shape (m,)
        Pearson r per neuroid on the outer test stimuli.
    inner : float
        Mean over inner splits of the median r over neuroids, on training stimuli only.
    """
    r = pearson(gram_pls.predict(K, Y, split.train, split.test, components), Y[split.test])
    medians = [
        np.nanmedian(pearson(gram_pls.predict(K, Y, train, test, components), Y[test]))
        for train, test in split.inner
    ]
    return r, float(np.mean(medians)) if medians else float("nan")


@dataclass(frozen=True)
class LayerScores:
    """Held-out `r` (layers, splits, neuroids) and inner-split medians `inner` (layers, splits)."""

    layers: list[str]
    r: np.ndarray
    inner: np.ndarray

    @property
    def chosen(self) -> np.ndarray:
        """Index of the layer that the inner splits choose, per outer split."""
        return np.nan_to_num(self.inner, nan=-np.inf).argmax(axis=0)

    @property
    def selected_r(self) -> np.ndarray:
        """R of the chosen layer, shape (splits, neuroids)."""
        return self.r[self.chosen, np.arange(self.r.shape[1])]

    @property
    def layer(self) -> str:
        """The layer that is chosen most often."""
        return self.layers[int(np.bincount(self.chosen).argmax())]


def score_layers(
    grams: dict[str, Any], Y: np.ndarray, splits: list[Split], components: int, threads: int = 1
) -> LayerScores:
    """Score every layer on every split, in parallel on a dask LocalCluster.

    Parameters
    ----------
    grams : dict of str to array-like, shape (n, n)
        Gram matrix of each layer (an ndarray, or a zarr array that a worker reads).
    Y : ndarray, shape (n, m)
        Responses, averaged over repetitions.
    """
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=threads, processes=False, dashboard_address=None, silence_logs=40
        ) as cluster,
        Client(cluster) as client,
    ):
        responses = client.scatter(Y, hash=False)
        futures = []
        for name, gram in grams.items():
            K = client.submit(np.asarray, gram, pure=False, key=f"gram-{name}")
            futures.append(
                [client.submit(score_split, K, responses, s, components, pure=False) for s in splits]
            )
        results = client.gather(futures)
    r = np.array([[result[0] for result in layer] for layer in results])
    return LayerScores(list(grams), r, np.array([[result[1] for result in layer] for layer in results]))


def median_score(r: np.ndarray) -> np.ndarray:
    """Brain-Score's aggregate: median over neuroids (last axis), mean over splits."""
    return np.nanmedian(r, axis=-1).mean(axis=-1)


def conventions(r: float, c: float | None) -> dict[str, float]:
    """A raw correlation under every convention.

    `c` is a reliability, so √c is the best attainable r and only ``r2/c`` is 1 for a perfect model;
    ``(r/c)2`` and ``r/c`` may exceed 1. A negative r keeps its sign in the squared ones.
    """
    if c is None or not c > 0:
        return {"r": r}
    return {"r2/c": r * abs(r) / c, "r": r, "(r/c)2": r * abs(r) / c**2, "r/c": r / c}


def bootstrap_neuroids(r: np.ndarray, rng: np.random.Generator, draws: int = 2000) -> tuple[float, float]:
    """95 % interval of `median_score` over resampled neuroids, r of shape (splits, neuroids)."""
    if r.shape[1] < 2:
        return float("nan"), float("nan")
    index = rng.integers(r.shape[1], size=(draws, r.shape[1]))
    sample = np.nanmedian(r[:, index], axis=-1).mean(axis=0)
    low, high = np.quantile(sample, [0.025, 0.975])
    return float(low), float(high)


def permutation_floor(
    K: Any, Y: np.ndarray, splits: list[Split], components: int, rng: np.random.Generator
) -> float:
    """Score of the same procedure when responses are assigned to the wrong stimuli."""
    shuffled = Y[rng.permutation(len(Y))]
    bare = [Split(split.train, split.test) for split in splits]
    K = np.asarray(K)
    return float(median_score(np.array([score_split(K, shuffled, split, components)[0] for split in bare])))


def summarise(
    scores: LayerScores, c: float | None, floor: float, rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """One entry a convention: value, interval, floor, ceiling."""
    r = scores.selected_r
    low, high = (conventions(limit, c) for limit in bootstrap_neuroids(r, rng))
    floors, ceilings = (
        conventions(floor, c),
        conventions(np.sqrt(c) if c is not None and c > 0 else np.nan, c),
    )
    return {
        name: {
            "value": value,
            "ci_low": low[name],
            "ci_high": high[name],
            "n": r.shape[1],
            "floor": floors[name],
            "ceiling": ceilings[name] if c is not None else None,
            "convention": name,
        }
        for name, value in conventions(float(median_score(r)), c).items()
    }


def run(args: argparse.Namespace) -> None:
    """Score arrays, or one (model, recording) of the pipeline."""
    if args.features or args.responses:
        if not (args.features and args.responses):
            raise InputError("neural: --features and --responses go together")
        run_arrays(args)
    else:
        run_stage(args)


def run_stage(args: argparse.Namespace) -> None:
    """Write the score rows of one model on one recording, for every region's time bin."""
    from visalign import assemblies

    recording = assemblies.read_recording(args.recording)
    card = read_json(args.card)
    store = stores.open_store(args.gram)
    order = stimulus_order(
        stores.strings(store), [str(s) for s in recording["stimulus_id"].values], args.recording
    )
    groups = (
        np.asarray(recording["object_name"].values, dtype=str) if "object_name" in recording.coords else None
    )
    splits = nested_splits(
        len(order), groups, args.splits, args.train_size, args.split_seed, args.inner_splits
    )
    grams = {layer: read_gram(store, layer, order) for layer in stores.attribute(store, "layers")}
    rows: list[dict[str, Any]] = []
    for index, window in enumerate(card["time_bins"]):
        Y = mean_responses(recording.isel(time_bin=index), args.recording)
        scores = score_layers(grams, Y, splits, args.components, args.threads)
        rng = np.random.default_rng([args.seed, index])
        floor = permutation_floor(grams[scores.layer], Y, splits, args.components, rng)
        region = "+".join(sorted({str(value) for value in np.atleast_1d(recording["region"].values)}))
        common = {
            "model": args.model,
            "benchmark": f"neural/{args.dataset}/{region}/{window['start']:g}-{window['end']:g}/whole_image",
            "simulated": args.simulated == "true",
            "seed": args.seed,
            "version": VERSION,
            "inputs_hash": inputs_hash(args.gram_manifest, args.card),
        }
        c = window["ceiling"]["value"]
        rows += score_rows(scores, c, floor, rng, common)
    write_scores(args.output, rows)


def score_rows(
    scores: LayerScores, c: float | None, floor: float, rng: np.random.Generator, common: dict[str, Any]
) -> list[dict[str, Any]]:
    """Rows of the selected score under every convention, then the layer curve."""
    rows = [
        score_row(**common, metric="pls", layer=scores.layer, **entry)
        for entry in summarise(scores, c, floor, rng).values()
    ]
    convention = rows[0]["convention"]
    for layer, r in zip(scores.layers, scores.r, strict=True):
        value = conventions(float(median_score(r)), c)[convention]
        row = {
            "metric": "pls_layer",
            "layer": layer,
            "value": value,
            "n": r.shape[1],
            "convention": convention,
        }
        rows.append(score_row(**common, **row))
    return rows


def read_gram(store: zarr.Group, layer: str, order: np.ndarray) -> np.ndarray:
    """Read the Gram matrix of a layer for the stimuli of a recording, in its order."""
    K = stores.values(store, f"{layer}/K")
    return K[np.ix_(order, order)]


def stimulus_order(have: list[str], want: list[str], where: str) -> np.ndarray:
    """Positions of `want` in `have`; a stimulus that was not preprocessed is an InputError."""
    position = {stimulus: index for index, stimulus in enumerate(have)}
    missing = [stimulus for stimulus in want if stimulus not in position]
    if missing:
        raise InputError(
            f"{where}: stimulus_id: {missing[0]!r} (and {len(missing) - 1} more) not in the stimulus set"
        )
    return np.array([position[stimulus] for stimulus in want])


def mean_responses(recording: Any, where: str) -> np.ndarray:
    """Responses (stimulus, neuroid) averaged over the repetitions that were recorded."""
    Y = np.asarray(
        recording.mean("repetition", skipna=True).transpose("stimulus", "neuroid"), dtype=np.float64
    )
    if np.isnan(Y).any():
        stimulus, neuroid = np.argwhere(np.isnan(Y))[0]
        names = recording["neuroid_id"].values[neuroid], recording["stimulus_id"].values[stimulus]
        raise InputError("{}: neuroid_id: {!r} has no response to stimulus {!r}".format(where, *names))
    return Y


def read_array(path: str, ndims: tuple[int, ...]) -> np.ndarray:
    """Read a finite numeric .npy array of an allowed number of dimensions."""
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{path}: not a plain .npy array: {error}") from None
    if array.ndim not in ndims or array.dtype.kind not in "fiub":
        raise InputError(
            f"{path}: shape {array.shape}, type {array.dtype}; expected numbers, {ndims} dimensions"
        )
    if not np.isfinite(array).all():
        raise InputError(f"{path}: {int((~np.isfinite(array)).sum())} values are not finite")
    return array


def run_arrays(args: argparse.Namespace) -> None:
    """Score a feature array on a response array and print the result."""
    from visalign.ceilings import split_half_ceiling
    from visalign.gram_matrix import gram

    X, Y = read_array(args.features, (2,)), read_array(args.responses, (2, 3)).astype(np.float64)
    groups = np.load(args.stratify, allow_pickle=False) if args.stratify else None
    for path, array in ((args.responses, Y), (args.stratify, groups)):
        if array is not None and len(array) != len(X):
            raise InputError(f"{path}: {len(array)} stimuli, but {args.features} has {len(X)}")
    c = None
    if Y.ndim == 3:
        ceiling = split_half_ceiling(Y.transpose(0, 2, 1), 10, args.split_seed).value
        c = None if np.isnan(ceiling) else ceiling
        Y = Y.mean(axis=2)
    splits = nested_splits(len(X), groups, args.splits, args.train_size, args.split_seed, 0)
    grams = {"features": gram([X])["K"]}
    scores = score_layers(grams, Y, splits, args.components, args.threads)
    rng = np.random.default_rng(args.seed)
    result = summarise(scores, c, permutation_floor(grams["features"], Y, splits, args.components, rng), rng)
    if args.json:
        print(json.dumps(result))
    else:
        for name, entry in result.items():
            print(f"{name:8s} {entry['value']:.4f}  95 % {entry['ci_low']:.4f} .. {entry['ci_high']:.4f}")
