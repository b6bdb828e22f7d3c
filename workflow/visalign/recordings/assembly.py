"""Neural recordings: Brain-Score assemblies and the one internal form of all readers.

An *assembly* is the public file format: a netCDF variable (presentation, neuroid, time_bin) with coordinates
``stimulus_id`` (older files: ``image_id``), ``repetition``, ``object_name`` on presentation; ``neuroid_id``,
``region``, ``animal`` or ``subject``, sometimes ``x`` and ``y`` on neuroid; ``time_bin_start`` and
``time_bin_end`` (ms) on time_bin. Without the dimension time_bin it is one window, whose borders are NaN, and
whose name is empty, where neither coordinate is there. Ids that are numbers are named by these: 1.0 is "1".

The *internal form* is an `xarray.DataArray` (stimulus, repetition, neuroid, time_bin), NaN where a repetition
is missing, with coordinates ``stimulus_id``, ``object_name``; ``repetition``; ``neuroid_id``, ``region``,
``subject``; ``time_bin_start``, ``time_bin_end``; each dimension sorted (by stimulus_id, by repetition, by
neuroid_id, by time), attributes ``identifier`` and ``simulated`` (0 or 1). Where the source gives positions
of sites there are ``x`` and ``y`` on neuroid, in its unit, NaN where unknown.

A *map recording* has ``image_id``, ``grid_y``, ``grid_x`` on stimulus: each stimulus is one image at one grid
position on the receptive field, named "image_id/grid_y-grid_x"; positions are integers from 0, y downwards as
in images. Its stimuli are sorted by image_id, then row by row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from visalign.errors import InputError
from visalign.io import checksums, delimited

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
_DIMENSION_OF = COORDINATES | OPTIONAL_COORDINATES
_VARIABLE = "responses"


# --- assemblies ---


def write_assembly(
    path: str | Path,
    responses: np.ndarray,
    stimulus_id: Sequence[str],
    object_name: Sequence[str],
    neuroid_id: Sequence[str],
    region: Sequence[str],
    subject: Sequence[str],
    time_bins: Sequence[tuple[float, float]],
    attrs: Mapping[str, Any] | None = None,
) -> None:
    """Write responses as a Brain-Score-style assembly, one presentation a stimulus and repetition.

    Parameters
    ----------
    responses : ndarray, shape (n_stimuli, n_repetitions, n_neuroids, n_time_bins)
        A repetition of NaN only is a presentation that did not happen, and is left out (unless the stimulus
        has no other).
    time_bins : sequence of (start, end)
        In ms after stimulus onset.
    attrs : mapping
        For example ``identifier`` and ``simulated``.
    """
    missing = np.isnan(responses).all(axis=(2, 3))
    stimulus, repetition = np.nonzero(~missing | missing.all(axis=1, keepdims=True))
    start, end = np.asarray(time_bins, dtype=float).reshape(-1, 2).T
    assembly = xr.DataArray(
        responses[stimulus, repetition],
        dims=("presentation", "neuroid", "time_bin"),
        coords={
            "stimulus_id": ("presentation", np.asarray(stimulus_id, dtype=object)[stimulus]),
            "object_name": ("presentation", np.asarray(object_name, dtype=object)[stimulus]),
            "repetition": ("presentation", repetition),
            "neuroid_id": ("neuroid", np.asarray(neuroid_id, dtype=object)),
            "region": ("neuroid", np.asarray(region, dtype=object)),
            "animal": ("neuroid", np.asarray(subject, dtype=object)),
            "time_bin_start": ("time_bin", start),
            "time_bin_end": ("time_bin", end),
        },
        attrs={name: int(v) if isinstance(v, (bool, np.bool_)) else v for name, v in (attrs or {}).items()},
    )
    _write_netcdf(path, assembly, str(assembly.attrs.get("identifier", _VARIABLE)))


def read_assembly(path: str | Path, region: str | None = None, sha1: str | None = None) -> xr.DataArray:
    """Read a Brain-Score assembly into the internal form.

    Parameters
    ----------
    region : str, optional
        Keep the neuroids of this region only.
    sha1 : str, optional
        Expected checksum of the file, hexadecimal.

    Raises
    ------
    InputError
        No such file, a wrong checksum, no assembly, a coordinate that is missing or contradicts itself,
        infinite responses, or a neuroid or stimulus without responses; names file, field and value.
    """
    path = Path(path)
    if sha1 and path.is_file():
        checksums.check(path, sha1)
    with opened(path, region) as (assembly, coordinates, chosen):
        attrs = {
            "identifier": str(assembly.attrs.get("identifier", assembly.name)),
            "simulated": int(_truth(assembly.attrs.get("simulated", 0))),
        }
        assembly = assembly.transpose("presentation", "neuroid", "time_bin")
        assembly = _load(path, assembly if chosen.all() else assembly.isel(neuroid=chosen))
    coordinates = {
        name: values[chosen] if _DIMENSION_OF[name] == "neuroid" else values
        for name, values in coordinates.items()
    }
    responses, coordinates = _by_stimulus(path, assembly.values, coordinates)
    return internal_form(
        path, responses, coordinates, attrs | {"n_neuroids_other_regions": int((~chosen).sum())}
    )


@contextmanager
def opened(
    path: Path, region: str | None
) -> Iterator[tuple[xr.DataArray, dict[str, np.ndarray], np.ndarray]]:
    """Open an assembly without reading its responses: the variable, its coordinates, the chosen neuroids."""
    if not path.is_file():
        raise InputError(f"{path}: no such assembly")
    with _open(path) as dataset:
        assembly = _assembly_variable(path, dataset)
        coordinates = _assembly_coordinates(path, assembly)
        yield assembly, coordinates, chosen_neuroids(path, coordinates["region"], region)


def _truth(value: Any) -> bool:
    return value.lower() in ("1", "true") if isinstance(value, str) else bool(value)


def _open(path: Path) -> xr.Dataset:
    # netCDF-4 is HDF5; netCDF-3 begins with CDF.
    with open(path, "rb") as file:
        engine = "scipy" if file.read(3) == b"CDF" else "h5netcdf"
    try:
        return xr.open_dataset(path, engine=engine, decode_times=False)
    except Exception as error:  # the netCDF libraries raise nearly anything on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable netCDF file: {reason}") from None


def _load(path: Path, array: xr.DataArray) -> xr.DataArray:
    try:
        return array.load()
    except OSError as error:
        raise InputError(f"{path}: {array.name}: unreadable: {str(error).splitlines()[0]}") from None


def _assembly_variable(path: Path, dataset: xr.Dataset) -> xr.DataArray:
    found = [name for name, v in dataset.data_vars.items() if {"presentation", "neuroid"} <= set(v.dims)]
    if len(found) != 1:
        raise InputError(f"{path}: {len(found)} variables with dimensions presentation and neuroid, not one")
    # Some writers keep the coordinates as plain variables.
    assembly = dataset.set_coords([n for n in dataset.data_vars if n != found[0]])[found[0]]
    if "time_bin" not in assembly.dims:
        assembly = assembly.expand_dims("time_bin")
        borders = ("time_bin_start", "time_bin_end")
        if not set(borders) & set(assembly.coords):  # one window, of which the file says no more
            assembly = assembly.assign_coords({name: ("time_bin", [np.nan]) for name in borders})
    extra = set(assembly.dims) - {"presentation", "neuroid", "time_bin"}
    if extra:
        raise InputError(f"{path}: {assembly.name}: unexpected dimension {sorted(map(str, extra))[0]!r}")
    if assembly.dtype.kind not in "iuf":
        raise InputError(f"{path}: {assembly.name}: {assembly.dtype} values, not numbers")
    if 0 in assembly.shape:
        raise InputError(f"{path}: {assembly.name}: empty: shape {assembly.shape}")
    return assembly


def _assembly_coordinates(path: Path, assembly: xr.DataArray) -> dict[str, np.ndarray]:
    """Return the coordinates under their present names; optional ones have '' where missing."""
    n = assembly.sizes
    empty = np.full(n["neuroid"], "")
    stimulus_id = _coordinate(path, assembly, ("stimulus_id", "image_id"), str)
    # Without repetitions named, the presentations of a stimulus are counted in the file's order.
    counted = pd.Series(stimulus_id).groupby(stimulus_id).cumcount().to_numpy()
    coordinates = {
        "stimulus_id": stimulus_id,
        "object_name": _coordinate(path, assembly, ("object_name",), str, np.full(n["presentation"], "")),
        "repetition": _coordinate(path, assembly, ("repetition",), None, counted),
        "neuroid_id": _coordinate(path, assembly, ("neuroid_id",), str),
        "region": _coordinate(path, assembly, ("region",), str, empty),
        "subject": _coordinate(path, assembly, ("animal", "subject"), str, empty),
        "time_bin_start": _coordinate(path, assembly, ("time_bin_start",), float),
        "time_bin_end": _coordinate(path, assembly, ("time_bin_end",), float),
    }
    for name in ("x", "y"):
        if name in assembly.coords and assembly[name].dims == ("neuroid",):
            coordinates[name] = _coordinate(path, assembly, (name,), float)
    return coordinates


def _coordinate(
    path: Path,
    assembly: xr.DataArray,
    names: tuple[str, ...],
    dtype: type | None,
    default: np.ndarray | None = None,
) -> np.ndarray:
    """Return the first coordinate of `names` that is there, else `default`, else raise InputError."""
    for name in names:
        if name in assembly.coords:
            values = np.atleast_1d(assembly[name].values)
            if dtype is float:
                return np.array([_border(path, name, value) for value in values], dtype=float)
            return values if dtype is None else np.array([_name(path, name, value) for value in values])
    if default is None:
        raise InputError(f"{path}: no coordinate {' or '.join(map(repr, names))}")
    return default


def _border(path: Path, name: str, value: Any) -> float:
    """A number of a coordinate, NaN where missing."""
    text = isinstance(value, (bytes, str))
    try:
        return float(delimited.number(_name(path, name, value)) if text else value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(f"{path}: {name}: {str(value)!r} is not a number") from None


def _name(path: Path, name: str, value: Any) -> str:
    """A name of a coordinate: numbers as written whole, a missing one (NaN) empty."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InputError(f"{path}: {name}: {value!r} is not UTF-8") from None
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else str(int(value)) if float(value).is_integer() else str(value)
    return str(value)


