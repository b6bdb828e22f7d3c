"""The one internal form of recordings, whatever reader made it, in memory and on disk.

The *internal form* is an `xarray.DataArray` (stimulus, repetition, neuroid, time_bin), NaN where a repetition
is missing, with coordinates ``stimulus_id``, ``object_name``; ``repetition``; ``neuroid_id``, ``region``,
``subject``; ``time_bin_start``, ``time_bin_end``; each dimension sorted (by stimulus_id, by repetition, by
neuroid_id, by time), attributes ``identifier`` and ``simulated`` (0 or 1). Where the source gives positions
of sites there are ``x`` and ``y`` on neuroid, in its unit, NaN where unknown.

A *grid recording* has ``image_id``, ``grid_y``, ``grid_x`` on stimulus: each stimulus is one image at one
position on the receptive field, named "image_id/grid_y-grid_x"; positions are integers from 0, y downwards as
in images. Its stimuli are sorted by image_id, then row by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from visalign.errors import InputError
from visalign.io.files import replaced

DIMENSIONS = ("stimulus", "repetition", "neuroid", "time_bin")
#: Coordinates of the internal form, and their dimension.
COORDINATES = {
    "stimulus_id": "stimulus",
    "object_name": "stimulus",
    "repetition": "repetition",
    "neuroid_id": "neuroid",
    "region": "neuroid",
    "subject": "neuroid",
    "time_bin_start": "time_bin",
    "time_bin_end": "time_bin",
}
#: Coordinates that a recording may have besides, and their dimension.
OPTIONAL_COORDINATES = {
    "x": "neuroid",
    "y": "neuroid",
    "image_id": "stimulus",
    "grid_y": "stimulus",
    "grid_x": "stimulus",
}
DIMENSION_OF = COORDINATES | OPTIONAL_COORDINATES
VARIABLE = "responses"

#: Coordinates by their names, each with its values along its dimension.
Coordinates = Mapping[str, np.ndarray | Sequence[str] | Sequence[int] | Sequence[float]]


def internal_form(
    path: str | Path, responses: np.ndarray, coordinates: Coordinates, attrs: Mapping[str, str | int]
) -> xr.DataArray:
    """Sort responses with their coordinates into the internal form, and check it.

    Parameters
    ----------
    path : str or Path
        File that errors name.
    responses : ndarray, shape (n_stimuli, n_repetitions, n_neuroids, n_time_bins)
        NaN where missing.
    coordinates : mapping
        Values along their dimension, in the order of `responses`: all of COORDINATES, any of
        OPTIONAL_COORDINATES (`grid_stimuli` makes those of a grid recording).
    attrs : mapping
        ``identifier``, ``simulated`` and what a reader has to say.

    Raises
    ------
    InputError
        Another number of values than of responses, a stimulus or neuroid that is there twice, or what
        `validate` refuses.
    """
    values = {name: _as_text(np.asarray(coordinates[name])) for name in DIMENSION_OF if name in coordinates}
    sizes = dict(zip(DIMENSIONS, responses.shape, strict=True))
    for name, column in values.items():
        check_length(path, name, len(column), sizes[DIMENSION_OF[name]])
    check_lists(path, values)
    recording = xr.DataArray(
        responses.astype(float_type(responses), copy=False),
        dims=DIMENSIONS,
        coords={name: (DIMENSION_OF[name], column) for name, column in values.items()},
        name=VARIABLE,
        attrs=dict(attrs),
    )
    by = ("grid_x", "grid_y", "image_id") if is_grid(recording) else ("stimulus_id",)
    recording = recording.isel(
        stimulus=np.lexsort([np.array(values[name].tolist()) for name in by]),
        repetition=np.argsort(values["repetition"], kind="stable"),
        neuroid=np.argsort(values["neuroid_id"], kind="stable"),
        time_bin=np.lexsort((values["time_bin_end"], values["time_bin_start"])),
    )
    validate(path, recording)
    return recording


def check_length(path: str | Path, name: str, n: int, size: int) -> None:
    """Raise InputError where a coordinate has another number of values than there are responses."""
    if n != size:
        axis = DIMENSION_OF[name]
        raise InputError(f"{path}: {name}: {n} values, but responses of {size} (axis {axis})")


def check_lists(path: str | Path, coordinates: Coordinates) -> None:
    """Raise InputError for names that are empty or there twice, and time bins that end before they begin."""
    for name in ("stimulus_id", "neuroid_id"):
        names = list(coordinates[name])
        if "" in names:
            raise InputError(f"{path}: {name}: '' is no name (number {names.index('') + 1})")
        twice = pd.Series(names, dtype=object).duplicated().to_numpy()
        if twice.any():
            raise InputError(f"{path}: {name}: {str(names[int(twice.argmax())])!r} is there twice")
    starts, ends = (np.asarray(coordinates[name], float) for name in ("time_bin_start", "time_bin_end"))
    for start, end in zip(starts, ends, strict=True):
        if not (start <= end or (np.isnan([start, end]).all() and len(starts) == 1)):
            raise InputError(f"{path}: time_bin_start: {start:g} ms, but time_bin_end is {end:g} ms")


def grid_stimuli(
    image_id: Sequence[str], grid_y: Sequence[int], grid_x: Sequence[int]
) -> dict[str, Sequence[str] | Sequence[int]]:
    """Return the coordinates, names included, of stimuli that are images at grid positions."""
    names = [f"{image}/{y:02d}-{x:02d}" for image, y, x in zip(image_id, grid_y, grid_x, strict=True)]
    empty = [""] * len(names)
    return {
        "stimulus_id": names,
        "object_name": empty,
        "image_id": image_id,
        "grid_y": grid_y,
        "grid_x": grid_x,
    }


def is_grid(recording: xr.DataArray) -> bool:
    """Whether the stimuli are images at grid positions."""
    return {"image_id", "grid_y", "grid_x"} <= set(recording.coords)


def images(recording: xr.DataArray) -> list[str]:
    """Name (n_stimuli,) of the image that each stimulus shows: of a grid recording's, its image_id."""
    return [str(name) for name in recording["image_id" if is_grid(recording) else "stimulus_id"].values]


