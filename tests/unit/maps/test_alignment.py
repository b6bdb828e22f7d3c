"""Claims about the comparison of a model's maps with human ones: SciPy and brute force."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from visalign.maps import alignment as map_alignment
from visalign.maps import processing
from visalign.stimuli.transforms import Transform


@pytest.fixture
def maps():
    return np.random.default_rng(0).random((6, 32, 32)).astype(np.float32)


def test_rho_and_floor_equal_scipy(maps):
    other = np.random.default_rng(1).random(maps.shape, dtype=np.float32) + maps
    alignment = map_alignment.align(maps, other)
    rho = np.array([[scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic for b in other] for a in maps])
    np.testing.assert_allclose(alignment.rho, np.diag(rho), atol=1e-12)
    floor = (rho.sum(axis=1) - np.diag(rho)) / (len(maps) - 1)
    np.testing.assert_allclose(alignment.floor, floor, atol=1e-12)
    typical = (rho.sum(axis=0) - np.diag(rho)) / (len(maps) - 1)
    np.testing.assert_allclose(alignment.typical, typical, atol=1e-12)


def test_tied_maps_of_any_size_equal_scipy():
    rng = np.random.default_rng(0)
    ours = rng.integers(0, 5, (4, 30, 41)).astype(np.float32)
    theirs = (ours + rng.integers(0, 9, ours.shape)).astype(np.float32)
    rho = [scipy_stats.spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(map_alignment.align(ours, theirs).rho, rho, atol=1e-12)


@pytest.mark.parametrize(("shape", "side"), [((64, 48), 4), ((64, 48), 16), ((30, 41), 4), ((5, 7), 16)])
def test_block_means_are_means_of_slices(shape, side):
    maps = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    starts = (range(0, length, side) for length in shape)
    rows, columns = map(list, starts)
    expected = [[maps[:, y : y + side, x : x + side].mean(axis=(1, 2)) for x in columns] for y in rows]
    means = map_alignment.block_means(maps, side)
    np.testing.assert_allclose(means, np.moveaxis(expected, -1, 0), rtol=1e-6)


def compared(ours, theirs, second=None):
    def model_maps(rows):
        return {"spearman": ours[rows]} | ({} if second is None else {"second": second[rows]})

    return map_alignment.align_batches(len(ours), model_maps, lambda rows: theirs[rows], "spearman")


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


def test_batches_change_nothing(monkeypatch):
    ours, theirs = np.random.default_rng(0).random((2, 45, 20, 20), dtype=np.float32)
    whole = compared(ours, theirs)
    monkeypatch.setattr(map_alignment, "BATCH", 7)
    for metric, alignment in compared(ours, theirs).items():
        for column in ("rho", "floor", "typical"):
            np.testing.assert_allclose(getattr(alignment, column), getattr(whole[metric], column), atol=1e-12)


def test_the_floor_is_the_mean_over_all_other_images(monkeypatch):
    """Brute force, of more images than a batch holds; the image's own map, which fits it best, is not in."""
    monkeypatch.setattr(map_alignment, "BATCH", 16)
    rng = np.random.default_rng(1)
    theirs = rng.random((50, 16, 16), dtype=np.float32)
    ours = theirs + 0.1 * rng.random(theirs.shape, dtype=np.float32)
    found = compared(ours, theirs)
    for metric, side in (("spearman", 1), ("spearman_4", 4)):
        own, foreign = (
            map_alignment.block_means(maps, side).reshape(50, -1).astype(float) for maps in (ours, theirs)
        )
        rho = scipy_stats.spearmanr(own, foreign, axis=1).statistic[:50, 50:]
        expected = [np.delete(row, image).mean() for image, row in enumerate(rho)]
        np.testing.assert_allclose(found[metric].floor, expected, atol=1e-12)


