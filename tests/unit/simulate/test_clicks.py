"""Claims about simulated clicks: they follow the teacher, and what is planted is what is analysed."""

import numpy as np
import pytest
from scipy.ndimage import convolve
from scipy.stats import spearmanr

from visalign.maps import alignment as map_alignment
from visalign.maps import clicks as click_logs
from visalign.maps import processing
from visalign.simulate import clicks as simulate
from visalign.simulate.clicks import Crowd


def settings(**changed):
    return Crowd(**{"participants": 24, "clicks": 30, "idiosyncrasy": 0.2} | changed)


@pytest.fixture(scope="module")
def spots():
    """Eight images, each with its own salient spot away from the centre."""
    rows, columns = np.mgrid[: simulate.SIDE, : simulate.SIDE]
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    centres = 128 + 75 * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return [np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 25**2)) for y, x in centres]


def read_back(densities, args, path):
    names = [f"image-{i}" for i in range(len(densities))]
    log = simulate.click_log(densities, names, args, np.random.default_rng(0))
    click_logs.write_log(path, **log)
    maps = click_logs.maps_from_log(path)
    return np.stack([maps[name] for name in names])


def test_filters_remove_exactly_the_planted_bad_maps(spots, tmp_path):
    read_back(spots, settings(), tmp_path / "log.npz")
    log = click_logs.read_log(tmp_path / "log.npz")
    kept, _ = click_logs.filter_log(log)
    assert len(log) == 8 * 27
    good = np.arange(len(log)) % 27 < 24  # the bad ones of an image come last
    for name in ("file_pointer", "user_id", "user_catch_trial", "is_mobile"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(log, name)[good])
    assert len(kept) == 8 * 24 and kept.user_catch_trial.min() == 1 and not kept.is_mobile.any()


def test_shared_density_is_a_power_of_the_saliency_beside_centre_bias(spots):
    # A Gaussian of standard deviation σ smoothed by τ and raised to p has √((σ² + τ²) / p).
    salient = simulate.shared_density(spots[2], 1, 3)
    rows, columns = np.mgrid[: simulate.SIDE, : simulate.SIDE]
    row, column = np.sum(salient * rows), np.sum(salient * columns)
    assert (row, column) == pytest.approx(np.unravel_index(spots[2].argmax(), spots[2].shape), abs=0.5)
    sigma = np.sqrt((25**2 + simulate.SMOOTHING**2) / 3)
    assert np.sqrt(np.sum(salient * (rows - row) ** 2)) == pytest.approx(sigma, rel=0.01)
    centre = simulate.shared_density(spots[2], 0, 3)
    np.testing.assert_allclose(centre, centre[::-1, ::-1])
    np.testing.assert_allclose(simulate.shared_density(spots[2], 0.3, 3), 0.3 * salient + 0.7 * centre)


def test_clicks_fall_where_the_density_is_and_own_spots_anywhere(spots):
    density = simulate.shared_density(spots[0], 0.8, 1)
    rng = np.random.default_rng(0)
    clicks = np.concatenate([simulate.participant_clicks(density, 0.2, 30, rng) for _ in range(1000)])
    found = click_logs.click_counts([clicks])[0] / len(clicks)
    # Own spots average to a nearly even density (.2 / 64 a block), lower at the borders where spots are cut.
    expected = 0.8 * density + 0.2 / simulate.SIDE**2

    def blocks(values):
        return values.reshape(8, 32, 8, 32).sum(axis=(1, 3))

    # 30 000 clicks, those of an own spot together: standard errors below .001 a block.
    np.testing.assert_allclose(blocks(found), blocks(expected), atol=0.004)


