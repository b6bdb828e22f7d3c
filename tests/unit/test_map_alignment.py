import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from visalign import human_maps, map_alignment
from visalign.transforms import Transform


@pytest.fixture
def maps():
    return np.random.default_rng(0).random((6, 32, 32)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40), st.booleans())
def test_average_ranks_equal_scipy(values, tied):
    """Of any finite float32, negative, subnormal and both zeros among them, with ties."""
    row = np.array([values * (2 if tied else 1)], np.float32)
    np.testing.assert_array_equal(map_alignment.average_ranks(row), scipy_stats.rankdata(row, axis=-1))


def test_rho_and_floor_equal_scipy(maps):
    other = np.random.default_rng(1).random(maps.shape, dtype=np.float32) + maps
    alignment = map_alignment.align(maps, other, np.random.default_rng(2))
    rho = np.array([[scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic for b in other] for a in maps])
    np.testing.assert_allclose(alignment.rho, np.diag(rho), atol=1e-12)
    floor = (rho.sum(axis=1) - np.diag(rho)) / (len(maps) - 1)
    np.testing.assert_allclose(alignment.floor, floor, atol=1e-12)


def test_tied_maps_of_any_size_equal_scipy():
    rng = np.random.default_rng(0)
    ours = rng.integers(0, 5, (4, 30, 41)).astype(np.float32)
    theirs = (ours + rng.integers(0, 9, ours.shape)).astype(np.float32)
    rho = [scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(map_alignment.align(ours, theirs, rng).rho, rho, atol=1e-12)


@pytest.mark.parametrize(("shape", "side"), [((64, 48), 4), ((64, 48), 16), ((30, 41), 4), ((5, 7), 16)])
def test_block_means_are_means_of_slices(shape, side):
    maps = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    starts = (range(0, length, side) for length in shape)
    rows, columns = map(list, starts)
    expected = [[maps[:, y : y + side, x : x + side].mean(axis=(1, 2)) for x in columns] for y in rows]
    means = map_alignment.block_means(maps, side)
    np.testing.assert_allclose(means, np.moveaxis(expected, -1, 0), rtol=1e-6)


def compared(ours, theirs, seed=0, second=None):
    def model_maps(rows):
        return {"spearman": ours[rows]} | ({} if second is None else {"second": second[rows]})

    rng = np.random.default_rng(seed)
    return map_alignment.align_batches(len(ours), model_maps, lambda rows: theirs[rows], rng)


def test_every_metric_equals_its_definition(maps):
    rng = np.random.default_rng(1)
    theirs, second = maps + rng.random(maps.shape, dtype=np.float32), rng.random(maps.shape, dtype=np.float32)
    found = compared(maps, theirs, second=second)
    for name, ours in (("spearman", maps), ("second", second)):
        for side in (1, 4, 16):
            pairs = zip(
                map_alignment.block_means(ours, side), map_alignment.block_means(theirs, side), strict=True
            )
            rho = [scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic for a, b in pairs]
            metric = name if side == 1 else f"{name}_{side}"
            np.testing.assert_allclose(found[metric].rho, rho, atol=1e-12)
    count = round(0.1 * maps[0].size)
    for index, (a, b) in enumerate(zip(maps, theirs, strict=True)):
        top = [set(np.argsort(m.ravel())[-count:].tolist()) for m in (a, b)]
        shared = len(top[0] & top[1])
        assert found["top10_iou"].rho[index] == pytest.approx(shared / len(top[0] | top[1]))
        assert found["top10_dice"].rho[index] == pytest.approx(shared / count)
    assert next(iter(found)) == "spearman" and len(found) == 8


def test_batches_change_nothing_but_the_draw_of_the_floor(monkeypatch):
    rng = np.random.default_rng(0)
    bias = -np.hypot(*(np.mgrid[:32, :32] - 15.5))
    ours, theirs = (bias + 9 * rng.random((2, 150, 32, 32))).astype(np.float32)
    whole, again = compared(ours, theirs), compared(ours, theirs)
    monkeypatch.setattr(map_alignment, "BATCH", 7)
    parts = compared(ours, theirs)
    for metric, alignment in whole.items():
        np.testing.assert_array_equal(alignment.floor, again[metric].floor)
        np.testing.assert_allclose(alignment.rho, parts[metric].rho, atol=1e-12)
        # An overlap has no floor where the one other image that is drawn for it is the image itself.
        assert np.isfinite(parts[metric].floor).mean() > 0.9
        assert np.nanmean(alignment.floor) == pytest.approx(np.nanmean(parts[metric].floor), abs=0.02)
    # The sampled floor estimates the mean over all pairs of different images.
    own, foreign = (map_alignment.standard_ranks(maps) for maps in (ours, theirs))
    rho = own @ foreign.T
    exact = (rho.sum() - np.trace(rho)) / (150 * 149)
    assert parts["spearman"].floor.mean() == pytest.approx(exact, abs=0.01)


def test_no_more_than_a_batch_of_maps_is_read_at_a_time(monkeypatch):
    monkeypatch.setattr(map_alignment, "BATCH", 8)
    monkeypatch.setattr(map_alignment, "FLOOR_MAPS", 5)
    maps, read = np.random.default_rng(0).random((30, 16, 16), dtype=np.float32), []

    def human(rows):
        read.append(len(maps[rows]))
        return maps[rows]

    map_alignment.align_batches(30, lambda rows: {"spearman": maps[rows]}, human, np.random.default_rng(0))
    assert max(read) == 8 and sum(read) == 30 + 4 * 5


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


def test_undefined_maps_leave_no_number_in_any_metric_and_none_in_a_floor(maps):
    ours, theirs = maps.copy(), maps.copy()
    ours[0], theirs[1], theirs[2, 3, 4] = 0, 1, np.inf
    found = compared(ours, theirs)
    for alignment in found.values():
        assert np.isnan(alignment.rho[:3]).all() and np.isfinite(alignment.rho[3:]).all()
    expected = [np.mean([scipy_stats.spearmanr(maps[i].ravel(), maps[j].ravel()).statistic
                         for j in (0, 3, 4, 5) if j != i]) for i in (3, 4, 5)]  # fmt: skip
    np.testing.assert_allclose(found["spearman"].floor[3:], expected, atol=1e-12)


def test_a_single_image_has_no_floor_and_no_interval(maps):
    rng = np.random.default_rng(0)
    summary = map_alignment.summarise(map_alignment.align(maps[:1], maps[:1], rng), 0.9, rng, 100)
    assert set(summary) == {"rho", "rho/ceiling"}
    assert summary["rho"]["value"] == pytest.approx(1)
    assert np.isnan([summary["rho"][name] for name in ("floor", "ci_low", "ci_high")]).all()


def test_the_interval_equals_the_normal_approximation_for_many_images():
    rng = np.random.default_rng(0)
    rho, floor = rng.normal(0.5, 0.1, 2000), np.full(2000, 0.2)
    summary = map_alignment.summarise(map_alignment.Alignment(rho, floor, [""] * 2000), 0.7, rng, 1000)
    half = 1.96 * rho.std() / np.sqrt(2000)
    entry = summary["floor_corrected"]
    assert entry["value"] == pytest.approx((rho.mean() - 0.2) / 0.5)
    assert (entry["ci_high"] - entry["ci_low"]) / 2 == pytest.approx(half / 0.5, rel=0.1)


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


def test_a_constant_map_stays_constant_where_the_image_is_padded():
    maps = [np.full((64, 64), 0.5, np.float32), np.random.default_rng(0).random((90, 70), dtype=np.float32)]
    table = pd.DataFrame({"height": [100, 100], "width": [300, 300]})
    moved = map_alignment.at_input(maps, table, Transform(96, 96, "border", 1.0, "bilinear"))
    assert map_alignment.undefined(moved, "human map") == ["human map constant", ""]
    assert (moved[1][:30] == 0).all() and moved[1].max() > 0