def test_the_floor_of_an_overlap_is_the_mean_over_evenly_spaced_others(monkeypatch):
    monkeypatch.setattr(map_alignment, "OVERLAP_MAPS", 4)
    ours, theirs = np.random.default_rng(2).random((2, 10, 12, 12), dtype=np.float32)
    theirs[3] = 1  # undefined, and hence no map to compare with
    found = compared(ours, theirs)
    for kind, metric in enumerate(("top10_iou", "top10_dice")):
        values = [
            np.mean([processing.top_overlap(one[None], theirs[[j]])[kind] for j in (0, 6, 9) if j != image])
            for image, one in enumerate(ours)
        ]
        lost = found[metric].floor
        np.testing.assert_allclose(lost, values, atol=1e-12)


def test_no_more_than_a_batch_of_maps_is_read_at_a_time(monkeypatch):
    monkeypatch.setattr(map_alignment, "BATCH", 8)
    monkeypatch.setattr(map_alignment, "OVERLAP_MAPS", 5)
    maps, read = np.random.default_rng(0).random((30, 16, 16), dtype=np.float32), []

    def human(rows):
        read.append(len(maps[rows]))
        return maps[rows]

    map_alignment.align_batches(30, lambda rows: {"spearman": maps[rows]}, human, "spearman")
    assert max(read) == 8 and sum(read) == 3 * 30 + 5


def test_a_model_of_nothing_but_centre_bias_is_at_its_floor():
    bias = np.hypot(*(np.mgrid[:32, :32] - 15.5))
    noisy = bias + 3 * np.random.default_rng(3).random((2, 30, 32, 32))
    alignment = map_alignment.align(*noisy.astype(np.float32))
    assert alignment.rho.mean() > 0.5
    assert alignment.floor.mean() == pytest.approx(alignment.rho.mean(), abs=0.005)


def test_constant_and_non_finite_maps_are_told_with_their_reason(maps):
    ours, theirs = maps.copy(), maps.copy()
    ours[0] = 1.0
    theirs[1] = np.nan
    alignment = map_alignment.align(ours, theirs)
    assert alignment.reason[:3] == ["model map constant", "human map not finite", ""]
    assert alignment.valid.tolist() == [False, False, True, True, True, True]


def test_a_single_image_has_no_floor(maps):
    alignment = map_alignment.align(maps[:1], maps[:1])
    assert alignment.rho == pytest.approx(1)
    assert np.isnan([alignment.floor, alignment.typical]).all()


def test_images_that_were_not_compared_have_a_reason(maps):
    alignment = map_alignment.align(maps[:2], maps[:2])
    placed = alignment.placed(np.array([3, 1]), 5, "not drawn")
    assert placed.reason == ["not drawn", "", "not drawn", "", "not drawn"]
    np.testing.assert_array_equal(placed.floor[[3, 1]], alignment.floor)
    assert placed.valid.tolist() == [False, True, False, True, False]


def test_undefined_maps_leave_no_number_in_any_metric_and_none_in_a_floor(maps):
    ours, theirs = maps.copy(), maps.copy()
    ours[0], theirs[1], theirs[2, 3, 4] = 0, 1, np.inf
    found = compared(ours, theirs)
    for alignment in found.values():
        assert np.isnan(alignment.rho[:3]).all() and np.isfinite(alignment.rho[3:]).all()
    expected = [
        np.mean(
            [
                scipy_stats.spearmanr(maps[i].ravel(), maps[j].ravel()).statistic
                for j in (0, 3, 4, 5)
                if j != i
            ]
        )
        for i in (3, 4, 5)
    ]
    np.testing.assert_allclose(found["spearman"].floor[3:], expected, atol=1e-12)
    expected = [
        np.mean(
            [
                scipy_stats.spearmanr(maps[i].ravel(), maps[j].ravel()).statistic
                for j in (1, 2, 3, 4, 5)
                if j != i
            ]
        )
        for i in (3, 4, 5)
    ]
    np.testing.assert_allclose(found["spearman"].typical[3:], expected, atol=1e-12)


def test_human_maps_follow_the_images_geometry():
    # A map that is the image itself must stay registered with the image through resize and crop.
    from PIL import Image

    yy, xx = np.mgrid[:64, :64]
    pattern = (np.sin(xx / 6) + np.cos(yy / 9) + 2).astype(np.float32)
    height, width = 200, 300
    whole = processing.resize_bilinear(pattern[None], (height, width))[0]
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
