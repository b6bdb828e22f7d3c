"""Neural recordings: Brain-Score assemblies and the one internal form.

An *assembly* is the public file format: a netCDF variable (presentation, neuroid, time_bin) with coordinates
``stimulus_id`` (older files: ``image_id``), ``repetition``, ``object_name`` on presentation; ``neuroid_id``,
``region``, ``animal`` or ``subject`` on neuroid; ``time_bin_start`` and ``time_bin_end`` (ms) on time_bin.

The *internal form* is an `xarray.DataArray` (stimulus, repetition, neuroid, time_bin), NaN where a repetition
is missing, with coordinates ``stimulus_id``, ``object_name``; ``repetition``; ``neuroid_id``, ``region``,
``subject``; ``time_bin_start``, ``time_bin_end``; each dimension sorted (by stimulus_id, by repetition, by
neuroid_id, by time), attributes ``identifier`` and ``simulated`` (0 or 1).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from visalign.errors import InputError

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
    if not path.is_file():
        raise InputError(f"{path}: no such assembly")
    if sha1:
        check_sha1(path, sha1)
    with _open(path) as dataset:
        assembly = _assembly_variable(path, dataset)
        attrs = {
            "identifier": str(assembly.attrs.get("identifier", assembly.name)),
            "simulated": int(_truth(assembly.attrs.get("simulated", 0))),
        }
        coordinates = _assembly_coordinates(path, assembly)
        chosen = _chosen_neuroids(path, coordinates, region)
        assembly = assembly.transpose("presentation", "neuroid", "time_bin")
        assembly = _load(path, assembly if chosen.all() else assembly.isel(neuroid=chosen))
    for name in ("neuroid_id", "region", "subject"):
        coordinates[name] = coordinates[name][chosen]
    recording = _internal_form(path, assembly.values, coordinates)
    recording.attrs = attrs | {"n_neuroids_other_regions": int((~chosen).sum())}
    validate(path, recording)
    return recording


def check_sha1(path: str | Path, sha1: str) -> None:
    """Raise InputError where the file's SHA-1 is another one."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha1").hexdigest()
    if found != sha1.lower():
        raise InputError(f"{path}: sha1: {found}, expected {sha1}")


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
    names, count = np.unique(coordinates["neuroid_id"], return_counts=True)
    if (count > 1).any():
        raise InputError(f"{path}: neuroid_id: {str(names[count > 1][0])!r} is there twice")
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
            if values.dtype.kind == "S" or (values.dtype == object and isinstance(values[0], bytes)):
                values = np.array([v.decode() for v in values])
            try:
                return values if dtype is None else values.astype(dtype)
            except (TypeError, ValueError):
                raise InputError(f"{path}: {name}: {str(values[0])!r} is not a number") from None
    if default is None:
        raise InputError(f"{path}: no coordinate {' or '.join(map(repr, names))}")
    return default


def _chosen_neuroids(path: Path, coordinates: dict[str, np.ndarray], region: str | None) -> np.ndarray:
    regions = coordinates["region"]
    chosen = np.ones(len(regions), dtype=bool) if region is None else regions == region
    if not chosen.any():
        there = ", ".join(sorted(set(filter(None, regions.tolist())))) or "none"
        raise InputError(f"{path}: region: no neuroid in {region!r} (regions: {there})")
    return chosen


def _internal_form(path: Path, values: np.ndarray, coordinates: dict[str, np.ndarray]) -> xr.DataArray:
    """Sort presentations into (stimulus, repetition); `values` is (presentation, neuroid, time_bin)."""
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
    neuroids = np.argsort(coordinates["neuroid_id"], kind="stable")
    bins = np.lexsort((coordinates["time_bin_end"], coordinates["time_bin_start"]))
    dtype = values.dtype if values.dtype.kind == "f" and values.dtype.itemsize >= 4 else np.dtype(np.float64)
    shape = (len(stimulus_id), len(repetitions), len(neuroids), len(bins))
    responses = np.full(shape, np.nan, dtype=dtype.newbyteorder("="))
    responses[stimulus, repetition] = values[:, neuroids][:, :, bins]
    sorted_coordinates = {"stimulus_id": stimulus_id, "object_name": object_name, "repetition": repetitions}
    sorted_coordinates |= {name: coordinates[name][neuroids] for name in ("neuroid_id", "region", "subject")}
    sorted_coordinates |= {name: coordinates[name][bins] for name in ("time_bin_start", "time_bin_end")}
    return xr.DataArray(
        responses,
        dims=DIMENSIONS,
        coords={name: (dim, _as_text(sorted_coordinates[name])) for name, dim in COORDINATES.items()},
        name=_VARIABLE,
    )


def _as_text(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind in "UT" else values


def validate(path: str | Path, recording: xr.DataArray) -> None:
    """Raise InputError for ±Inf, and for neuroids or stimuli without a single response."""
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
            window = time_windows(recording)[time_bin]
            raise InputError(f"{path}: {dim}_id: {name!r} has only missing responses (NaN) at {window} ms")


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
        n: (recording[n].dims, _as_text(recording[n].values)) for n in COORDINATES if n in recording.coords
    }
    attrs = {
        name: value.item() if hasattr(value, "item") else value for name, value in recording.attrs.items()
    }
    return recording.assign_coords(texts).assign_attrs(attrs)


def time_windows(recording: xr.DataArray) -> list[str]:
    """Name the time bins by their borders in ms, such as "70-170"."""
    borders = zip(recording.time_bin_start.values, recording.time_bin_end.values, strict=True)
    return [f"{start:g}-{end:g}" for start, end in borders]


def content_sha256(recording: xr.DataArray) -> str:
    """Hash responses, coordinates and attributes, whatever the bytes of the file that holds them."""
    digest = hashlib.sha256(repr(sorted((k, str(v)) for k, v in recording.attrs.items())).encode())
    for name in (None, *COORDINATES):
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
