"""Stage maps: read human importance maps into one processed form, with their ceiling and floor."""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io.files import write_atomic, write_json
from visalign.io.tables import read_table, whole_numbers
from visalign.maps import clicks as click_logs
from visalign.maps import files as map_files
from visalign.maps import lists, processing
from visalign.maps.clicks import ClickLog, Reliability
from visalign.stimuli import clickme, tables

if TYPE_CHECKING:
    import pandas as pd

VERSIONS = {"maps": 3}
EXAMPLES = """\
  python -m visalign maps --name clickme --reader tfrecord --path 'clickme/val/*.tfrecords' \\
      --ceiling 0.65753 --output clickme.npz --card clickme.json
  python -m visalign maps --name mine --reader folder --path mine/maps --labels mine.csv \\
      --output mine.npz --card mine.json
  python -m visalign maps --name clicked --reader clicks --path clicks.npz --labels clicked.csv \\
      --stimuli clicked_stimuli.csv --simulated true --output clicked.npz --card clicked.json
"""
READERS = ("tfrecord", "npz", "folder", "clicks", "masks")
#: Half-splits of the participants.
ITERATIONS = 20
#: Maps that are decoded at a time: memory does not grow with the number of shards.
BATCH = 64
CEILING_OF_PARTICIPANTS = (
    "Spearman between maps of random halves of the participants, at 64 x 64 after the blur that every map "
    "gets; mean over images and iterations; 95 % bootstrap interval over images"
)
FLOOR_OF_PARTICIPANTS = "as the ceiling, but the second half's map is that of another image"
UNKNOWN: dict[str, Any] = dict.fromkeys(("value", "ci_low", "ci_high", "method", "definition"))
CEILING_DECLARED = "declared by the data's provider (--ceiling)"
#: Ceiling, floor, and what each filter of the click log dropped.
Participants = tuple[Reliability, Reliability, dict[str, int]]


class HumanMap(NamedTuple):
    """One importance map as it was read: `heatmap` float32 (height, width), in any unit; and where from."""

    stimulus_id: str
    label: int
    heatmap: np.ndarray
    source: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign maps``."""
    parser.add_argument("--name", required=True, help="name of the map collection")
    parser.add_argument("--reader", default="tfrecord", choices=READERS, help="format of the maps")
    parser.add_argument(
        "--path",
        required=True,
        help="tfrecord, npz: a glob; folder: folder of maps; clicks: click log (npz); masks: stimulus table",
    )
    parser.add_argument("--labels", default=None, help="folder, clicks: CSV with columns name and label")
    parser.add_argument("--clicks", default=None, help="click log (npz) that the ceiling is computed from")
    parser.add_argument("--ceiling", type=float, default=None, help="declared ceiling, without a click log")
    parser.add_argument("--stimuli", default=None, help="stimulus table whose ids and labels must agree")
    parser.add_argument("--simulated", choices=["true", "false"], default="false", help="are they simulated?")
    parser.add_argument("--seed", type=int, default=0, help="seed of half-splits and intervals")
    parser.add_argument("--output", required=True, help="stimulus_id, label and processed map (npz)")
    parser.add_argument("--card", required=True, help="what the maps are, with ceiling and floor (JSON)")


def run(args: argparse.Namespace) -> None:
    """Read and process the maps, compute the ceiling, write npz and card; the card comes last."""
    if args.ceiling is not None and not 0 < args.ceiling <= 1:
        raise InputError(f"--ceiling: {args.ceiling} is not in (0, 1]")
    if args.reader == "clicks" and args.clicks:
        raise InputError(f"--clicks: {args.clicks}, but --reader clicks takes the log of --path")
    if args.reader in ("folder", "clicks") and not args.labels:
        raise InputError(f"--labels: needed by --reader {args.reader}")
    if args.labels and args.reader not in ("folder", "clicks"):
        raise InputError(f"--labels: {args.labels}, but --reader {args.reader} has labels of its own")
    labels = map_files.read_labels(args.labels) if args.labels else None
    sizes = image_sizes(args.stimuli or (args.path if args.reader == "masks" else None))
    if args.stimuli and labels is not None:
        check_stimuli(args.stimuli, list(labels), list(labels.values()))
    lists.check_shapes(args.name, vars(args), sizes)
    collection = open_maps(args, labels)
    stimulus_id, label, maps, undefined = process_maps(checked(collection.maps, sizes))
    if not len(maps):
        raise InputError(f"{args.path}: no record")
    if args.stimuli and labels is None:
        check_stimuli(args.stimuli, stimulus_id.tolist(), label.tolist())
    if collection.clicks:
        print(f"{args.clicks or args.path}: {lists.describe(collection.clicks[1])}", file=sys.stderr)
    participants = estimate_participants(*collection.clicks, args.seed) if collection.clicks else None
    buffer = io.BytesIO()
    np.savez(buffer, stimulus_id=stimulus_id, label=label, map=maps)
    write_atomic(args.output, buffer.getvalue())
    listed = named_undefined(args.path, stimulus_id, undefined)
    described = card(args, stimulus_id, label, maps, listed, participants)
    write_json(args.card, described | {"unused_files": collection.unused})


# --- readers ---


class Collection(NamedTuple):
    """Maps read one at a time, a filtered click log if there is one, and files that are no image's map."""

    maps: Iterable[HumanMap]
    clicks: lists.FilteredLog | None = None
    unused: dict[str, Any] | None = None