def grid(recording: xr.DataArray, path: str | Path = "recording") -> tuple[int, int, int]:
    """Return (n_images, height, width) of a grid recording.

    Its stimuli are in this order: ``values.reshape(n_images, height, width, ...)`` are grids.

    Raises
    ------
    InputError
        An image that was not shown at every grid position; names file, image and position count.
    """
    images, shown = np.unique(recording.image_id.values.astype(str), return_counts=True)
    for name in ("grid_y", "grid_x"):
        if recording[name].values.min() < 0:
            raise InputError(f"{path}: {name}: {recording[name].values.min()} is less than 0")
    height, width = int(recording.grid_y.max()) + 1, int(recording.grid_x.max()) + 1
    wrong = shown != height * width
    if wrong.any():
        raise InputError(
            f"{path}: image_id: {str(images[wrong][0])!r} is there at {shown[wrong][0]} positions, "
            f"not at all {height * width} of the grid of {height} × {width}"
        )
    return len(images), height, width


def float_type(values: np.ndarray) -> np.dtype:
    """Type of responses: the file's own where it is a float of 4 or 8 bytes, else float64."""
    kept = values.dtype.kind == "f" and values.dtype.itemsize >= 4
    return (values.dtype if kept else np.dtype(np.float64)).newbyteorder("=")


