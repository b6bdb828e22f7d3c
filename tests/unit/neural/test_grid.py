"""Claims about grid positions: features are pooled where they belong, maps are compared as maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from visalign.cli import main
from visalign.errors import InputError
from visalign.gram import matrix
from visalign.gram import store as gram_store
from visalign.gram.matrix import with_gram
from visalign.io import stores
from visalign.neural import grid as spatial
from visalign.neural.grid import Protocol
from visalign.stages import gram


@pytest.mark.parametrize(("n_in", "n_out"), [(14, 7), (8, 4), (7, 7), (17, 17)])
def test_pooling_to_a_divisor_is_torchs_adaptive_mean(n_in, n_out):
    maps = np.random.default_rng(0).standard_normal((2, 3, n_in, n_in)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), n_out).numpy()
    found = spatial.at_positions(maps, n_out).reshape(2, n_out, n_out, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("n_in", "n_out"), [(7, 17), (4, 9), (1, 5)])
def test_coarser_maps_are_interpolated_as_torch_does(n_in, n_out):
    maps = np.random.default_rng(0).standard_normal((2, 3, n_in, n_in)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps), (n_out, n_out), mode="bilinear"
    ).numpy()
    found = spatial.at_positions(maps, n_out).reshape(2, n_out, n_out, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("n_in", [15, 20, 112])
def test_area_means_share_cells_between_positions_and_keep_the_mean(n_in):
    weights = spatial.area_matrix(n_in, 7)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights.mean(axis=0), 1 / n_in)


def test_every_layout_gives_the_same_maps():
    maps = np.random.default_rng(0).standard_normal((2, 5, 3, 4))
    tokens = np.concatenate([np.zeros((2, 1, 5)), maps.transpose(0, 2, 3, 1).reshape(2, 12, 5)], axis=1)
    for values, axes in (
        (maps, ("channel", "y", "x")),
        (maps.transpose(0, 2, 3, 1), ("y", "x", "channel")),
        (tokens, ("token", "channel")),
    ):
        np.testing.assert_array_equal(spatial.channels_first(values, axes, [3, 4]), maps)


@pytest.mark.parametrize(
    ("shape", "axes", "grid", "reason"),
    [
        ((2, 5), ("channel",), None, "has no positions"),
        ((2, 10, 5), ("token", "channel"), None, "10 tokens that are not laid out"),
        ((2, 10, 5), ("token", "channel"), [4, 4], "10 tokens that are not laid out"),
    ],
)
def test_a_layer_without_positions_says_why(shape, axes, grid, reason):
    with pytest.raises(InputError, match=reason):
        spatial.channels_first(np.zeros(shape), axes, grid)


def test_the_released_scaling_hides_an_images_range():
    maps = np.random.default_rng(0).standard_normal((1, 3, 7, 7))
    both = np.concatenate([maps, 5 * maps + 2])
    one, other = np.split(spatial.at_positions(both, 7, minmax=True), 2)
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert one.min() == 0 and one.max() == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whole_image", (None, False)),
        ("map-7", (7, False)),
        ("map-17-minmax", (17, True)),
    ],
)
def test_protocols_have_names(name, expected):
    protocol = Protocol.parse(name)
    assert (protocol.grid, protocol.minmax) == expected and protocol.name == name


@pytest.mark.parametrize("name", ["map", "map-", "map-7-max", "image"])
def test_an_unknown_protocol_is_named(name):
    with pytest.raises(InputError, match=f"protocol: '{name}' is not"):
        Protocol.parse(name)


def test_site_mean_maps_are_compared_by_rank_at_both_grids():
    rng = np.random.default_rng(0)
    predicted, measured = rng.standard_normal((2, 64, 6))
    a, b = (v.mean(axis=1).reshape(8, 8) for v in (predicted, measured))
    quarter = [m.reshape(4, 2, 4, 2).mean(axis=(1, 3)).ravel() for m in (a, b)]
    assert spatial.map_spearman(predicted, measured, 8) == pytest.approx(spearmanr(a.ravel(), b.ravel())[0])
    assert spatial.map_spearman(predicted, measured, 8, 2) == pytest.approx(spearmanr(*quarter)[0])


# --- the stage gram ---


@pytest.fixture
def features(tmp_path):
    """A feature store of ten images: a wide map, a narrow one, a vector, logits."""
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
    main(["gram", f"--features={folder}/f.zarr", f"--features-manifest={folder}/f.json",
          f"--protocol={protocol}", *output, *more])  # fmt: skip
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
    store = run_gram(features, "map-7")
    assert stores.attribute(store, "layers") == ["wide", "narrow"]
    assert stores.attribute(store, "skipped") == {"vector": "has no positions"}
    assert stores.strings(store)[:2] == ["s0/00-00", "s0/00-01"] and len(stores.strings(store)) == 490
    source = np.float32(stores.open_store(features / "f.zarr")["narrow"][:])
    np.testing.assert_allclose(stores.values(store, "narrow/X"), spatial.at_positions(source, 7), rtol=1e-6)


def test_the_gram_of_a_reduction_is_that_of_one_block(features, monkeypatch):
    from visalign.io import dask_client

    layer = stores.array(stores.open_store(features / "f.zarr"), "wide")
    whole = matrix.gram([np.asarray(layer[:]).reshape(10, -1)], np.float64)
    monkeypatch.setattr(gram, "column_ranges", lambda a: [slice(i, i + 3) for i in range(0, 40, 3)])
    found = []
    for threads in (1, 2):
        with dask_client.connect(threads=threads) as client:
            found.append(gram.reduce_gram(client, layer, np.float64))
    np.testing.assert_allclose(found[0]["K"], whole["K"], rtol=0, atol=1e-10 * np.abs(whole["K"]).max())
    for name in whole:
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_features_without_layers_are_refused(tmp_path, capsys):
    group = stores.open_partial(tmp_path / "f.zarr", {})
    stores.write_strings(group, "stimulus_id", ["a"], "stimulus")
    group.attrs["layers"] = ["logits"]
    stores.publish(tmp_path / "f.zarr", tmp_path / "f.json", {})
    with pytest.raises(SystemExit):
        run_gram(tmp_path, "whole_image")
    assert "holds logits only" in capsys.readouterr().err
