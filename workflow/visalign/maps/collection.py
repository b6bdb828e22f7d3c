"""A map set: its maps opened by a reader, checked against the images, and processed, a batch at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.io.tables import read_table, whole_numbers
from visalign.maps import files as map_files
from visalign.maps import processing
from visalign.maps.filtered_clicks import read_clicks
from visalign.maps.reader import HumanMap, MapFiles, Opened, Reader, Stimuli
from visalign.stimuli import tables

if TYPE_CHECKING:
    import pandas as pd

#: Maps that are decoded at a time: memory does not grow with the number of shards.
BATCH = 64


class Processed(NamedTuple):
    """Processed maps, in their order.

    Attributes
    ----------
    stimulus_id : ndarray of str, shape (n_maps,)
    labels : ndarray of int64, shape (n_maps,)
    maps : ndarray of float32, shape (n_maps, 64, 64)
        A constant map is stored as zeros and a non-finite one as NaN: the blur with zero padding would give a
        constant map a shape that no participant drew.
    undefined : dict of ndarray of bool, shape (n_maps,)
        ``constant`` and ``non_finite``.
    n_before : int
        How many had been blurred before they were read, and were not once more.
    """

    stimulus_id: np.ndarray
    labels: np.ndarray
    maps: np.ndarray
    undefined: dict[str, np.ndarray]
    n_before: int = 0


def open_maps(reader: Reader, files: MapFiles, labels: Mapping[str, int]) -> Opened:
    """Open the maps of a set, of the labelled images; read and filter its click log, if there is one."""
    log = read_clicks(files.clicks) if files.clicks else None
    opened = reader.open(files, labels)
    return opened._replace(log=log) if log else opened


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


def stimuli_of(path: str | None) -> Stimuli | None:
    """Labels and sizes of the images of a stimulus table, in its order; None without a table.

    Raises
    ------
    InputError
        A table without heights and widths, or a label that is no whole number.
    """
    if path is None:
        return None
    table = read_stimuli(path, "stimulus_id", "height", "width")
    labels: dict[str, int | None] = dict.fromkeys(table["stimulus_id"])
    if "label" in table:
        given = table[table["label"] != ""]
        labels |= zip(given["stimulus_id"], whole_numbers(given, "label", path).tolist(), strict=True)
    return Stimuli(labels, image_sizes(path))


def checked(human: Iterable[HumanMap], sizes: dict[str, tuple[int, int]]) -> Iterator[HumanMap]:
    """Pass maps on; one that would be stretched over its image is an InputError."""
    for one in human:
        if one.stimulus_id in sizes:
            map_files.check_shape(one.source, one.heatmap.shape, sizes[one.stimulus_id])
        yield one


def process_maps(human: Iterable[HumanMap]) -> Processed:
    """Process maps in their order; only a batch of them is held as it was read."""
    stimulus_id: list[str] = []
    labels: list[int] = []
    n_before = 0
    maps, constant, non_finite = [np.zeros((0, processing.SIZE, processing.SIZE), np.float32)], [], []
    for batch in _batches(human):
        stimulus_id += [one.stimulus_id for one in batch]
        labels += [one.label for one in batch]
        n_before += sum(one.processed for one in batch)
        for group, is_processed in _alike(batch):
            is_constant, is_non_finite = processing.undefined_maps(group)
            defined = ~is_constant & ~is_non_finite
            processed = np.zeros((len(group), processing.SIZE, processing.SIZE), dtype=np.float32)
            how = processing.shrink if is_processed else processing.process
            processed[defined] = how(group[defined])
            processed[is_non_finite] = np.nan
            maps.append(processed)
            constant += is_constant.tolist()
            non_finite += is_non_finite.tolist()
    undefined = {"constant": np.array(constant, bool), "non_finite": np.array(non_finite, bool)}
    return Processed(
        np.array(stimulus_id), np.array(labels, np.int64), np.concatenate(maps), undefined, n_before
    )


def _batches(human: Iterable[HumanMap]) -> Iterator[list[HumanMap]]:
    human = iter(human)
    while batch := list(islice(human, BATCH)):
        yield batch


def _alike(batch: list[HumanMap]) -> Iterator[tuple[np.ndarray, bool]]:
    """Stack neighbouring maps of equal size, (n_maps, height, width), and say whether they are processed."""
    kinds = groupby(batch, key=lambda one: (one.heatmap.shape, one.processed))
    for (_, is_processed), group in kinds:
        yield np.stack([one.heatmap for one in group]), is_processed


def named_undefined(path: str, processed: Processed) -> dict[str, list[str]]:
    """Name the maps that are undefined, by the reason, and say how many they are."""
    listed = {reason: processed.stimulus_id[flags].tolist() for reason, flags in processed.undefined.items()}
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
