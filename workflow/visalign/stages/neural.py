"""Stage neural: how well a model's features predict neural responses.

Whole images: Brain-Score's MajajHong2015.IT-pls: stratified shuffle splits, Pearson r per neuroid on
held-out stimuli, median over neuroids, mean over splits. Maps: leave one image out, Pearson r per
site over the positions of that image, median over sites, mean over images (methods.md §2, §3). The
layer is chosen on inner splits of each training set, never on the stimuli that are reported.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from visalign.errors import InputError
from visalign.gram import store as gram_store
from visalign.io import dask_client, stores
from visalign.io.files import inputs_hash, read_json
from visalign.io.scores import write_scores
from visalign.io.tables import numbers, read_table
from visalign.neural import arrays
from visalign.neural import rows as neural_rows
from visalign.neural.grid import Protocol
from visalign.neural.layers import METRICS, SIMILARITIES, Options, Read
from visalign.neural.predictivity import generator
from visalign.stats.cross_validation import (
    Split,
    check_tests,
    copies,
    leave_out_splits,
    nested_splits,
    strata,
)
from visalign.stimuli import tables
from visalign.study.options import add_dask_arguments, at_least, proportion

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

VERSIONS = {"neural": 4}
EXAMPLES = """\
  python -m visalign neural --features X.npy --responses Y.npy --json
  python -m visalign neural --features X.npy --responses Y.npy --leave-out image.npy --metric ridge --json
  python -m visalign neural --features X.npy --responses Y.npy --components 40 --counts
  python -m visalign neural --model lite0 --dataset it_simulated --gram gram.zarr --gram-manifest gram.json \\
      --recording it.nc --card it.json --ceilings it_ceilings.csv --table scenes.csv --output neural.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign neural``."""
    arrays.add_arguments(parser)
    stage = parser.add_argument_group("stage of the pipeline")
    stage.add_argument("--model", help="name of the model")
    stage.add_argument("--dataset", help="name of the recording")
    stage.add_argument("--gram", help="Gram store (.zarr)")
    stage.add_argument("--gram-manifest", help="its manifest (.json)")
    stage.add_argument("--recording", help="recording in the internal form (.nc)")
    stage.add_argument("--card", help="card of the recording (.json)")
    stage.add_argument("--ceilings", help="ceiling per neuroid and time bin (CSV)")
    stage.add_argument(
        "--table", help="table of the stimulus set (CSV): identical pictures are kept on one side of splits"
    )
    stage.add_argument("--simulated", choices=["true", "false"], default="false")
    stage.add_argument("--output", help="score rows to write (CSV)")
    parser.add_argument(
        "--metric", nargs="+", choices=METRICS, default=["pls"], help="ways to compare (default: pls)"
    )
    parser.add_argument("--components", type=at_least(1), default=25, help="PLS components")
    parser.add_argument("--penalties", type=at_least(1), default=15, help="ridge penalties to choose from")
    parser.add_argument(
        "--dissimilarity", choices=["correlation", "squared_euclidean"], default="correlation", help="of RSA"
    )
    parser.add_argument(
        "--comparison", choices=["spearman", "pearson"], default="spearman", help="of two RDMs"
    )
    parser.add_argument("--splits", type=at_least(1), default=10, help="splits")
    parser.add_argument(
        "--train-size", type=proportion, default=0.9, help="fraction of the stimuli in a training set"
    )
    parser.add_argument("--split-seed", type=int, default=1, help="seed of the splits")
    parser.add_argument(
        "--inner-splits", type=at_least(1), default=3, help="splits of a training set that choose the layer"
    )
    parser.add_argument(
        "--layer-selection",
        choices=["nested", "published"],
        default="nested",
        help="nested: on inner splits; published: the best on the reported stimuli, which is optimistic",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of bootstrap and floor")
    parser.add_argument(
        "--neuroids", help="table to write (parquet): r of every neuroid on every split, with its ceiling"
    )
    parser.add_argument(
        "--draws",
        help="table to write (parquet): bootstrap draws of every score, of the same stimuli and neuroids for "
        "every model: compare-models reads it",
    )
    add_dask_arguments(parser)


def options(args: argparse.Namespace) -> Options:
    """What a metric needs to know, from the command line."""
    return Options(args.components, args.penalties, args.dissimilarity, args.comparison)


def run(args: argparse.Namespace) -> None:
    """Score arrays, or one (model, recording) of the pipeline."""
    if args.features or args.responses:
        arrays.run(args, options(args))
    else:
        run_stage(args)


def run_stage(args: argparse.Namespace) -> None:
    """Write the score rows of one model on one recording, for every time bin, and what they are made from."""
    from visalign.recordings import assembly

    recording = assembly.read_recording(args.recording)
    card, store = read_json(args.card), stores.open_store(args.gram)
    protocol = Protocol.parse(stores.attribute(store, "protocol"))
    check_grid(protocol, card, args.card)
    shown = [str(name) for name in recording["stimulus_id"].values]
    order = stimulus_order(stores.strings(store), shown, args.recording)
    pictures = tables.pictures(args.table, assembly.images(recording), args.recording) if args.table else None
    splits = split(recording, pictures, args)
    check_tests(splits, args.recording)
    said = [reason for reason in (copied(recording, pictures), not_stratified(recording)) if reason]
    images = recording["image_id"].values.astype(str) if protocol.grid else None
    alike = pictures if pictures is not None else images if images is not None else np.arange(len(order))
    ceilings = read_ceilings(args.ceilings)
    reads: dict[str, Read] = {
        layer: partial(gram_store.read, args.gram, layer, order)
        for layer in stores.attribute(store, "layers")
    }
    region = "+".join(sorted({str(value) for value in np.atleast_1d(recording["region"].values)}))
    rows: list[dict[str, Any]] = []
    neuroids, draws = [], []
    with dask_client.connect(args.dask, args.threads, args.dask_options) as client:
        for index, window in enumerate(card["time_bins"]):
            name = f"{args.dataset}/{region}/{window['window'] or 'unstated'}/{card['protocol']}"
            common = {
                "model": args.model,
                "benchmark": f"neural/{name}",
                "simulated": args.simulated == "true",
                "seed": args.seed,
                "version": VERSIONS["neural"],
                "inputs_hash": inputs_hash(args.gram_manifest, args.card),
            }
            names = np.array([str(name) for name in recording["neuroid_id"].values])
            own = ceilings[ceilings["window"] == window["window"]].set_index("neuroid_id").loc[names]
            data = neural_rows.time_bin(
                recording.isel(time_bin=index).transpose("stimulus", "repetition", "neuroid").values,
                *(splits, images, alike),
                n_splits=window["ceiling"].get("n_splits", 1),
                ceiling_seed=window["ceiling"]["seed"],
                neuroids=names,
                reliable=own["reliable"].to_numpy(dtype=bool),
                seed=args.seed,
            )
            check_ceiling(data.ceiling.value, window["ceiling"]["value"], args.card)
            for metric in tqdm(args.metric, desc=f"neural {window['window']}", unit="metric"):
                rng = generator(args.seed, index, metric)
                score = neural_rows.similarity if metric in SIMILARITIES else neural_rows.regression
                result = score(
                    client, reads, data, metric, options(args), args.layer_selection, rng, protocol
                )
                rows += neural_rows.score_rows(result, common, said)
                labels = {"model": args.model, "benchmark": common["benchmark"], "metric": metric}
                neuroids.append((labels, result.neuroids))
                draws.append((labels, result.draws))
    neural_rows.write_parquet(args.neuroids, neuroids)
    neural_rows.write_parquet(args.draws, draws)
    write_scores(args.output, rows)


def check_ceiling(found: float | None, given: float | None, where: str) -> None:
    """Raise InputError where a card has another ceiling than the responses of its recording."""
    one, other = (np.nan if value is None else float(value) for value in (found, given))
    if not np.isclose(one, other, rtol=0, atol=1e-6, equal_nan=True):
        raise InputError(
            f"{where}: ceiling: {given}, where the recording has {found}: they are not of one run of stage "
            "recordings"
        )


def read_ceilings(path: str) -> pd.DataFrame:
    """Read the ceilings of a recording: neuroid_id and window as text, ceiling NaN where undefined."""
    needed = ("neuroid_id", "window", "ceiling", "reliable")
    # A site may be called 7, 007 or None: neither a number nor a missing value.
    table = read_table(path, required=needed, dtype=str, keep_default_na=False)
    return table.assign(
        ceiling=numbers(table, "ceiling", path, missing=True), reliable=table["reliable"] == "True"
    )


def check_grid(protocol: Protocol, card: dict[str, Any], where: str) -> None:
    """Raise InputError where the Gram matrix was made for another protocol or grid than the recording."""
    grid = card["grid"]
    sides = {grid["height"], grid["width"]} if grid else {None}
    if sides != {protocol.grid}:
        shown = f"{grid['height']} × {grid['width']}" if grid else "no"
        raise InputError(f"{where}: grid: {shown} positions, but features were pooled for {protocol.name}")


def copied(recording: xr.DataArray, pictures: np.ndarray | None) -> str:
    """What a score says of copies: of stimuli, or of the images of a map recording; '' of none."""
    if pictures is None:
        return ""
    if "image_id" in recording.coords:
        first = np.unique(recording["image_id"].values.astype(str), return_index=True)[1]
        return copies(pictures[first])
    return copies(pictures)


def split(recording: xr.DataArray, pictures: np.ndarray | None, args: argparse.Namespace) -> list[Split]:
    """Splits of a recording: leave one image of a map out, else (stratified) shuffle splits."""
    if "image_id" in recording.coords:
        images = recording["image_id"].values.astype(str)
        return leave_out_splits(images, args.split_seed, args.inner_splits, pictures)
    n, groups = recording.sizes["stimulus"], strata(recording["object_name"].values.astype(str))
    return nested_splits(
        n, groups, args.splits, args.train_size, args.split_seed, args.inner_splits, pictures
    )


def not_stratified(recording: xr.DataArray) -> str:
    """What a score says where each stimulus is a category of its own; '' where it is not."""
    names = recording["object_name"].values
    alone = len(names) > 1 and len(set(names)) == len(names)
    return "splits are not stratified, since every category has one stimulus" if alone else ""


def stimulus_order(have: list[str], want: list[str], where: str) -> np.ndarray:
    """Positions of `want` in `have`; a stimulus that was not preprocessed is an InputError."""
    return tables.positions(have, want, where, "the stimulus set")
