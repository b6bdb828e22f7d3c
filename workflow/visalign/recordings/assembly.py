"""Brain-Score assemblies, a public file format of neural recordings.

An *assembly* is the public file format: a netCDF variable (presentation, neuroid, time_bin) with coordinates
``stimulus_id`` (older files: ``image_id``), ``repetition``, ``object_name`` on presentation; ``neuroid_id``,
``region``, ``animal`` or ``subject``, sometimes ``x`` and ``y`` on neuroid; ``time_bin_start`` and
``time_bin_end`` (ms) on time_bin. Without the dimension time_bin it is one window, whose borders are NaN, and
whose name is empty, where neither coordinate is there. Ids that are numbers are named by these: 1.0 is "1".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from visalign.errors import InputError
from visalign.io import checksums, delimited
from visalign.recordings import form


def write_assembly(
    path: str | Path,
    responses: np.ndarray,
    stimulus_id: Sequence[str],
    object_name: Sequence[str],
    neuroid_id: Sequence[str],
    region: Sequence[str],
    subject: Sequence[str],
    time_bins: Sequence[tuple[float, float]],
    attrs: Mapping[str, str | int] | None = None,
) -> None:
    """Write responses as a Brain-Score-style assembly, one presentation per stimulus and repetition.

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
    form.write_netcdf(path, assembly, str(assembly.attrs.get("identifier", form.VARIABLE)))


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
        attrs: dict[str, str | int] = {
            "identifier": str(assembly.attrs.get("identifier", assembly.name)),
            "simulated": int(_truth(assembly.attrs.get("simulated", 0))),
        }
        # One piece of the file, in its order: xarray reads what is transposed before, or chosen one by one,
        # value by value, in gigabytes.
        first, last = np.flatnonzero(chosen)[[0, -1]]
        piece = slice(first, last + 1)
        loaded = form.load(path, assembly.isel(neuroid=piece)).isel(neuroid=chosen[piece])
        assembly = loaded.transpose("presentation", "neuroid", "time_bin")
    attrs["n_neuroids_other_regions"] = int((~chosen).sum())
    coordinates = {
        name: values[chosen] if form.DIMENSION_OF[name] == "neuroid" else values
        for name, values in coordinates.items()
    }
    responses, coordinates = _by_stimulus(path, assembly.values, coordinates)
    return form.internal_form(path, responses, coordinates, attrs)


@contextmanager
def opened(
    path: Path, region: str | None
) -> Iterator[tuple[xr.DataArray, dict[str, np.ndarray], np.ndarray]]:
    """Open an assembly without reading its responses: the variable, its coordinates, the chosen neuroids."""
    if not path.is_file():
        raise InputError(f"{path}: no such assembly")
    with form.open_netcdf(path) as dataset:
        assembly = _assembly_variable(path, dataset)
        coordinates = _assembly_coordinates(path, assembly)
        yield assembly, coordinates, form.chosen_neuroids(path, coordinates["region"], region)


def _truth(value: object) -> bool:
    return value.lower() in ("1", "true") if isinstance(value, str) else bool(value)


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


def _name(path: Path, name: str, value: object) -> str:
    """A name of a coordinate: numbers as written whole, a missing one (NaN) empty."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InputError(f"{path}: {name}: {value!r} is not UTF-8") from None
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else str(int(value)) if float(value).is_integer() else str(value)
    return str(value)


def _by_stimulus(
    path: Path, values: np.ndarray, coordinates: dict[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Sort presentations into (stimulus, repetition); `values` is (presentation, neuroid, time_bin)."""
    stimuli, stimulus, repetition = presentations(path, coordinates)
    shape = (len(stimuli["stimulus_id"]), len(stimuli["repetition"]), *values.shape[1:])
    responses = np.full(shape, np.nan, dtype=form.float_type(values))
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