def slowly_processed(clicks):
    """Map of a group, by the description of the processing: two discs, bilinear to 64 × 64, blur."""
    counts = np.zeros((256, 256))
    for x, y in np.concatenate(clicks).astype(int):
        counts[y, x] += 1
    rows, columns = np.mgrid[-10:11, -10:11]
    disc = (rows**2 + columns**2 <= 100).astype(float)
    for _ in range(2):
        counts = convolve(counts, disc, mode="constant")
    # A pixel of 64 has its centre between the second and the third of four.
    halved = (counts[1::4] + counts[2::4]) / 2
    small = (halved[:, 1::4] + halved[:, 2::4]) / 2
    weights = np.exp(-(np.arange(-5, 5) ** 2) / 200)
    for axis in (0, 1):
        padded = np.pad(small, [(4, 5) if axis == a else (0, 0) for a in (0, 1)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 10, axis=axis)
        small = windows @ weights
    return small.ravel()


def test_planted_reliability_and_floor_equal_an_independent_computation(spots, monkeypatch):
    args, drawn, draw = settings(participants=10), [], simulate.participant_clicks

    def record(*arguments):
        drawn.append(draw(*arguments))
        return drawn[-1]

    monkeypatch.setattr(simulate, "participant_clicks", record)
    densities = [simulate.shared_density(spot, 0.7, 1) for spot in spots[:3]]
    ceiling, floor = simulate.planted_reliability(densities, args, 0, draws=2)
    # Draws, each of two groups, each of three images, each seen by half of the participants.
    groups = [slowly_processed(drawn[i : i + 5]) for i in range(0, len(drawn), 5)]
    halves = np.reshape(groups, (2, 2, 3, -1))
    rho = [[[spearmanr(a, b).statistic for b in second] for a in first] for first, second in halves]
    mean = np.mean(rho, axis=0)
    # Maps are rounded to float32 in between, which may tie or swap neighbours among 4096 ranks.
    assert ceiling == pytest.approx(np.trace(mean) / 3, abs=1e-5)
    assert floor == pytest.approx((mean.sum() - np.trace(mean)) / 6, abs=1e-5)


def test_one_image_has_no_planted_floor(spots):
    density = simulate.shared_density(spots[0], 0.7, 1)
    ceiling, floor = simulate.planted_reliability([density], settings(participants=6), 0, draws=1)
    assert floor is None and 0 < ceiling < 1


def test_ceiling_from_the_log_matches_the_planted_reliability(spots, tmp_path):
    args = settings()
    densities = [simulate.shared_density(spot, 0.5, 1) for spot in spots]
    read_back(densities, args, tmp_path / "log.npz")
    kept, _ = click_logs.filter_log(click_logs.read_log(tmp_path / "log.npz"))
    ceiling, floor = click_logs.participant_reliability(kept, iterations=5)
    planted, planted_floor = simulate.planted_reliability(densities, args, 0, draws=3)
    # One log of 8 images: between-image spread of .03 gives a standard error of about .015.
    assert ceiling.value == pytest.approx(planted, abs=0.04)
    # Few of the 56 pairs of images are drawn, and pairs differ by .3: a standard error of about .04.
    assert floor.value == pytest.approx(planted_floor, abs=0.12)


@pytest.mark.parametrize(("weight", "above_floor"), [(0.0, False), (0.7, True)])
def test_clicks_without_teacher_weight_score_at_the_floor(spots, tmp_path, weight, above_floor):
    densities = [simulate.shared_density(spot, weight, 3) for spot in spots]
    human = processing.process(read_back(densities, settings(), tmp_path / "log.npz"))
    teacher = processing.process(np.stack(spots).astype(np.float32))
    alignment = map_alignment.align(teacher, human)
    above = alignment.rho - alignment.floor
    if above_floor:
        assert above.mean() > 0.2
    else:
        # Eight images whose differences spread by about .1.
        assert abs(above.mean()) < 0.1
        assert abs(above.mean()) < 3 * above.std(ddof=1) / np.sqrt(len(above))


def test_saliency_of_a_crop_returns_to_its_place():
    from visalign.stimuli.transforms import Transform

    transform = Transform(112, 112, "center", 0.875)
    saliency = np.zeros((112, 112), np.float32)
    saliency[10:20, 90:100] = 1
    canvas = simulate.on_canvas(saliency, 512, 512, transform)
    row, column = np.unravel_index(canvas.argmax(), canvas.shape)
    # Crop pixel 15 lies at (8 + 15) of 128, hence at 46 of 256.
    assert abs(row - 2 * (8 + 15)) <= 12
    assert abs(column - 2 * (8 + 95)) <= 12
    assert canvas[:16].max() == 0