def open_maps(args: argparse.Namespace, labels: dict[str, int] | None) -> Collection:
    """Open the maps of the chosen reader, of the labelled images; filter the click log, if there is one."""
    if args.reader == "clicks":
        log, counts = lists.read_clicks(args.path, labels, args.labels)
        return Collection(clicked_maps(args.path, log, labels or {}), (log, counts))
    clicks = lists.read_clicks(args.clicks) if args.clicks else None
    if args.reader == "folder":
        files = map_files.find(args.path, labels or {})
        return Collection(folder_maps(files, labels or {}), clicks, unused_files(args.path, files))
    found = masks(args.path) if args.reader == "masks" else shard_maps(args.name, args.path)
    return Collection(found, clicks)


def shard_maps(name: str, pattern: str) -> Iterator[HumanMap]:
    """Iterate over the maps of ClickMe shards (TFRecord or npz), numbered as the stimuli are."""
    shards = tqdm(clickme.list_shards(pattern), desc="maps", unit="shard")
    index = 0
    for shard in shards:
        for record in clickme.read_clickme(shard):
            stimulus_id = clickme.stimulus_id(name, index)
            yield HumanMap(stimulus_id, record.label, record.heatmap, f"{shard}: {stimulus_id}")
            index += 1


def masks(path: str) -> Iterator[HumanMap]:
    """Iterate over the object masks of a stimulus table, as maps of people who look at the object."""
    table = tables.read(path)
    rows = zip(table["stimulus_id"], whole_numbers(table, "label", path), table["mask"], strict=True)
    for stimulus_id, label, mask in tqdm(rows, desc="maps", total=len(table), unit="map"):
        if not isinstance(mask, str):
            raise InputError(f"{path}: mask: {stimulus_id!r} has none")
        yield HumanMap(stimulus_id, int(label), map_files.read(Path(mask)), mask)


def folder_maps(files: dict[str, Path], labels: dict[str, int]) -> Iterator[HumanMap]:
    """Iterate over the maps of a folder, see `maps.files.find`."""
    for name, file in tqdm(files.items(), desc="maps", unit="map"):
        yield HumanMap(name, labels[name], map_files.read(file), str(file))


def unused_files(folder: str, files: dict[str, Path]) -> dict[str, Any]:
    """Count the files of a folder that are no image's map, and say so; the first few are named."""
    names = map_files.unused(folder, files.values())
    if names:
        print(
            f"{folder}: files that are no image's map: {len(names)} ({map_files.show(names)})",
            file=sys.stderr,
        )
    return {"n": len(names), "first": names[: map_files.SHOWN]}


