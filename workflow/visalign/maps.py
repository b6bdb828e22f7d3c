"""Stage maps: read human importance maps into one processed form, with their ceiling and floor."""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from visalign import click_logs, human_maps, stimulus_tables, tfrecords
from visalign.click_logs import ClickLog, Reliability
from visalign.errors import InputError
from visalign.tables import read_table, write_atomic, write_json

VERSION = 1
EXAMPLES = """\
  python -m visalign maps --name clickme --reader tfrecord --path 'clickme/val/*.tfrecords' \\
      --ceiling 0.65753 --output clickme.npz --card clickme.json
  python -m visalign maps --name mine --reader folder --path mine/maps --labels mine.csv \\
      --output mine.npz --card mine.json
  python -m visalign maps --name clicked --reader clicks --path clicks.npz --labels clicked.csv \\
      --stimuli clicked_stimuli.csv --simulated true --output clicked.npz --card clicked.json
"""
READERS = ("tfrecord", "npz", "folder", "clicks", "masks")
#: Files that the reader ``folder`` takes for the map of an image of the same name.
MAP_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
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
#: A filtered click log, and what each filter dropped.
FilteredLog = tuple[ClickLog, dict[str, int]]
#: Ceiling, floor, and what each filter of the click log dropped.
Participants = tuple[Reliability, Reliability, dict[str, int]]


class HumanMap(NamedTuple):
    """One importance map as it was read: `heatmap` float32 (height, width), in any unit."""

    stimulus_id: str
    label: int
    heatmap: np.ndarray


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
    human, clicks = open_maps(args)
    stimulus_id, labels, maps, undefined = process_maps(human)
    if not len(maps):
        raise InputError(f"{args.path}: no record")
    if args.stimuli:
        check_stimuli(args.stimuli, stimulus_id, labels)
    participants = estimate_participants(*clicks, args.seed) if clicks else None
    buffer = io.BytesIO()
    np.savez(buffer, stimulus_id=stimulus_id, label=labels, map=maps)
    write_atomic(args.output, buffer.getvalue())
    listed = {reason: stimulus_id[flags].tolist() for reason, flags in undefined.items()}
    write_json(args.card, card(args, stimulus_id, labels, maps, listed, participants))


# --- readers ---


def open_maps(args: argparse.Namespace) -> tuple[Iterable[HumanMap], FilteredLog | None]:
    """Open the maps of the chosen reader, read one at a time; filter the click log, if there is one."""
    if args.reader in ("tfrecord", "npz"):
        return shard_maps(args.name, args.path), read_clicks(args.clicks) if args.clicks else None
    if args.reader == "masks":
        return masks(args.path), None
    labels = read_labels(args.labels)
    if args.reader == "folder":
        clicks = read_clicks(args.clicks) if args.clicks else None
        heatmaps = folder_maps(args.path, tqdm(labels, desc="maps", unit="map"))
    else:
        clicks = read_clicks(args.path, list(labels))
        heatmaps = clicked_maps(clicks[0], tqdm(labels, desc="maps", unit="map"))
    return map(HumanMap, labels, labels.values(), heatmaps), clicks


def shard_maps(name: str, pattern: str) -> Iterator[HumanMap]:
    """Iterate over the maps of ClickMe shards (TFRecord or npz), numbered as the stimuli are."""
    shards = tqdm(tfrecords.list_shards(pattern), desc="maps", unit="shard")
    records = chain.from_iterable(tfrecords.read_clickme(shard) for shard in shards)
    return (
        HumanMap(tfrecords.stimulus_id(name, index), record.label, record.heatmap)
        for index, record in enumerate(records)
    )


def masks(path: str) -> Iterator[HumanMap]:
    """Iterate over the object masks of a stimulus table, as maps of people who look at the object."""
    table = stimulus_tables.read(path)
    for entry in tqdm(table.itertuples(), desc="maps", total=len(table), unit="map"):
        if not isinstance(entry.mask, str):
            raise InputError(f"{path}: mask: {entry.stimulus_id!r} has none")
        yield HumanMap(str(entry.stimulus_id), int(entry.label), read_map(Path(entry.mask)))  # type: ignore[arg-type]


