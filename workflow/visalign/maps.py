"""Stage maps: read human importance maps into one processed form, with their ceiling and floor."""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from visalign import click_logs, human_maps, tfrecords
from visalign.click_logs import Reliability
from visalign.errors import InputError
from visalign.tables import read_table, write_atomic, write_json

VERSION = 1
EXAMPLES = """\
  python -m visalign maps --name clickme --reader tfrecord --shards 'clickme/val/*.tfrecords' \\
      --ceiling 0.65753 --output clickme.npz --card clickme.json
  python -m visalign maps --name mine --reader tfrecord --shards mine.tfrecords --clicks mine_clicks.npz \\
      --stimuli mine.csv --simulated true --output mine.npz --card mine.json
"""
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign maps``."""
    parser.add_argument("--name", required=True, help="name of the map collection")
    parser.add_argument("--reader", default="tfrecord", choices=["tfrecord"], help="format of the maps")
    parser.add_argument("--shards", required=True, nargs="+", help="ClickMe TFRecord shards: files or globs")
    parser.add_argument("--clicks", default=None, help="click log (npz) that the ceiling is computed from")
    parser.add_argument("--ceiling", type=float, default=None, help="declared ceiling, used without --clicks")
    parser.add_argument("--stimuli", default=None, help="stimulus table whose ids and labels must agree")
    parser.add_argument("--simulated", choices=["true", "false"], default="false", help="are they simulated?")
    parser.add_argument("--seed", type=int, default=0, help="seed of half-splits and intervals")
    parser.add_argument("--output", required=True, help="stimulus_id, label and processed map (npz)")
    parser.add_argument("--card", required=True, help="what the maps are, with ceiling and floor (JSON)")


def run(args: argparse.Namespace) -> None:
    """Read and process the maps, compute the ceiling, write npz and card; the card comes last."""
    if args.ceiling is not None and not 0 < args.ceiling <= 1:
        raise InputError(f"--ceiling: {args.ceiling} is not in (0, 1]")
    shards = tfrecords.list_shards(args.shards)
    participants = read_participants(args.clicks, args.seed) if args.clicks else None
    maps, labels, undefined = read_maps(tqdm(shards, desc="maps", unit="shard"))
    if not len(maps):
        raise InputError(f"{' '.join(args.shards)}: no record in {len(shards)} shards")
    stimulus_id = np.array([tfrecords.stimulus_id(args.name, i) for i in range(len(maps))])
    if args.stimuli:
        check_stimuli(args.stimuli, stimulus_id, labels)
    buffer = io.BytesIO()
    np.savez(buffer, stimulus_id=stimulus_id, label=labels, map=maps)
    write_atomic(args.output, buffer.getvalue())
    listed = {reason: stimulus_id[flags].tolist() for reason, flags in undefined.items()}
    write_json(args.card, card(args, stimulus_id, labels, maps, listed, participants))


def read_maps(shards: Iterable[Path]) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Read and process all maps, in shard order.

    Returns
    -------
    maps : ndarray of float32, shape (n_maps, 64, 64)
        A constant map is stored as zeros and a non-finite one as NaN: the blur with zero padding would give a
        constant map a shape that no participant drew.
    labels : ndarray of int64, shape (n_maps,)
    undefined : dict of ndarray of bool, shape (n_maps,)
        ``constant`` and ``non_finite``.
    """
    maps, labels, constant, non_finite = [], [], [], []
    for batch in _batches(record for shard in shards for record in tfrecords.read_clickme(shard)):
        labels += [record.label for record in batch]
        for group in _same_size(batch):
            is_constant, is_non_finite = human_maps.undefined_maps(group)
            defined = ~is_constant & ~is_non_finite
            processed = np.zeros((len(group), human_maps.SIZE, human_maps.SIZE), dtype=np.float32)
            processed[defined] = human_maps.process(group[defined])
            processed[is_non_finite] = np.nan
            maps.append(processed)
            constant.append(is_constant)
            non_finite.append(is_non_finite)
    if not maps:
        return np.zeros((0, human_maps.SIZE, human_maps.SIZE), np.float32), np.zeros(0, np.int64), {}
    undefined = {"constant": np.concatenate(constant), "non_finite": np.concatenate(non_finite)}
    return np.concatenate(maps), np.array(labels, dtype=np.int64), undefined


def _batches(records: Iterable[tfrecords.ClickMe]) -> Iterator[list[tfrecords.ClickMe]]:
    batch: list[tfrecords.ClickMe] = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _same_size(batch: list[tfrecords.ClickMe]) -> Iterator[np.ndarray]:
    """Stack neighbouring maps of equal size, (n_maps, height, width), keeping their order."""
    start = 0
    for end in range(1, len(batch) + 1):
        if end == len(batch) or batch[end].heatmap.shape != batch[start].heatmap.shape:
            yield np.stack([record.heatmap for record in batch[start:end]])
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


def read_participants(path: str, seed: int) -> Participants:
    """Read a click log; return the participants' ceiling, floor, and what the filters dropped."""
    log, counts = click_logs.filter_log(click_logs.read_log(path))
    if not len(log):
        dropped = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise InputError(f"{path}: user_id: no map passes the filters ({dropped})")
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
    digest.update(labels.astype("<i8").tobytes() + maps.astype("<f4").tobytes())
    return {
        "name": args.name,
        "source": list(args.shards),
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
