"""Readers of plain .npy and .npz files: numbers, and words for groups; nothing that has to be unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from visalign.errors import InputError


def read_npy(path: str | Path) -> np.ndarray:
    """Read a .npy array of any type that needs no unpickling, in this machine's byte order and C order.

    Raises
    ------
    InputError
        No such file, no .npy file, or an array of objects.
    """
    array = _load(path, None)
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False)).reshape(array.shape)


def _load(path: str | Path, mmap_mode: Literal["r"] | None) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, EOFError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "object" in reason.lower():
            reason = (
                "an array of Python objects: save it as numbers (.astype(float)) or as text (.astype(str))"
            )
        elif "pickle" in reason:
            reason = "neither .npy nor numbers (save it with numpy.save)"
        raise InputError(f"{path}: not a plain .npy array: {reason}") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(
            f"{path}: not a plain .npy array: an archive of arrays (.npz): save one with numpy.save"
        )
    return array


def shape_of_numbers(path: str | Path, ndims: tuple[int, ...], expected: str) -> tuple[int, ...]:
    """Shape of a .npy array of numbers, without reading them; arguments and errors as of `read_numbers`."""
    array = _load(path, "r")
    if array.ndim not in ndims or array.dtype.kind not in "iufb" or not array.size:
        raise InputError(f"{path}: shape {array.shape}, type {array.dtype}; expected numbers {expected}")
    return array.shape


def read_numbers(
    path: str | Path, ndims: tuple[int, ...], expected: str, missing: bool = False
) -> np.ndarray:
    """Read a .npy array of numbers; all but floats of 2, 4 and 8 bytes become float64, False 0 and True 1.

    Parameters
    ----------
    ndims : tuple of int
        Allowed numbers of dimensions, which errors call `expected`.
    missing : bool
        Whether NaN is allowed.

    Raises
    ------
    InputError
        What `read_npy` refuses, words or complex numbers, another shape, an empty array, or values that are
        infinite or, unless `missing`, NaN.
    """
    shape_of_numbers(path, ndims, expected)
    array = read_npy(path)
    kept = array.dtype.kind == "f" and array.dtype.itemsize <= 8
    array = array if kept else array.astype(np.float64)
    bad = np.isinf(array) if missing else ~np.isfinite(array)
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise InputError(f"{path}: {int(bad.sum())} values are not finite, the first at {first}")
    return array


def read_npz(
    path: str | Path, required: Sequence[str], optional: Sequence[str] = (), advice: str = ""
) -> dict[str, np.ndarray]:
    """Read the named arrays of an npz file; a pickled one is never loaded.

    Raises
    ------
    InputError
        No npz file, or an array that is missing, unreadable or pickled (then with `advice`); names file and
        field.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not an npz archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            fields = [field for field in archive.files if field in (*required, *optional)]
            arrays = {field: _read_array(path, archive, field, advice) for field in fields}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise InputError(f"{path}: not a readable npz archive: {error}") from None
    for field in required:
        if field not in arrays:
            raise InputError(f"{path}: no field {field!r} (fields: {', '.join(sorted(arrays))})")
    return arrays


def _read_array(path: Path, archive: np.lib.npyio.NpzFile, field: str, advice: str) -> np.ndarray:
    try:
        return archive[field]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise InputError(f"{path}: {field}: unreadable: {error}") from None
        raise InputError(f"{path}: {field}: a pickled object array, which is never loaded{advice}") from None
