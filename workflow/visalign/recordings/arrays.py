"""Recordings in plain arrays: a YAML card beside the files that it names.

``responses`` is a .npy array (stimulus, neuroid[, repetition[, time_bin]]), or of the axes that the card
names, or a CSV with a header of neuroid ids and one row per stimulus; NaN, or an empty cell, is a missing
response. Without ``stimulus_ids`` the stimuli are those of the stimulus set, in its order. Every key of the
card is in ``workflow/schemas/array_recording.schema.yaml``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np
import yaml

from visalign.errors import InputError
from visalign.io import checksums
from visalign.io.array_files import read_numbers, shape_of_numbers
from visalign.io.delimited import number, read_text
from visalign.io.files import write_atomic
from visalign.io.sheets import validate
from visalign.io.tables import numbers, read_table, whole_numbers, words, write_table
from visalign.io.yaml_text import read_yaml

if TYPE_CHECKING:  # Snakemake reads cards at every start, and needs no arrays
    import xarray as xr

    from visalign.recordings.form import Coordinates

#: Axes of responses in a .npy file.
AXES = ("stimulus", "neuroid", "repetition", "time_bin")
SHAPE = "(stimulus, neuroid[, repetition[, time_bin]])"
#: Axes of a recording.
DIMS = ("stimulus", "repetition", "neuroid", "time_bin")


class ArraysCard(TypedDict):
    """A card, with the defaults of its schema; files are named relative to it."""

    responses: str
    axes: NotRequired[list[str]]
    stimulus_ids: NotRequired[str | list[str]]  # a file, or the ids themselves
    object_name: NotRequired[list[str]]
    neuroids: NotRequired[str]
    region: NotRequired[str]
    subject: NotRequired[str]
    time_bins: list[list[float]]  # start and end of each, in ms
    identifier: NotRequired[str]
    simulated: bool
    sha256: dict[str, str]  # by file name


def write_card(
    path: str | Path,
    responses: np.ndarray,
    *,
    stimuli: Mapping[str, Sequence[str] | np.ndarray],
    neuroids: Mapping[str, Sequence[str] | np.ndarray | str],
    time_bins: Sequence[tuple[float, float]],
    identifier: str,
    simulated: bool,
) -> None:
    """Write a recording as plain arrays beside a card, with their checksums.

    Parameters
    ----------
    path : str or Path
        The card; its files are named after it.
    responses : ndarray, shape (n_stimuli, n_neuroids, n_repetitions, n_time_bins)
    stimuli, neuroids : mapping
        Columns of the tables of stimuli and of neuroids; a word is that of all neuroids.
    """
    import pandas as pd

    path = Path(path)
    files = {kind: path.with_name(f"{path.stem}_{kind}.csv") for kind in ("stimuli", "neuroids")}
    write_table(files["stimuli"], pd.DataFrame(stimuli))
    write_table(files["neuroids"], pd.DataFrame(neuroids))
    values = path.with_name(f"{path.stem}_responses.npy")
    buffer = io.BytesIO()
    np.save(buffer, responses)
    write_atomic(values, buffer.getvalue())
    sha256 = {file.name: checksums.of(file, "sha256") for file in (*files.values(), values)}
    card: ArraysCard = {
        "responses": values.name,
        "stimulus_ids": files["stimuli"].name,
        "neuroids": files["neuroids"].name,
        "time_bins": [list(window) for window in time_bins],
        "sha256": sha256,
        "identifier": identifier,
        "simulated": simulated,
    }
    write_atomic(path, yaml.safe_dump(card, sort_keys=False))


def read_card(path: str | Path) -> ArraysCard:
    """Read and validate a card; an InputError names the card and the field."""
    card = read_yaml(path)
    for field in ("stimulus_ids", "object_name"):
        values = card.get(field) if isinstance(card, dict) else None
        for value in values if isinstance(values, list) else []:
            if not isinstance(value, str):
                raise InputError(
                    f"{path}: {field}: {value} is no word in YAML: write it in quotes, '{value}'"
                )
    found: ArraysCard = validate(card, "array_recording", str(path))
    for needed in ("stimulus", "neuroid"):
        if needed not in found.get("axes", AXES):
            raise InputError(f"{path}: axes: no {needed} among {', '.join(found['axes'])}")
    if "axes" in found and found["responses"].endswith(".csv"):
        raise InputError(f"{path}: axes: for .npy arrays; {found['responses']} has one row per stimulus")
    for told in ("region", "subject"):
        if told in found and "neuroids" in found:
            raise InputError(f"{path}: {told}: {found[told]}, but {found['neuroids']} tells of the neuroids")
    return found


def named_files(path: str | Path) -> list[str]:
    """Files that a card names, as paths from here; none where the card is yet to be made."""
    if not Path(path).is_file():
        return []
    card = read_card(path)
    names = card["responses"], card.get("stimulus_ids"), card.get("neuroids")
    return [str(_beside(path, name)) for name in names if isinstance(name, str)]


def _beside(path: str | Path, name: str) -> Path:
    """Path of a file that a card names; the same one however it is named, and through whatever links."""
    return Path(os.path.normpath(Path(path).parent / name))


def read_arrays(
    path: str | Path,
    region: str | None = None,
    sha1: str | None = None,
    stimulus_ids: Sequence[str] | None = None,
) -> xr.DataArray:
    """Read the arrays of a card into the internal form.

    Parameters
    ----------
    path : str or Path
        The card.
    region : str, optional
        Keep the neuroids of this region only.
    sha1 : str, optional
        Expected checksum of the card, hexadecimal.
    stimulus_ids : sequence of str, optional
        Ids of the stimulus set, in its order, for a card without its own; numbers from 1 where neither has
        any.

    Raises
    ------
    InputError
        A card that does not match its schema, a file that is not there or has another checksum, a table
        without its columns, or what `recordings.form.internal_form` refuses; names file, field and value.
    """
    from visalign.recordings import form

    path = Path(path)
    if sha1 and path.is_file():
        checksums.check(path, sha1)
    card = read_card(path)
    check_files(path, card)
    responses, header = _responses(_beside(path, card["responses"]), card.get("axes"))
    coordinates = _coordinates(path, card, responses.shape, header, stimulus_ids)
    attrs: dict[str, str | int] = {"identifier": card.get("identifier", path.stem)}
    attrs["simulated"] = int(card["simulated"])
    recording = form.internal_form(path, responses, coordinates, attrs)
    chosen = form.chosen_neuroids(path, recording.region.values, region)
    recording = recording.isel(neuroid=chosen).assign_attrs(n_neuroids_other_regions=int((~chosen).sum()))
    form.validate(path, recording)  # a stimulus may have had responses in other regions only
    return recording


def read_lists(path: str | Path) -> tuple[tuple[int, ...], Coordinates]:
    """Shape (stimulus, repetition, neuroid, time_bin) and coordinates of a recording, as its files list them.

    The responses themselves are not read, save of a CSV. Errors as of `read_arrays`.
    """
    path = Path(path)
    card = read_card(path)
    check_files(path, card)
    file, axes = _beside(path, card["responses"]), card.get("axes")
    if file.suffix == ".csv":
        responses, header = _responses(file)
        shape: tuple[int, ...] = responses.shape
    else:
        stored = shape_of_numbers(file, *_expected(axes))
        sizes = dict(zip(axes or AXES, stored, strict=False))
        shape, header = tuple(sizes.get(dim, 1) for dim in DIMS), None
    return shape, _coordinates(path, card, shape, header)


def _expected(axes: list[str] | None) -> tuple[tuple[int, ...], str]:
    """Numbers of dimensions that a .npy array may have, and what errors call them."""
    return ((len(axes),), f"({', '.join(axes)})") if axes else ((2, 3, 4), SHAPE)


def _coordinates(
    path: Path,
    card: ArraysCard,
    shape: tuple[int, ...],
    header: list[str] | None,
    stimulus_ids: Sequence[str] | None = None,
) -> Coordinates:
    """Coordinates of responses of a shape as `read_lists` gives it, from the files that a card names."""
    n_stimuli, n_repetitions, n_neuroids, _ = shape
    neuroids: Coordinates
    if "neuroids" in card:
        neuroids = _neuroids(_beside(path, card["neuroids"]), header)
    else:
        ids = header or [f"{index:04d}" for index in range(n_neuroids)]
        told = {"region": card.get("region", ""), "subject": card.get("subject", "")}
        neuroids = {"neuroid_id": ids} | {name: [word] * n_neuroids for name, word in told.items()}
    if "stimulus_ids" in card:
        stimuli = _stimuli(path, card["stimulus_ids"])
    elif stimulus_ids is not None and len(stimulus_ids) != n_stimuli:
        raise InputError(
            f"{path}: stimulus_ids: none, hence the {len(stimulus_ids)} of the stimulus set, but "
            f"{card['responses']} has {n_stimuli} stimuli"
        )
    else:
        stimuli = {"stimulus_id": list(stimulus_ids or map(str, range(1, n_stimuli + 1)))}
    return {
        **stimuli,
        "object_name": card.get("object_name") or stimuli.get("object_name", [""] * n_stimuli),
        **neuroids,
        "repetition": np.arange(n_repetitions),
        "time_bin_start": [float(start) for start, _ in card["time_bins"]],
        "time_bin_end": [float(end) for _, end in card["time_bins"]],
    }


def check_files(path: Path, card: ArraysCard) -> None:
    """Raise InputError unless the files of a card are there, with the checksums that it gives."""
    files = named_files(path)
    for file in files:
        if not Path(file).is_file():
            raise InputError(f"{path}: {Path(file).name!r}: no such file")
    for name, sha256 in card["sha256"].items():
        if str(_beside(path, name)) not in files:
            raise InputError(f"{path}: sha256: {name!r} is not a file that the card names")
        checksums.check(_beside(path, name), sha256, "sha256")


def _responses(file: Path, axes: list[str] | None = None) -> tuple[np.ndarray, list[str] | None]:
    """Read responses (stimulus, repetition, neuroid, time_bin), and the neuroid ids of a CSV."""
    if file.suffix == ".csv":
        table = read_table(file, every_column=True)
        for name in table.columns.intersection(["stimulus_id", "image_id", "object_name", "index"]):
            raise InputError(
                f"{file}: column {name!r} is no neuroid: leave it out (the card's stimulus_ids name the rows)"
            )
        header = [number(name) for name in table.columns]
        if None not in header and any(value != int(value) for value in header if value is not None):
            raise InputError(f"{file}: line 1: numbers, expected a header with the ids of the neuroids")
        if table.empty:
            raise InputError(f"{file}: no rows (expected one for each stimulus)")
        columns = [numbers(table, name, file, missing=True) for name in table.columns]
        return np.stack(columns, axis=1)[:, None, :, None], [str(name) for name in table.columns]
    values = read_numbers(file, *_expected(axes), missing=True)
    present = list(axes or AXES[: values.ndim])
    absent = [dim for dim in DIMS if dim not in present]
    whole = values.reshape(values.shape + (1,) * len(absent))
    return whole.transpose([[*present, *absent].index(dim) for dim in DIMS]), None


def _stimuli(card: Path, stimulus_ids: str | list[str]) -> Coordinates:
    """Coordinates of the stimuli, from a list, the lines of a text file, or a CSV.

    The CSV has columns stimulus_id, or image_id, grid_y and grid_x for a grid recording, and may have
    object_name.
    """
    from visalign.recordings import form

    if isinstance(stimulus_ids, list):
        return {"stimulus_id": stimulus_ids}
    file = _beside(card, stimulus_ids)
    if file.suffix == ".txt":
        lines = [line.strip() for line in read_text(file, "text").rstrip().split("\n")]
        if "" in lines:
            raise InputError(f"{file}: line {lines.index('') + 1} is empty (expected a stimulus id)")
        return {"stimulus_id": lines}
    table = read_table(file, dtype=str, keep_default_na=False)
    place = ("image_id", "grid_y", "grid_x")
    needed = place if "grid_y" in table else ("stimulus_id",)
    for name in needed:
        if name not in table:
            raise InputError(f"{file}: no column {name!r} (columns: {', '.join(table.columns)})")
    names = {"object_name": table["object_name"].tolist()} if "object_name" in table else {}
    ids = words(table, needed[0], file)
    if needed != place:
        return {"stimulus_id": ids} | names
    positions = {name: whole_numbers(table, name, file) for name in ("grid_y", "grid_x")}
    for name, values in positions.items():
        for value in values[(values < 0) | (values > 9999)]:
            raise InputError(f"{file}: {name}: {value} is not a whole number from 0 to 9999")
    return form.grid_stimuli(ids, *(values.tolist() for values in positions.values())) | names


def _neuroids(file: Path, header: list[str] | None) -> Coordinates:
    """Coordinates of the neuroids from a CSV: neuroid_id, and where there are, region, subject, x, y."""
    table = read_table(file, required=("neuroid_id",), dtype=str, keep_default_na=False)
    ids = words(table, "neuroid_id", file)
    if header is not None and header != ids:
        pairs = enumerate(zip_longest(header, ids))
        place, (first, second) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
        raise InputError(
            f"{file}: neuroid_id: not those of the header of the responses, in their order: "
            f"number {place + 1} is {second!r}, in the header {first!r}"
        )
    empty = [""] * len(table)
    texts = {name: table[name].tolist() if name in table else empty for name in ("region", "subject")}
    places = {name: numbers(table, name, file, missing=True) for name in ("x", "y") if name in table}
    return {"neuroid_id": ids} | texts | places
