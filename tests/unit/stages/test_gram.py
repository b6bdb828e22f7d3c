"""Claims about the stage gram: what it stores of whole images and of grid positions, and golden values."""

import golden
import numpy as np
import pytest

from visalign.cli import main
from visalign.gram import matrix, reduction
from visalign.gram import store as gram_store
from visalign.gram.matrix import with_gram
from visalign.io import dask_client, stores
from visalign.neural import grid as spatial


@pytest.fixture
def features(tmp_path):
    """A feature store of ten images: a wide layer, a narrow one, a vector, logits."""
    rng = np.random.default_rng(0)
    group = stores.open_partial(tmp_path / "f.zarr", {})
    shapes = {"wide": (40, 6, 6), "narrow": (3, 14, 14), "vector": (3,), "logits": (5,)}
    for layer, shape in shapes.items():
        axes = {1: ("channel",), 3: ("channel", "y", "x")}[len(shape)]
        dims = ("stimulus", *(f"{layer}_{axis}" for axis in axes))
        array = stores.create_array(group, layer, (10, *shape), np.float16, dims, rows=4)
        array[:] = rng.standard_normal((10, *shape)) + 3
    stores.write_strings(group, "stimulus_id", [f"s{i}" for i in range(10)], "stimulus")
    group.attrs["layers"] = list(shapes)
    stores.publish(tmp_path / "f.zarr", tmp_path / "f.json", {})
    return tmp_path


def run_gram(folder, protocol, *more):
    output = [f"--output={folder}/{protocol}.zarr", f"--manifest={folder}/{protocol}.json"]
    given = [f"--features={folder}/f.zarr", f"--features-manifest={folder}/f.json", f"--protocol={protocol}"]
    main(["gram", *given, *output, *more])
    return stores.open_store(folder / f"{protocol}.zarr")


def test_whole_images_have_the_gram_of_all_features_and_few_features_are_kept_as_they_are(features):
    store = run_gram(features, "whole_image", "--dtype", "float64")
    assert stores.attribute(store, "layers") == ["wide", "narrow", "vector"]
    assert "vector/X" in store and "wide/K" in store
    source = stores.open_store(features / "f.zarr")
    order = np.array([3, 1, 7])
    for layer in ("wide", "vector"):
        X = np.float64(source[layer][:]).reshape(10, -1)
        read = with_gram(gram_store.read(str(features / "whole_image.zarr"), layer, order))
        centred = (X - X.mean(axis=0))[order]
        distance = np.diag(read["K"])[:, None] + np.diag(read["K"]) - 2 * read["K"]  # free of the shift
        expected = ((centred[:, None] - centred) ** 2).sum(-1)
        np.testing.assert_allclose(distance, expected, atol=1e-9 * expected.max())
        np.testing.assert_allclose(read["row_sum"], X[order].sum(axis=1), rtol=1e-12)


def test_positions_are_rows_and_layers_without_any_are_left_out_and_named(features, capsys):
    store = run_gram(features, "grid-7")
    assert stores.attribute(store, "layers") == ["wide", "narrow"]
    assert stores.attribute(store, "skipped") == {"vector": "has no positions"}
    assert stores.strings(store)[:2] == ["s0/00-00", "s0/00-01"] and len(stores.strings(store)) == 490
    source = np.float32(stores.open_store(features / "f.zarr")["narrow"][:])
    np.testing.assert_allclose(stores.values(store, "narrow/X"), spatial.at_positions(source, 7), rtol=1e-6)


def test_the_gram_of_a_reduction_is_that_of_one_block(features, monkeypatch):
    layer = stores.array(stores.open_store(features / "f.zarr"), "wide")
    whole = matrix.gram([np.asarray(layer[:]).reshape(10, -1)], np.float64)
    monkeypatch.setattr(reduction, "column_ranges", lambda a: [slice(i, i + 3) for i in range(0, 40, 3)])
    found = []
    for threads in (1, 2):
        with dask_client.connect(threads=threads) as client:
            found.append(reduction.reduce_gram(client, layer, np.float64))
    np.testing.assert_allclose(found[0]["K"], whole["K"], rtol=0, atol=1e-10 * np.abs(whole["K"]).max())
    for name in whole:
        np.testing.assert_array_equal(found[0][name], found[1][name])


class Counted(dict):
    """Matrices that are counted while they are there."""

    alive = most = 0

    def __init__(self, *values):
        super().__init__(*values)
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self):
        Counted.alive -= 1


def test_few_matrices_of_many_blocks_are_held_at_a_time(features, monkeypatch):
    layer = stores.array(stores.open_store(features / "f.zarr"), "wide")
    for name in ("block_gram", "add"):
        function = getattr(reduction, name)
        monkeypatch.setattr(reduction, name, lambda *given, of=function: Counted(of(*given)))
    monkeypatch.setattr(reduction, "column_ranges", lambda a: [slice(i, i + 1) for i in range(32)])
    with dask_client.connect() as client:
        reduction.reduce_gram(client, layer, np.float64)
    assert 1 < Counted.most <= 5 + 2  # one for each doubling to 32, and the two of a sum


def test_features_without_layers_are_refused(tmp_path, capsys):
    group = stores.open_partial(tmp_path / "f.zarr", {})
    stores.write_strings(group, "stimulus_id", ["a"], "stimulus")
    group.attrs["layers"] = ["logits"]
    stores.publish(tmp_path / "f.zarr", tmp_path / "f.json", {})
    with pytest.raises(SystemExit):
        run_gram(tmp_path, "whole_image")
    assert "holds logits only" in capsys.readouterr().err


def test_results_of_gram_are_those_of_its_version(features):
    found = {}
    for protocol in ("whole_image", "grid-3", "grid-3-minmax"):
        store = run_gram(features, protocol)
        for layer in stores.attribute(store, "layers"):
            for name in ("X", *gram_store.SUMS[:-1], "K"):
                if f"{layer}/{name}" in store:
                    values = stores.values(store, f"{layer}/{name}")
                    first = values.ravel()[:3].astype(float)
                    found[f"{protocol}/{layer}/{name}"] = [*values.shape, values.astype(float).std(), *first]
    golden.check("gram", "gram", found)