def read_labels(path: str) -> dict[str, int]:
    """Read the label of each named image, in the order of the file (CSV: name, label)."""
    table = read_table(path, required=("name", "label"), dtype={"name": str}, keep_default_na=False)
    twice = table["name"][table["name"].duplicated()]
    if len(twice):
        raise InputError(f"{path}: name: {twice.iloc[0]!r} is there twice")
    if table["label"].dtype.kind not in "iu":
        raise InputError(f"{path}: label: not a whole number in every row")
    return dict(zip(table["name"].tolist(), table["label"].tolist(), strict=True))


def folder_maps(folder: str, names: Iterable[str]) -> Iterator[np.ndarray]:
    """Yield the map (height, width) of each image: the file of its name, whatever the suffix."""
    for name in names:
        files = [(Path(folder) / name).with_suffix(suffix) for suffix in MAP_SUFFIXES]
        found = [file for file in files if file.is_file()]
        if len(found) != 1:
            raise InputError(f"{folder}: {name}: {len(found)} maps of this name ({', '.join(MAP_SUFFIXES)})")
        yield read_map(found[0])


def read_map(file: Path) -> np.ndarray:
    """Read one map, float32 (height, width), from a grey image or an array (npy)."""
    try:
        heatmap = np.load(file, allow_pickle=False) if file.suffix == ".npy" else _grey(file)
        if heatmap.ndim != 2 or heatmap.dtype.kind not in "iuf":
            raise ValueError(f"{heatmap.dtype} {heatmap.shape}, not (height, width) numbers")
    except (OSError, EOFError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: not a readable map: {str(error).splitlines()[0]}") from None
    return heatmap.astype(np.float32)


def _grey(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        if image.mode[0] in "IF":  # more than 8 bits
            return np.asarray(image)
        pixels = np.asarray(image.convert("RGB"))
    # The luminance of a colour map is no importance.
    if (pixels != pixels[..., :1]).any():
        raise ValueError("a colour image, not a grey one")
    return pixels[..., 0]


def read_clicks(path: str, images: list[str] | None = None) -> FilteredLog:
    """Read and filter a click log, of `images` only where given; say what each filter dropped."""
    log = click_logs.read_log(path)
    listed = log if images is None else log.keep(np.isin(log.file_pointer, images))
    kept, counts = click_logs.filter_log(listed)
    counts = counts if images is None else {"unlisted": len(log) - len(listed)} | counts
    if not len(kept):
        dropped = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InputError(f"{path}: user_id: no map passes the filters ({dropped})")
    return kept, counts


def clicked_maps(log: ClickLog, images: Iterable[str]) -> Iterator[np.ndarray]:
    """Yield the mean map (256, 256) of each image's participants; NaN where the filters left none."""
    groups = click_logs.clicks_by_image(log)
    missing = np.full((click_logs.SIZE, click_logs.SIZE), np.nan, np.float32)
    for image in images:
        yield click_logs.group_map(groups[image]) if image in groups else missing


# --- processing ---


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
    maps, constant, non_finite = [np.zeros((0, human_maps.SIZE, human_maps.SIZE), np.float32)], [], []
    for batch in _batches(human):
        stimulus_id += [one.stimulus_id for one in batch]
        labels += [one.label for one in batch]
        for group in _same_size(batch):
            is_constant, is_non_finite = human_maps.undefined_maps(group)
            defined = ~is_constant & ~is_non_finite
            processed = np.zeros((len(group), human_maps.SIZE, human_maps.SIZE), dtype=np.float32)
            processed[defined] = human_maps.process(group[defined])
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


def check_stimuli(path: str, stimulus_id: np.ndarray, labels: np.ndarray) -> None:
    """Raise InputError where the stimulus table disagrees with the maps in ids or labels."""
    table = read_table(path, required=("stimulus_id", "label"), dtype={"stimulus_id": str})
    if len(table) != len(stimulus_id):
        raise InputError(f"{path}: stimulus_id: {len(table)} stimuli, but {len(stimulus_id)} maps")
    rows = zip(table["stimulus_id"], stimulus_id, table["label"], labels, strict=True)
    for found, name, label, expected in rows:
        if found != name:
            raise InputError(f"{path}: stimulus_id: {found!r}, where the maps have {str(name)!r}")
        if label != expected:
            raise InputError(f"{path}: label: {label} for {found!r}, where the maps have {expected}")


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
        "version": VERSION,
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
