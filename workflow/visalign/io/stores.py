"""Zarr stores that are complete or absent, and their manifests.

Work goes to ``X.zarr.partial``; `publish` renames it to ``X.zarr`` and then writes the manifest
``X.json`` (shapes, dtypes, content hashes, nothing else), which is what later stages compare.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import zarr

from visalign.errors import InputError
from visalign.io.files import Json, write_json

#: Bytes of one inner chunk, the unit in which features are read back.
CHUNK_BYTES = 4 << 20

# Zarr v3 has not yet frozen the encoding of fixed-length strings, which stimulus ids are, nor
# consolidated metadata, which lets xarray open a store without listing its files.
warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part.*")
# Looking for chunks that are all zero, so as not to write them, takes three times as long as writing.
zarr.config.set({"array.write_empty_chunks": True})


class Digest(Protocol):
    """A hash of hashlib's, as far as it is needed."""

    def update(self, content: Any, /) -> None:
        """Go on with the bytes of an array."""

    def hexdigest(self) -> str:
        """Hash of all bytes so far."""


class ArrayManifest(TypedDict):
    """What is inside an array of a store."""

    shape: list[int]
    dtype: str
    sha256: str  # of its values


class Manifest(TypedDict):
    """What is inside a store: its arrays by name."""

    arrays: dict[str, ArrayManifest]


def partial_path(path: str | Path) -> Path:
    """Where a store is while it is being written."""
    return Path(f"{path}.partial")


def open_partial(path: str | Path, identity: Json) -> zarr.Group:
    """Open the partial store of `path`, resuming one of the same identity.

    Parameters
    ----------
    identity : dict
        What decides the content (JSON values). A partial store of another identity is deleted.

    Returns
    -------
    zarr.Group
        Empty, or with the arrays and attributes that an interrupted run left.
    """
    partial = partial_path(path)
    if partial.exists():
        try:
            group = zarr.open_group(partial, mode="r+")
            if dict(group.attrs).get("identity") == identity:
                for unfinished in partial.rglob("*.partial"):  # zarr's own, of a write that was killed
                    unfinished.unlink()
                return group
        except (OSError, ValueError, KeyError):
            pass  # killed before its metadata was whole: start over
        shutil.rmtree(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    return zarr.open_group(partial, mode="w", attributes={"identity": identity})


def create_array(
    group: zarr.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: Any,
    dimensions: tuple[str, ...],
    *,
    rows: int,
) -> zarr.Array:
    """Create an array sharded by `rows` first-axis entries, chunked along the second axis.

    A shard is written once, whole, by one batch; a reader of all rows and a few columns
    touches only the chunks that it needs.
    """
    rows = max(1, min(rows, shape[0]))
    if len(shape) == 1:
        return group.create_array(
            name, shape=shape, dtype=dtype, chunks=(rows,), dimension_names=dimensions, overwrite=True
        )
    column_bytes = rows * int(np.prod(shape[2:], dtype=np.int64)) * np.dtype(dtype).itemsize
    blocks = -(-shape[1] // int(np.clip(CHUNK_BYTES // max(column_bytes, 1), 1, shape[1])))
    columns = -(-shape[1] // blocks)  # equal blocks: what fills the last one up would be written too
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(rows, columns, *shape[2:]),
        shards=(rows, columns * blocks, *shape[2:]),
        compressors=None,
        dimension_names=dimensions,
        overwrite=True,
    )


def write_strings(group: zarr.Group, name: str, values: list[str], dimension: str) -> None:
    """Write a one-dimensional array of strings."""
    array = np.asarray(values, dtype=np.str_)
    stored = group.create_array(
        name, shape=array.shape, dtype=array.dtype, dimension_names=(dimension,), overwrite=True
    )
    stored[:] = array


def provenance(**values: Any) -> Json:
    """Attributes that say how a store was made: command, library versions and `values`."""
    versions = {"python": sys.version.split()[0]}
    for package in ("torch", "timm", "numpy", "zarr"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"command": ["visalign", *sys.argv[1:]], "versions": versions, **values}


def hash_values(values: np.ndarray, digest: Digest) -> None:
    """Feed the bytes of an array to a hashlib digest."""
    digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8))


def hash_rows(array: zarr.Array, digest: Digest, stop: int) -> None:
    """Feed the first `stop` rows of an array to a hashlib digest, a shard of rows at a time."""
    rows = (array.shards or array.chunks)[0]
    for start in range(0, stop, rows):
        hash_values(np.asarray(array[start : min(start + rows, stop)]), digest)


def array_manifest(array: zarr.Array, digest: Digest | None = None) -> ArrayManifest:
    """Shape, dtype and content hash of an array; `digest` where its content was hashed already."""
    if digest is None:
        digest = hashlib.sha256()
        if array.ndim == 0:
            hash_values(np.asarray(array[...]), digest)
        else:
            hash_rows(array, digest, array.shape[0])
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest.hexdigest()}


def publish(
    path: str | Path,
    manifest: str | Path,
    attributes: Json,
    digests: dict[str, Digest] | None = None,
) -> None:
    """Make the partial store of `path` the final one, then write its manifest.

    Parameters
    ----------
    attributes : dict
        Provenance, kept in the store and outside the manifest.
    digests : dict of str to hashlib digest, optional
        Of arrays whose rows were hashed, in order, as they were written.
    """
    partial = partial_path(path)
    group = zarr.open_group(partial, mode="r+")
    group.attrs.update(attributes)
    members = sorted(group.members(max_depth=None))
    arrays = {
        name: array_manifest(part, (digests or {}).get(name))
        for name, part in members
        if isinstance(part, zarr.Array)
    }
    zarr.consolidate_metadata(group.store)
    if Path(path).exists():
        shutil.rmtree(path)
    os.replace(partial, path)
    content: Manifest = {"arrays": arrays}
    write_json(manifest, content)


def open_store(path: str | Path) -> zarr.Group:
    """Open a finished store for reading."""
    try:
        return zarr.open_group(path, mode="r")
    except (FileNotFoundError, ValueError):
        raise InputError(f"{path}: no such store (an unfinished one ends in .partial)") from None


def array(group: zarr.Group, name: str) -> zarr.Array:
    """Return an array of a store; a missing one is an InputError."""
    found = group.get(name)
    if not isinstance(found, zarr.Array):
        raise InputError(f"{group.store_path}: no array {name!r}")
    return found


def values(group: zarr.Group, name: str) -> np.ndarray:
    """Read a whole array of a store into memory."""
    return np.asarray(array(group, name)[...])


def strings(group: zarr.Group, name: str = "stimulus_id") -> list[str]:
    """Read an array of strings as a list."""
    return [str(value) for value in values(group, name)]


def attribute(group: zarr.Group, name: str, default: Any = None) -> Any:
    """Return a JSON attribute of a store."""
    return dict(group.attrs).get(name, default)