def clicked_maps(path: str, log: ClickLog, labels: dict[str, int]) -> Iterator[HumanMap]:
    """Iterate over the mean maps (256, 256) of each image's participants; NaN where the filters left none."""
    groups = click_logs.clicks_by_image(log)
    missing = np.full((click_logs.SIZE, click_logs.SIZE), np.nan, np.float32)
    unclicked = [image for image in labels if image not in groups]
    if unclicked:
        names = map_files.show(unclicked)
        print(f"{path}: images on which no clicks are left: {len(unclicked)} ({names})", file=sys.stderr)
    for image, label in tqdm(labels.items(), desc="maps", unit="map"):
        heatmap = click_logs.group_map(groups[image]) if image in groups else missing
        yield HumanMap(image, label, heatmap, f"{path}: {image}")


# --- processing ---


def read_stimuli(path: str, *columns: str) -> pd.DataFrame:
    """Read a stimulus table as text: a stimulus may be called 007 or NA."""
    return read_table(path, required=columns, dtype=str, keep_default_na=False)


def image_sizes(path: str | None) -> dict[str, tuple[int, int]]:
    """Height and width of each image by its id, as a stimulus table gives them; nothing without a table."""
    table = read_stimuli(path, "stimulus_id") if path else None
    if table is None or not {"height", "width"} <= set(table.columns):
        return {}
    height, width = (whole_numbers(table, column, str(path)).tolist() for column in ("height", "width"))
    return dict(zip(table["stimulus_id"], zip(height, width, strict=True), strict=True))


def checked(human: Iterable[HumanMap], sizes: dict[str, tuple[int, int]]) -> Iterator[HumanMap]:
    """Pass maps on; one that would be stretched over its image is an InputError."""
    for one in human:
        if one.stimulus_id in sizes:
            map_files.check_shape(one.source, one.heatmap.shape, sizes[one.stimulus_id])
        yield one


