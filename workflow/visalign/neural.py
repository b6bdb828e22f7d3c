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

from visalign import dask_client, gram_store, neural_arrays, stimulus_tables, stores
from visalign.arguments import at_least, proportion
from visalign.cross_validation import Split, copies, leave_out_splits, nested_splits, strata
from visalign.errors import InputError
from visalign.layer_scores import METRICS, SIMILARITIES, Options, Read, median_score
from visalign.predictivity import Responses, Scored, conventions, generator, mean_over_repetitions, optimism
from visalign.spatial import Protocol, map_spearman
from visalign.tables import inputs_hash, numbers, read_json, read_table, score_row, write_scores

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

VERSION = 3
EXAMPLES = """\
  python -m visalign neural --features X.npy --responses Y.npy --json
  python -m visalign neural --features X.npy --responses Y.npy --leave-out image.npy --metric ridge --json
  python -m visalign neural --model lite0 --dataset it_simulated --gram gram.zarr --gram-manifest gram.json \\
      --recording it.nc --card it.json --ceilings it_ceilings.csv --table scenes.csv --output neural.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign neural``."""
    neural_arrays.add_arguments(parser)
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
    parser.add_argument("--seed", type=int, default=0, help="seed of bootstrap and permutation")
    dask_client.add_arguments(parser)


def options(args: argparse.Namespace) -> Options:
    """What a metric needs to know, from the command line."""
    return Options(args.components, args.penalties, args.dissimilarity, args.comparison)


def run(args: argparse.Namespace) -> None:
    """Score arrays, or one (model, recording) of the pipeline."""
    if args.features or args.responses:
        neural_arrays.run(args, options(args))
    else:
        run_stage(args)


def run_stage(args: argparse.Namespace) -> None:
    """Write the score rows of one model on one recording, for every time bin."""
    from visalign import assemblies

    recording = assemblies.read_recording(args.recording)
    card, store = read_json(args.card), stores.open_store(args.gram)
    protocol = Protocol.parse(stores.attribute(store, "protocol"))
    check_grid(protocol, card, args.card)
    shown = [str(name) for name in recording["stimulus_id"].values]
    order = stimulus_order(stores.strings(store), shown, args.recording)
    pictures = (
        stimulus_tables.pictures(args.table, assemblies.images(recording), args.recording)
        if args.table
        else None
    )
    splits = split(recording, pictures, args)
    said = [reason for reason in (copied(recording, pictures), not_stratified(recording)) if reason]
    unit = recording["image_id"].values.astype(str) if protocol.grid else np.arange(len(order))
    ceilings = read_ceilings(args.ceilings)
    reads: dict[str, Read] = {
        layer: partial(gram_store.read, args.gram, layer, order)
        for layer in stores.attribute(store, "layers")
    }
    region = "+".join(sorted({str(value) for value in np.atleast_1d(recording["region"].values)}))
    rows: list[dict[str, Any]] = []
    with dask_client.connect(args.dask, args.threads, args.dask_options) as client:
        for index, window in enumerate(card["time_bins"]):
            name = f"{args.dataset}/{region}/{window['window'] or 'unstated'}/{card['protocol']}"
            common = {
                "model": args.model,
                "benchmark": f"neural/{name}",
                "simulated": args.simulated == "true",
                "seed": args.seed,
                "version": VERSION,
                "inputs_hash": inputs_hash(args.gram_manifest, args.card),
            }
            own = ceilings[ceilings["window"] == window["window"]].set_index("neuroid_id")
            own = own.loc[[str(name) for name in recording["neuroid_id"].values]]
            responses = Responses(mean_responses(recording.isel(time_bin=index)), splits, unit)
            for metric in args.metric:
                rng = generator(args.seed, index, metric)
                scored = Scored(client, reads, responses, metric, options(args))
                c = window["ceiling"]["value"]
                rows += score_rows(scored, c, own, args.layer_selection, protocol, rng, common, said)
    write_scores(args.output, rows)


def read_ceilings(path: str) -> pd.DataFrame:
    """Read the ceilings of a recording: neuroid_id and window as text, ceiling NaN where undefined."""
    needed = ("neuroid_id", "window", "ceiling", "reliable")
    # A site may be called 7, 007 or None: neither a number nor a missing value.
    table = read_table(path, required=needed, dtype=str, keep_default_na=False)
    return table.assign(
        ceiling=numbers(table, "ceiling", path, missing=True), reliable=table["reliable"] == "True"
    )


def score_rows(
    scored: Scored,
    c: float | None,
    ceilings: Any,
    selection: str,
    protocol: Protocol,
    rng: np.random.Generator,
    common: dict[str, Any],
    said: list[str],
) -> list[dict[str, Any]]:
    """Rows of the selected score under every convention, its variants, then the layer curve.

    The status of the first says what is `said` of the splits.
    """
    metric, scores, responses = scored.metric, scored.scores, scored.responses
    selected, entries = scored.headline(selection, c, rng)
    headline = next(iter(entries.values()))
    if scores.groups > 1:
        said = [f"{scores.groups} groups of neuroids with the same missing responses", *said]
    status = ", ".join(["ok", "; ".join(said)] if said else ["ok"])
    rows = [
        score_row(**common, metric=metric, layer=selected.layer, status=status, **entry)
        for entry in entries.values()
    ]
    shared = {"n": headline["n"], "convention": headline["convention"]}

    def more(name: str, value: float, layer: str, **other: Any) -> None:
        rows.append(
            score_row(**common, metric=f"{metric}_{name}", value=value, layer=layer, **shared | other)
        )

    def headline_of(values: np.ndarray, c: float | None) -> float:
        return next(iter(conventions(median_score(values), None if metric in SIMILARITIES else c).values()))

    other = "published" if selection == "nested" else "nested"
    alternative = scores.select(other)
    more(other, headline_of(alternative.values, c), alternative.layer)
    more("optimism", optimism(scores, None if metric in SIMILARITIES else c), alternative.layer)
    reliable = ceilings["reliable"].to_numpy(dtype=bool)
    if metric not in SIMILARITIES and reliable.any():
        own = float(np.median(ceilings["ceiling"].to_numpy(dtype=float)[reliable]))
        value = headline_of(selected.values[:, reliable], own)
        more(
            "reliable",
            value,
            selected.layer,
            n=int(reliable.sum()),
            n_excluded=int((~reliable).sum()),
            ceiling=1,
        )
    if metric not in SIMILARITIES and protocol.grid:
        for name, factor in (("map", 1), ("map_quarter", 2)):
            value = site_mean_alignment(selected.predicted, responses, protocol.grid, factor)
            n = len(responses.splits)
            more(name, value, selected.layer, n=n, convention="spearman", ceiling=None)
    for layer, values in zip(scores.layers, scores.values, strict=True):
        more("layer", headline_of(values, c), layer)
    return rows


def site_mean_alignment(predicted: list[np.ndarray], responses: Responses, grid: int, factor: int) -> float:
    """Rank correlation of site-mean predicted and measured maps, mean over images."""
    rho = [
        map_spearman(values, responses.Y[split.test], grid, factor)
        for values, split in zip(predicted, responses.splits, strict=True)
    ]
    return float(np.nanmean(rho)) if not np.isnan(rho).all() else float("nan")


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
    return stimulus_tables.positions(have, want, where, "the stimulus set")


def mean_responses(recording: xr.DataArray) -> np.ndarray:
    """Responses (stimulus, neuroid) averaged over the repetitions that were recorded, NaN where none was."""
    return mean_over_repetitions(recording.transpose("stimulus", "neuroid", "repetition").values)
