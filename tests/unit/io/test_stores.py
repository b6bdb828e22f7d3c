"""Claims about stores: complete or absent, resumed only when they are the same."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visalign.errors import InputError
from visalign.io import stores

VALUES = np.arange(60, dtype=np.float32).reshape(10, 6)


def fill(path, identity=None, values=VALUES):
    group = stores.open_partial(path, identity or {"a": 1})
    array = stores.create_array(group, "x", values.shape, values.dtype, ("stimulus", "x_channel"), rows=4)
    array[:] = values
    stores.write_strings(group, "stimulus_id", [f"s{i}" for i in range(len(values))], "stimulus")
    return group


def test_a_published_store_reads_back(tmp_path):
    fill(tmp_path / "x.zarr")
    stores.publish(tmp_path / "x.zarr", tmp_path / "x.json", {"model": "m"})
    group = stores.open_store(tmp_path / "x.zarr")
    np.testing.assert_array_equal(group["x"][:], VALUES)
    assert stores.strings(group) == [f"s{i}" for i in range(10)]
    assert group.attrs["model"] == "m"
    assert not stores.partial_path(tmp_path / "x.zarr").exists()


def test_a_manifest_holds_shapes_dtypes_and_hashes_only(tmp_path):
    fill(tmp_path / "x.zarr")
    stores.publish(tmp_path / "x.zarr", tmp_path / "x.json", stores.provenance(model="m"))
    manifest = json.loads((tmp_path / "x.json").read_text())
    assert set(manifest) == {"arrays"}
    assert set(manifest["arrays"]) == {"x", "stimulus_id"}
    sha256 = hashlib.sha256(VALUES.tobytes()).hexdigest()
    assert manifest["arrays"]["x"] == {"shape": [10, 6], "dtype": "float32", "sha256": sha256}


def test_a_manifest_depends_on_content_not_on_provenance(tmp_path):
    for name in ("x", "y"):
        fill(tmp_path / f"{name}.zarr", {"identity": name})
        stores.publish(tmp_path / f"{name}.zarr", tmp_path / f"{name}.json", {"command": name})
    fill(tmp_path / "z.zarr", values=VALUES + 1)
    stores.publish(tmp_path / "z.zarr", tmp_path / "z.json", {})
    x, y, z = ((tmp_path / f"{name}.json").read_bytes() for name in "xyz")
    assert x == y != z


@given(rows=st.integers(1, 12), columns=st.integers(1, 9))
def test_the_hash_does_not_depend_on_shards(tmp_path_factory, rows, columns):
    group = stores.open_partial(tmp_path_factory.mktemp("store") / "x.zarr", {})
    values = np.random.default_rng(0).random((9, columns))
    array = stores.create_array(group, "x", values.shape, values.dtype, ("s", "c"), rows=rows)
    array[:] = values
    assert stores.array_manifest(array)["sha256"] == hashlib.sha256(values.tobytes()).hexdigest()


def test_a_store_is_few_files(tmp_path):
    group = stores.open_partial(tmp_path / "x.zarr", {})
    array = stores.create_array(group, "x", (100, 256, 64, 64), np.float16, ("s", "c", "y", "x"), rows=50)
    assert array.chunks[1] < 256, "a layer this large has several chunks a shard"
    array[:50] = 1
    array[50:] = 1
    assert sum(file.is_file() for file in (tmp_path / "x.zarr.partial").rglob("*")) == 4


def test_an_unfinished_store_is_not_a_store(tmp_path):
    fill(tmp_path / "x.zarr")
    assert not (tmp_path / "x.zarr").exists() and not (tmp_path / "x.json").exists()
    with pytest.raises(InputError, match=r"x\.zarr: no such store"):
        stores.open_store(tmp_path / "x.zarr")


def test_an_empty_directory_is_not_a_store(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(InputError, match="no such store"):
        stores.open_store(tmp_path / "x.zarr")


def test_an_unfinished_store_of_the_same_identity_is_resumed(tmp_path):
    fill(tmp_path / "x.zarr").attrs["complete"] = 4
    group = stores.open_partial(tmp_path / "x.zarr", {"a": 1})
    assert group.attrs["complete"] == 4
    np.testing.assert_array_equal(group["x"][:], VALUES)


@pytest.mark.parametrize("identity", [{"a": 2}, {}, {"a": 1, "b": 1}])
def test_an_unfinished_store_of_another_identity_is_discarded(tmp_path, identity):
    fill(tmp_path / "x.zarr").attrs["complete"] = 4
    group = stores.open_partial(tmp_path / "x.zarr", identity)
    assert list(group) == [] and "complete" not in group.attrs


@pytest.mark.parametrize("content", ["", '{"zarr_format": 3, "node', None])
def test_an_unfinished_store_without_whole_metadata_is_discarded(tmp_path, content):
    fill(tmp_path / "x.zarr")
    metadata = tmp_path / "x.zarr.partial/zarr.json"
    metadata.unlink() if content is None else metadata.write_text(content)
    assert list(stores.open_partial(tmp_path / "x.zarr", {"a": 1})) == []


def test_publishing_replaces_the_store_before(tmp_path):
    for values in (VALUES, VALUES[:3] * 2):
        fill(tmp_path / "x.zarr", values=values)
        stores.publish(tmp_path / "x.zarr", tmp_path / "x.json", {})
    np.testing.assert_array_equal(stores.open_store(tmp_path / "x.zarr")["x"][:], VALUES[:3] * 2)
    assert json.loads((tmp_path / "x.json").read_text())["arrays"]["x"]["shape"] == [3, 6]


def test_starting_over_leaves_the_published_store_alone(tmp_path):
    fill(tmp_path / "x.zarr")
    stores.publish(tmp_path / "x.zarr", tmp_path / "x.json", {})
    fill(tmp_path / "x.zarr", {"a": 2}, VALUES + 1)
    np.testing.assert_array_equal(stores.open_store(tmp_path / "x.zarr")["x"][:], VALUES)


def test_a_published_store_refuses_writes(tmp_path):
    fill(tmp_path / "x.zarr")
    stores.publish(tmp_path / "x.zarr", tmp_path / "x.json", {})
    with pytest.raises(ValueError, match="read-only"):
        stores.open_store(tmp_path / "x.zarr")["x"][:] = 0


def test_xarray_opens_a_store_of_layers_of_different_sizes(tmp_path):
    xarray = pytest.importorskip("xarray")
    group = fill(tmp_path / "x.zarr")
    stores.create_array(
        group, "y", (10, 3, 2, 2), np.float16, ("stimulus", "y_channel", "y_y", "y_x"), rows=4
    )[:] = 7
    stores.publish(tmp_path / "x.zarr", tmp_path / "x.json", {"model": "m"})
    with xarray.open_zarr(tmp_path / "x.zarr", consolidated=False) as dataset:
        assert dict(dataset.sizes) == {"stimulus": 10, "x_channel": 6, "y_channel": 3, "y_y": 2, "y_x": 2}
        np.testing.assert_array_equal(dataset["x"], VALUES)
        assert dataset["stimulus_id"].values.tolist() == [f"s{i}" for i in range(10)]
        assert (dataset["y"] == 7).all() and dataset.attrs["model"] == "m"


def test_a_writer_killed_without_warning_leaves_no_store(tmp_path):
    code = (
        "import os, signal, sys, numpy as np\n"
        "from visalign.io import stores\n"
        "group = stores.open_partial(sys.argv[1], {})\n"
        "array = stores.create_array(group, 'x', (8, 2), np.float32, ('s', 'c'), rows=4)\n"
        "array[:4] = 1\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.zarr")])
    assert done.returncode == -9
    with pytest.raises(InputError):
        stores.open_store(tmp_path / "x.zarr")
    np.testing.assert_array_equal(stores.open_partial(tmp_path / "x.zarr", {})["x"][:4], np.ones((4, 2)))


def test_shards_of_wide_layers_are_not_filled_up(tmp_path):
    group = stores.open_partial(tmp_path / "s.zarr", {})
    array = stores.create_array(
        group, "a", (16, 32, 112, 112), np.float16, ("stimulus", "channel", "y", "x"), rows=16
    )
    # 10 columns fit into a chunk; of 4 blocks of 10 a fifth would be filling.
    assert array.chunks == (16, 8, 112, 112) and array.shards == (16, 32, 112, 112)