def chosen_neuroids(path: str | Path, regions: np.ndarray, region: str | None) -> np.ndarray:
    """Mask (n_neuroids,) of the neuroids in `region`, all where it is None; none at all is an InputError."""
    chosen = np.ones(len(regions), dtype=bool) if region is None else regions == region
    if not chosen.any():
        there = ", ".join(sorted(set(filter(None, regions.tolist())))) or "none"
        raise InputError(f"{path}: region: no neuroid in {region!r} (regions: {there})")
    return chosen


def _by_stimulus(
    path: Path, values: np.ndarray, coordinates: dict[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Sort presentations into (stimulus, repetition); `values` is (presentation, neuroid, time_bin)."""
    stimuli, stimulus, repetition = presentations(path, coordinates)
    shape = (len(stimuli["stimulus_id"]), len(stimuli["repetition"]), *values.shape[1:])
    responses = np.full(shape, np.nan, dtype=_float_type(values))
    responses[stimulus, repetition] = values
    return responses, coordinates | stimuli


def presentations(
    path: Path, coordinates: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Stimuli and repetitions, each once and sorted, and which of both each presentation is.

    Raises
    ------
    InputError
        A stimulus of two categories, or a repetition of a stimulus that is there twice.
    """
    presented = coordinates["stimulus_id"]
    stimulus_id, first, stimulus = np.unique(presented, return_index=True, return_inverse=True)
    object_name = coordinates["object_name"][first]
    contradiction = coordinates["object_name"] != object_name[stimulus]
    if contradiction.any():
        raise InputError(f"{path}: object_name: stimulus {str(presented[contradiction][0])!r} has two")
    repetitions, repetition = np.unique(coordinates["repetition"], return_inverse=True)
    cell = stimulus * len(repetitions) + repetition
    twice = pd.Series(cell).duplicated().to_numpy()
    if twice.any():
        which = f"{coordinates['repetition'][twice][0]} of stimulus {str(presented[twice][0])!r}"
        raise InputError(f"{path}: repetition: {which} is there twice")
    stimuli = {"stimulus_id": stimulus_id, "object_name": object_name, "repetition": repetitions}
    return stimuli, stimulus, repetition


# --- the internal form ---


def internal_form(
    path: str | Path, responses: np.ndarray, coordinates: Mapping[str, Any], attrs: Mapping[str, Any]
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
        OPTIONAL_COORDINATES (`map_stimuli` makes those of a map recording).
    attrs : mapping
        ``identifier``, ``simulated`` and what a reader has to say.

    Raises
    ------
    InputError
        Another number of values than of responses, a stimulus or neuroid that is there twice, or what
        `validate` refuses.
    """
    values = {name: _as_text(np.asarray(coordinates[name])) for name in _DIMENSION_OF if name in coordinates}
    sizes = dict(zip(DIMENSIONS, responses.shape, strict=True))
    for name, column in values.items():
        check_length(path, name, len(column), sizes[_DIMENSION_OF[name]])
    check_lists(path, values)
    recording = xr.DataArray(
        responses.astype(_float_type(responses), copy=False),
        dims=DIMENSIONS,
        coords={name: (_DIMENSION_OF[name], column) for name, column in values.items()},
        name=_VARIABLE,
        attrs=dict(attrs),
    )
    by = ("grid_x", "grid_y", "image_id") if is_map(recording) else ("stimulus_id",)
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
        axis = _DIMENSION_OF[name]
        raise InputError(f"{path}: {name}: {n} values, but responses of {size} (axis {axis})")


def check_lists(path: str | Path, coordinates: Mapping[str, Any]) -> None:
    """Raise InputError for names that are empty or there twice, and time bins that end before they begin."""
    for name in ("stimulus_id", "neuroid_id"):
        names = list(coordinates[name])
        if "" in names:
            raise InputError(f"{path}: {name}: '' is no name (number {names.index('') + 1})")
        twice = pd.Series(names, dtype=object).duplicated().to_numpy()
        if twice.any():
            raise InputError(f"{path}: {name}: {str(names[int(twice.argmax())])!r} is there twice")
    starts, ends = coordinates["time_bin_start"], coordinates["time_bin_end"]
    for start, end in zip(starts, ends, strict=True):
        if not (start <= end or (np.isnan([start, end]).all() and len(starts) == 1)):
            raise InputError(f"{path}: time_bin_start: {start:g} ms, but time_bin_end is {end:g} ms")


def map_stimuli(
    image_id: Sequence[str], grid_y: Sequence[int], grid_x: Sequence[int]
) -> dict[str, Sequence[Any]]:
    """Return the coordinates, names included, of stimuli that are images at grid positions."""
    names = [f"{image}/{y:02d}-{x:02d}" for image, y, x in zip(image_id, grid_y, grid_x, strict=True)]
    places = {"image_id": image_id, "grid_y": grid_y, "grid_x": grid_x}
    return {"stimulus_id": names, "object_name": [""] * len(names), **places}


def is_map(recording: xr.DataArray) -> bool:
    """Whether the stimuli are images at grid positions."""
    return {"image_id", "grid_y", "grid_x"} <= set(recording.coords)


def images(recording: xr.DataArray) -> list[str]:
    """Name (n_stimuli,) of the image that each stimulus shows: of a map recording's, its image_id."""
    return [str(name) for name in recording["image_id" if is_map(recording) else "stimulus_id"].values]


def grid(recording: xr.DataArray, path: str | Path = "recording") -> tuple[int, int, int]:
    """Return (n_images, height, width) of a map recording.

    Its stimuli are in this order: ``values.reshape(n_images, height, width, ...)`` are maps.

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


def _float_type(values: np.ndarray) -> np.dtype:
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
    if is_map(recording):
        grid(recording, path)


# --- the internal form on disk ---


def write_recording(path: str | Path, recording: xr.DataArray) -> None:
    """Write the internal form as netCDF-4, whole or not at all."""
    _write_netcdf(path, recording, _VARIABLE)


def read_recording(path: str | Path) -> xr.DataArray:
    """Read the internal form back; attribute ``simulated`` is 0 or 1."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such recording")
    with _open(path) as dataset:
        if _VARIABLE not in dataset or dataset[_VARIABLE].dims != DIMENSIONS:
            raise InputError(f"{path}: no variable {_VARIABLE!r} with dimensions {', '.join(DIMENSIONS)}")
        recording = _load(path, dataset[_VARIABLE])
    # Back to the types that were written: netCDF knows neither Python's strings nor its integers.
    texts = {
        n: (recording[n].dims, _as_text(recording[n].values)) for n in _DIMENSION_OF if n in recording.coords
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


def _write_netcdf(path: str | Path, array: xr.DataArray, name: str) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        array.rename(name).to_netcdf(temporary, engine="h5netcdf")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
