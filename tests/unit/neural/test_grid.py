"""Claims about grid positions: features are pooled where they belong, activity over them is compared."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from visalign.errors import InputError
from visalign.neural import grid as spatial
from visalign.neural.grid import Protocol
from visalign.stimuli.resampling import area_matrix


@pytest.mark.parametrize(("n_in", "n_out"), [(14, 7), (8, 4), (7, 7), (17, 17)])
def test_pooling_to_a_divisor_is_torchs_adaptive_mean(n_in, n_out):
    features = np.random.default_rng(0).standard_normal((2, 3, n_in, n_in)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(features), n_out).numpy()
    found = spatial.at_positions(features, n_out).reshape(2, n_out, n_out, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("n_in", "n_out"), [(7, 17), (4, 9), (1, 5)])
def test_coarser_layers_are_interpolated_as_torch_does(n_in, n_out):
    features = np.random.default_rng(0).standard_normal((2, 3, n_in, n_in)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(features), (n_out, n_out), mode="bilinear"
    ).numpy()
    found = spatial.at_positions(features, n_out).reshape(2, n_out, n_out, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("n_in", [15, 20, 112])
def test_area_means_share_cells_between_positions_and_keep_the_mean(n_in):
    weights = area_matrix(n_in, 7)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights.mean(axis=0), 1 / n_in)


def test_every_layout_gives_the_same_features():
    features = np.random.default_rng(0).standard_normal((2, 5, 3, 4))
    tokens = np.concatenate([np.zeros((2, 1, 5)), features.transpose(0, 2, 3, 1).reshape(2, 12, 5)], axis=1)
    for values, axes in (
        (features, ("channel", "y", "x")),
        (features.transpose(0, 2, 3, 1), ("y", "x", "channel")),
        (tokens, ("token", "channel")),
    ):
        np.testing.assert_array_equal(spatial.channels_first(values, axes, [3, 4]), features)


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
    features = np.random.default_rng(0).standard_normal((1, 3, 7, 7))
    both = np.concatenate([features, 5 * features + 2])
    one, other = np.split(spatial.at_positions(both, 7, minmax=True), 2)
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert one.min() == 0 and one.max() == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whole_image", (None, False)),
        ("grid-7", (7, False)),
        ("grid-17-minmax", (17, True)),
    ],
)
def test_protocols_have_names(name, expected):
    protocol = Protocol.parse(name)
    assert (protocol.grid, protocol.minmax) == expected and protocol.name == name


@pytest.mark.parametrize("name", ["grid", "map-7", "grid-", "grid-7-max", "image"])
def test_an_unknown_protocol_is_named(name):
    with pytest.raises(InputError, match=f"protocol: '{name}' is not"):
        Protocol.parse(name)


def test_site_mean_activity_is_compared_by_rank_at_both_grids():
    rng = np.random.default_rng(0)
    predicted, measured = rng.standard_normal((2, 64, 6))
    a, b = (v.mean(axis=1).reshape(8, 8) for v in (predicted, measured))
    quarter = [m.reshape(4, 2, 4, 2).mean(axis=(1, 3)).ravel() for m in (a, b)]
    assert spatial.grid_spearman(predicted, measured, 8) == pytest.approx(spearmanr(a.ravel(), b.ravel())[0])
    assert spatial.grid_spearman(predicted, measured, 8, 2) == pytest.approx(spearmanr(*quarter)[0])