def process_maps(
    human: Iterable[HumanMap],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Process maps in their order; only a batch of them is held as it was read.

    Returns
    -------
    stimulus_id : ndarray of str, shape (n_maps,)
    labels : ndarray of int64, shape (n_maps,)
    maps : ndarray of float32, shape (n_maps, 64, 64)
        A constant map is stored as zeros and a non-finite one as NaN: the blur with zero padding would give a
        constant map a shape that no participant drew.
    undefined : dict of ndarray of bool, shape (n_maps,)
        ``constant`` and ``non_finite``.
    """
    stimulus_id: list[str] = []
    labels: list[int] = []
    maps, constant, non_finite = [np.zeros((0, processing.SIZE, processing.SIZE), np.float32)], [], []
    for batch in _batches(human):
        stimulus_id += [one.stimulus_id for one in batch]
        labels += [one.label for one in batch]
        for group in _same_size(batch):
            is_constant, is_non_finite = processing.undefined_maps(group)
            defined = ~is_constant & ~is_non_finite
            processed = np.zeros((len(group), processing.SIZE, processing.SIZE), dtype=np.float32)
            processed[defined] = processing.process(group[defined])
            processed[is_non_finite] = np.nan
            maps.append(processed)
            constant += is_constant.tolist()
            non_finite += is_non_finite.tolist()
    undefined = {"constant": np.array(constant, bool), "non_finite": np.array(non_finite, bool)}
    return np.array(stimulus_id), np.array(labels, np.int64), np.concatenate(maps), undefined


def _batches(human: Iterable[HumanMap]) -> Iterator[list[HumanMap]]:
    human = iter(human)
    while batch := list(islice(human, BATCH)):
        yield batch


def _same_size(batch: list[HumanMap]) -> Iterator[np.ndarray]:
    """Stack neighbouring maps of equal size, (n_maps, height, width), keeping their order."""
    start = 0
    for end in range(1, len(batch) + 1):
        if end == len(batch) or batch[end].heatmap.shape != batch[start].heatmap.shape:
            yield np.stack([one.heatmap for one in batch[start:end]])
            start = end


def named_undefined(
    path: str, stimulus_id: np.ndarray, undefined: dict[str, np.ndarray]
) -> dict[str, list[str]]:
    """Name the maps that `process_maps` found undefined, by the reason, and say how many they are."""
    listed = {reason: stimulus_id[flags].tolist() for reason, flags in undefined.items()}
    for reason, names in listed.items():
        if names:
            print(f"{path}: {reason} maps: {len(names)} ({map_files.show(names)})", file=sys.stderr)
    return listed


def check_stimuli(path: str, stimulus_id: list[str], labels: list[int]) -> None:
    """Raise InputError where the stimulus table disagrees with the maps in ids or labels."""
    table = read_stimuli(path, "stimulus_id", "label")
    tables.check_order(stimulus_id, table["stimulus_id"].tolist(), path, "the map set")
    for name, label, expected in zip(stimulus_id, whole_numbers(table, "label", path), labels, strict=True):
        if label != expected:
            raise InputError(f"{path}: label: {label} for {name!r}, where the maps have {expected}")


def estimate_participants(log: ClickLog, counts: dict[str, int], seed: int) -> Participants:
    """Return the participants' ceiling and floor, beside what the filters dropped."""
    ceiling, floor = click_logs.participant_reliability(log, iterations=ITERATIONS, seed=seed)
    return ceiling, floor, counts


def card(
    args: argparse.Namespace,
    stimulus_id: np.ndarray,
    labels: np.ndarray,
    maps: np.ndarray,
    undefined: dict[str, list[str]],
    participants: Participants | None,
) -> dict[str, Any]:
    """Describe the map collection."""
    digest = hashlib.sha256("\0".join(stimulus_id.tolist()).encode())
    digest.update(labels.astype("<i8", copy=False).data)
    digest.update(maps.astype("<f4", copy=False).data)
    return {
        "name": args.name,
        "source": [args.path],
        "reader": args.reader,
        "simulated": args.simulated == "true",
        "n": len(maps),
        "size": list(maps.shape[1:]),
        "ceiling": describe_ceiling(args.ceiling, participants),
        "floor": describe_floor(participants),
        "filters": participants[2] if participants else None,
        "undefined": undefined,
        "seed": args.seed,
        "content_sha256": digest.hexdigest(),
        "version": VERSIONS["maps"],
    }


def describe_ceiling(declared: float | None, participants: Participants | None) -> dict[str, Any]:
    """Return the ceiling as JSON values: from participants, else declared, else none with the reason."""
    if participants is not None:
        return _describe(participants[0], CEILING_OF_PARTICIPANTS)
    if declared is not None:
        return UNKNOWN | {
            "value": declared,
            "method": "declared",
            "definition": CEILING_DECLARED,
            "status": "ok",
        }
    return UNKNOWN | {"status": "neither a click log nor a declared ceiling"}


def describe_floor(participants: Participants | None) -> dict[str, Any]:
    """Return the participants' floor as JSON values; without a click log none, with the reason."""
    if participants is not None:
        return _describe(participants[1], FLOOR_OF_PARTICIPANTS)
    return UNKNOWN | {"status": "no click log, hence no participants' floor"}


def _describe(reliability: Reliability, definition: str) -> dict[str, Any]:
    numbers = {"value": reliability.value, "ci_low": reliability.ci_low, "ci_high": reliability.ci_high}
    return {
        **{name: None if np.isnan(number) else float(number) for name, number in numbers.items()},
        "method": "participants",
        "definition": definition,
        "n_images": len(reliability.per_image),
        "n_undefined": reliability.n_undefined,
        "iterations": ITERATIONS,
        "status": "undefined for every image" if np.isnan(reliability.value) else "ok",
    }