def _as_text(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind in "UT" else values


def validate(path: str | Path, recording: xr.DataArray) -> None:
    """Raise InputError for ±Inf, for neuroids or stimuli without a single response, and for partial grids."""
    values = recording.values
    if np.isinf(values).any():
        stimulus, _, neuroid, _ = np.argwhere(np.isinf(values))[0]
        names = recording.neuroid_id.values[neuroid], recording.stimulus_id.values[stimulus]
        raise InputError(f"{path}: responses: infinite at neuroid_id {names[0]!r}, stimulus_id {names[1]!r}")
    present = ~np.isnan(values)
    for dim, others in (("neuroid", (0, 1)), ("stimulus", (1, 2))):
        empty = np.argwhere(~present.any(axis=others))
        if len(empty):
            index, time_bin = empty[0]
            name = recording[f"{dim}_id"].values[index]
            window = f" at {time_windows(recording)[time_bin]} ms".removesuffix(" at  ms")
            raise InputError(f"{path}: {dim}_id: {name!r} has only missing responses (NaN){window}")
    if is_grid(recording):
        grid(recording, path)


# --- on disk ---


def write_recording(path: str | Path, recording: xr.DataArray) -> None:
    """Write the internal form as netCDF-4, whole or not at all."""
    write_netcdf(path, recording, VARIABLE)


def read_recording(path: str | Path) -> xr.DataArray:
    """Read the internal form back; attribute ``simulated`` is 0 or 1."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such recording")
    with open_netcdf(path) as dataset:
        if VARIABLE not in dataset or dataset[VARIABLE].dims != DIMENSIONS:
            raise InputError(f"{path}: no variable {VARIABLE!r} with dimensions {', '.join(DIMENSIONS)}")
        recording = load(path, dataset[VARIABLE])
    # Back to the types that were written: netCDF knows neither Python's strings nor its integers.
    texts = {
        n: (recording[n].dims, _as_text(recording[n].values)) for n in DIMENSION_OF if n in recording.coords
    }
    attrs = {
        name: value.item() if hasattr(value, "item") else value for name, value in recording.attrs.items()
    }
    return recording.assign_coords(texts).assign_attrs(attrs)


def time_windows(recording: xr.DataArray) -> list[str]:
    """Name the time bins by their borders in ms, such as "70-170"; '' where the file says none."""
    borders = zip(recording.time_bin_start.values, recording.time_bin_end.values, strict=True)
    return ["" if np.isnan(start) else f"{start:g}-{end:g}" for start, end in borders]


def content_sha256(recording: xr.DataArray) -> str:
    """Hash responses, coordinates and attributes, whatever the bytes of the file that holds them."""
    digest = hashlib.sha256(repr(sorted((k, str(v)) for k, v in recording.attrs.items())).encode())
    for name in (None, *COORDINATES, *(n for n in OPTIONAL_COORDINATES if n in recording.coords)):
        values = recording.values if name is None else recording[name].values
        if values.dtype.kind == "O":
            content = "\0".join(map(str, values)).encode()
        else:
            content = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes()
        digest.update(f"{name} {values.shape} {values.dtype.kind}{values.dtype.itemsize} ".encode() + content)
    return digest.hexdigest()


def write_netcdf(path: str | Path, array: xr.DataArray, name: str) -> None:
    """Write an array as a variable of netCDF-4, whole or not at all."""
    with replaced(path) as partial:
        array.rename(name).to_netcdf(partial, engine="h5netcdf")


def chosen_neuroids(path: str | Path, regions: np.ndarray, region: str | None) -> np.ndarray:
    """Mask (n_neuroids,) of the neuroids in `region`, all where it is None; none at all is an InputError."""
    chosen = np.ones(len(regions), dtype=bool) if region is None else regions == region
    if not chosen.any():
        there = ", ".join(sorted(set(filter(None, regions.tolist())))) or "none"
        raise InputError(f"{path}: region: no neuroid in {region!r} (regions: {there})")
    return chosen


def open_netcdf(path: Path) -> xr.Dataset:
    """Open a netCDF file, 3 or 4; one that cannot be read is an InputError."""
    # netCDF-4 is HDF5; netCDF-3 begins with CDF.
    with open(path, "rb") as file:
        engine = "scipy" if file.read(3) == b"CDF" else "h5netcdf"
    try:
        return xr.open_dataset(path, engine=engine, decode_times=False)
    except Exception as error:  # the netCDF libraries raise nearly anything on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable netCDF file: {reason}") from None


def load(path: Path, array: xr.DataArray) -> xr.DataArray:
    """Read the values of an array that was opened; damage is an InputError."""
    try:
        return array.load()
    except OSError as error:
        raise InputError(f"{path}: {array.name}: unreadable: {str(error).splitlines()[0]}") from None
