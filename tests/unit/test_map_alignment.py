import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from visalign import human_maps, map_alignment
from visalign.transforms import Transform


@pytest.fixture
def maps():
    return np.random.default_rng(0).random((6, 32, 32)).astype(np.float32)


def test_rho_and_floor_equal_scipy(maps):
    other = np.random.default_rng(1).random(maps.shape) + maps
    alignment = map_alignment.align(maps, other, np.random.default_rng(2))
    rho = np.array([[scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic for b in other] for a in maps])
    np.testing.assert_allclose(alignment.rho, np.diag(rho), atol=1e-12)
    floor = (rho.sum(axis=1) - np.diag(rho)) / (len(maps) - 1)
    np.testing.assert_allclose(alignment.floor, floor, atol=1e-12)


def test_identical_maps_reach_the_ceiling_and_foreign_maps_the_floor(maps):
    rng = np.random.default_rng(3)
    same = map_alignment.summarise(map_alignment.align(maps, maps, rng), 1.0, rng, 200)
    assert same["floor_corrected"]["value"] == pytest.approx(1)
    # One centre bias in every map and nothing else: own maps fit no better than others.
    bias = np.hypot(*(np.mgrid[:32, :32] - 15.5))
    noisy = bias + 3 * rng.random((2, 30, 32, 32))
    foreign = map_alignment.summarise(map_alignment.align(noisy[0], noisy[1], rng), 0.95, rng, 500)
    assert foreign["rho"]["value"] > 0.5
    entry = foreign["floor_corrected"]
    assert entry["ci_low"] - 0.01 < 0 < entry["ci_high"] + 0.01
    assert abs(entry["value"]) < 0.05


def test_constant_and_non_finite_maps_are_counted_with_their_reason(maps):
    ours, theirs = maps.copy(), maps.copy()
    ours[0] = 1.0
    theirs[1] = np.nan
    rng = np.random.default_rng(4)
    alignment = map_alignment.align(ours, theirs, rng)
    assert alignment.reason[:3] == ["model map constant", "human map not finite", ""]
    summary = map_alignment.summarise(alignment, None, rng, 200)
    assert list(summary) == ["rho"]
    assert (summary["rho"]["n"], summary["rho"]["n_excluded"]) == (4, 2)


def test_no_comparable_image_is_a_status_not_a_number(maps):
    rng = np.random.default_rng(5)
    summary = map_alignment.summarise(map_alignment.align(maps * 0, maps, rng), 0.6, rng, 200)
    assert all(e["value"] is None and "model map constant" in e["status"] for e in summary.values())


def test_human_maps_follow_the_images_geometry():
    # A map that is the image itself must stay registered with the image through resize and crop.
    from PIL import Image

    yy, xx = np.mgrid[:64, :64]
    pattern = (np.sin(xx / 6) + np.cos(yy / 9) + 2).astype(np.float32)
    height, width = 200, 300
    whole = human_maps.resize_bilinear(pattern[None], (height, width))[0]
    image = Image.fromarray(np.uint8(np.stack([whole / 4 * 255] * 3, axis=-1)))
    table = pd.DataFrame({"height": [height], "width": [width]})
    for mode in ("center", "squash", "border"):
        transform = Transform(96, 96, mode, 0.875, "bilinear")
        pixels = transform.apply(image)[0]
        moved = map_alignment.at_input(pattern[None], table, transform)[0]
        inside = pixels > 0
        assert np.corrcoef(pixels[inside], moved[inside])[0, 1] > 0.999
