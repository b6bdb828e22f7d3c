"""Stage neural: how well a model's features predict neural responses, and how similar they are.

Whole images: Brain-Score's MajajHong2015.IT-pls: stratified shuffle splits, Pearson r per neuroid on
held-out stimuli, median over neuroids, mean over splits. Grids: leave one image out, Pearson r per
site over the positions of that image, median over sites, mean over images (docs/methods.md §2, §3). The
layer is chosen on inner splits of each training set, never on the stimuli that are reported.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

from visalign import comparisons
from visalign.comparisons.comparison import Comparison
from visalign.errors import InputError
from visalign.gram import store as gram_store
from visalign.io import dask_client, stores
from visalign.io.files import inputs_hash, read_json, write_atomic
from visalign.io.scores import Source, rows_of, write_scores
from visalign.io.tasks import Client
from visalign.neural import arrays, dissimilarities, recorded
from visalign.neural.grid import Protocol
from visalign.neural.layers import Read, component_curve
from visalign.neural.predictivity import generator
from visalign.neural.rows import Result, Setting, score
from visalign.recordings import rdm
from visalign.stimuli import tables
from visalign.study.options import add_dask_arguments, add_seed, add_settings
from visalign.study.schemas import definition, section

if TYPE_CHECKING:
    import xarray as xr

    from visalign.recordings.card import RecordingCard

VERSIONS = {"neural": 5}
EXAMPLES = """\
  python -m visalign neural --features X.npy --responses Y.npy --json
  python -m visalign neural --features X.npy --responses Y.npy --leave-out image.npy --metrics ridge --json
  python -m visalign neural --features X.npy --responses Y.npy --components 40 --counts
  python -m visalign neural --model lite0 --dataset it_simulated --gram gram.zarr --gram-manifest gram.json \\
      --recording it.nc --recording-card it.json --ceilings it_ceilings.csv --table scenes.csv \\
      --output neural.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign neural``."""
    add_array_arguments(parser.add_argument_group("score arrays directly"))
    stage = parser.add_argument_group("stage of the pipeline")
    stage.add_argument("--model", help="name of the model")
    stage.add_argument("--dataset", help="name of the recording")
    stage.add_argument("--gram", help="Gram store (.zarr)")
    stage.add_argument("--gram-manifest", help="its manifest (.json)")
    stage.add_argument("--recording", help="recording in the internal form (.nc)")
    stage.add_argument("--recording-card", help="card of the recording (.json)")
    stage.add_argument("--ceilings", help="ceiling per neuroid and time bin (CSV)")
    stage.add_argument(
        "--table", help="table of the stimulus set (CSV): identical pictures are kept on one side of splits"
    )
    add_settings(stage, definition("recordings"), "neural")
    stage.add_argument("--output", help="score rows to write (CSV)")
    add_settings(parser, section("neural"), "neural")
    add_seed(parser, "Seed of bootstrap and floor.")
    parser.add_argument(
        "--neuroids", help="table to write (parquet): r of every neuroid on every split, with its ceiling"
    )
    parser.add_argument(
        "--draws",
        help="table to write (parquet): bootstrap draws of every score, of the same stimuli and neuroids for "
        "every model: compare-models reads it",
    )
    add_dask_arguments(parser)


def add_array_arguments(group: argparse._ArgumentGroup) -> None:
    """Arguments that score arrays directly."""
    group.add_argument("--features", help="X.npy, stimuli × features")
    group.add_argument("--responses", help="Y.npy, stimuli × neuroids [× repetitions], NaN where missing")
    groups = group.add_mutually_exclusive_group()
    groups.add_argument(
        "--stratify", "--groups", help="G.npy, one category per stimulus, balanced in every split"
    )
    groups.add_argument("--leave-out", help="G.npy, one group (image) per stimulus, left out in turn: grids")
    group.add_argument(
        "--counts",
        action="store_true",
        help="give r of PLS with 1, 2, … up to --components components instead, from one fit per split",
    )
    group.add_argument("--json", action="store_true", help="print JSON: metric, then convention")


def run(args: argparse.Namespace) -> None:
    """Score arrays, or one (model, recording) of the pipeline."""
    run_arrays(args) if args.features or args.responses else run_stage(args)


def ways(args: argparse.Namespace) -> list[Comparison]:
    """The comparisons that are asked for, with their options."""
    values = {option.name: getattr(args, option.name) for option in comparisons.options()}
    return [comparisons.chosen(name, **values) for name in args.metrics]


def run_arrays(args: argparse.Namespace) -> None:
    """Score a feature array on a response array and print the result."""
    if not (args.features and args.responses):
        raise InputError("neural: --features and --responses go together")
    if args.neuroids and not set(args.metrics) & set(comparisons.names("regression")):
        raise InputError(
            f"neural: --neuroids: no neuroid is predicted by --metrics {' '.join(args.metrics)}: leave "
            f"--neuroids out, or add one of {', '.join(comparisons.names('regression'))}"
        )
    given = arrays.read_arrays(args.features, args.responses, args.stratify or args.leave_out)
    plan = recorded.Plan(args.splits, args.train_size, args.split_seed, inner=0)
    data, said = arrays.prepare(
        given, plan, leave_out=bool(args.leave_out), where=args.features, seed=args.seed
    )
    if not args.leave_out and given.groups is not None and arrays.each_alone(given.groups):
        said.append(f"{args.stratify}: splits are not stratified: every category has one stimulus")
    print(*said, sep="\n", end="\n" if said else "", file=sys.stderr)
    read = partial(gram_store.of_features, given.X)
    if args.counts:
        curve = component_curve(read, data.responses.Y, data.responses.splits, args.components)
        show_counts(curve, args.json)
        return
    found: dict[str, Result] = {}
    with dask_client.connect(args.dask, args.threads, args.dask_options) as client:
        setting = Setting(client=client, reads={"features": read}, data=data)
        for way in ways(args):
            found[way.name] = score(setting, way, generator(args.seed, way.name))
    for metric, result in found.items():
        for reason in result.said:
            print(f"{metric}: {reason}", file=sys.stderr)
    write_parquet(args.neuroids, [({"metric": metric}, one.neuroids) for metric, one in found.items()])
    write_parquet(args.draws, [({"metric": metric}, one.draws) for metric, one in found.items()])
    scores = {metric: arrays.shown(metric, result) for metric, result in found.items()}
    print(json.dumps(arrays.as_json(scores)) if args.json else "\n".join(arrays.told(scores)))


def show_counts(curve: np.ndarray, as_json: bool) -> None:
    """Print r by number of components (n_components,)."""
    if as_json:
        values = [None if np.isnan(r) else float(r) for r in curve]
        print(json.dumps({"pls": {"components": values}}))
        return
    for count, r in enumerate(curve, 1):
        print(f"pls    {count:3d} components {r:.4f}")


def run_stage(args: argparse.Namespace) -> None:
    """Write the score rows of one model on one recording, for every time bin, and what they are made from."""
    from visalign.recordings import form

    recording = form.read_recording(args.recording)
    card: RecordingCard = read_json(args.recording_card)
    store = stores.open_store(args.gram)
    protocol = Protocol.parse(stores.attribute(store, "protocol"))
    recorded.check_grid(protocol, card, args.recording_card)
    stimuli = [str(name) for name in recording["stimulus_id"].values]
    order = tables.positions(stores.strings(store), stimuli, args.recording, "the stimulus set")
    pictures = tables.pictures(args.table, form.images(recording), args.recording) if args.table else None
    own = prepare(args, recording, pictures, card)
    layers = stores.attribute(store, "layers")
    reads: dict[str, Read] = {layer: partial(gram_store.read, args.gram, layer, order) for layer in layers}
    rows, neuroids, draws = [], [], []
    with dask_client.connect(args.dask, args.threads, args.dask_options) as client:
        for index, window in enumerate(card["time_bins"]):
            name = f"{args.dataset}/{own.region}/{window['window'] or 'unstated'}/{card['protocol']}"
            source = Source(
                model=args.model,
                benchmark=f"neural/{name}",
                simulated=args.simulated,
                seed=args.seed,
                version=VERSIONS["neural"],
                inputs_hash=inputs_hash(args.gram_manifest, args.recording_card),
            )
            score_by = scorer(args, client, reads, own, index, protocol.grid)
            for way in tqdm(ways(args), desc=f"neural {window['window']}", unit="metric"):
                result = score_by(way)
                rows += rows_of(result.scores, source)
                labels = {"model": args.model, "benchmark": source.benchmark, "metric": way.name}
                neuroids.append((labels, result.neuroids))
                draws.append((labels, result.draws))
    write_parquet(args.neuroids, neuroids)
    write_parquet(args.draws, draws)
    write_scores(args.output, rows)


def prepare(
    args: argparse.Namespace, recording: xr.DataArray, pictures: np.ndarray | None, card: RecordingCard
) -> recorded.Recorded | dissimilarities.Matrices:
    """What all scores on a recording share."""
    if rdm.is_rdm(recording):
        return dissimilarities.prepare(recording, pictures)
    return recorded.prepare(
        recording,
        pictures,
        recorded.Plan(args.splits, args.train_size, args.split_seed, args.inner_splits),
        where=args.recording,
        card=card,
        card_path=args.recording_card,
        ceilings=recorded.read_ceilings(args.ceilings),
    )


def scorer(
    args: argparse.Namespace,
    client: Client,
    reads: dict[str, Read],
    own: recorded.Recorded | dissimilarities.Matrices,
    index: int,
    grid: int | None,
) -> Callable[[Comparison], Result]:
    """Return what scores a comparison on a time bin of a recording."""
    if isinstance(own, dissimilarities.Matrices):
        how = {"selection": args.layer_selection, "seed": args.seed}
        return lambda way: dissimilarities.score(client, reads, own, way, **how)
    setting = Setting(
        client=client,
        reads=reads,
        data=own.time_bin(index, args.seed),
        selection=args.layer_selection,
        grid=grid,
        said=own.said,
    )
    return lambda way: score(setting, way, generator(args.seed, way.name))


def write_parquet(path: str | None, tables: list[tuple[dict[str, str], pd.DataFrame]]) -> None:
    """Write labelled tables as one parquet file: the labels as columns before the others."""
    if path:
        labelled = [
            table.assign(**labels)[[*labels, *table.columns]] for labels, table in tables if len(table)
        ]
        whole = pd.concat(labelled, ignore_index=True) if labelled else pd.DataFrame()
        write_atomic(path, whole.to_parquet(index=False))
