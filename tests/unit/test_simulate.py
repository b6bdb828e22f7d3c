import argparse

import numpy as np
import pytest

from visalign import click_logs, human_maps, map_alignment, populations, simulate
from visalign.stats import pearson


def test_population_has_the_planted_single_trial_reliability():
    rng = np.random.default_rng(0)
    responses = populations.noisy(populations.mix(rng.standard_normal((4000, 5)), 20, rng), 2, 0.3, rng)
    r = pearson(responses[:, 0], responses[:, 1])
    # Standard error of one r is 1/√4000 = .016, of the mean over 20 sites .004.
    assert r.mean() == pytest.approx(0.3, abs=0.015)


def settings(**changed):
    return argparse.Namespace(**{"participants": 24, "clicks": 30, "idiosyncrasy": 0.3, "seed": 0} | changed)


@pytest.fixture(scope="module")
def spots():
    """Eight images, each with its own salient spot away from the centre."""
    rows, columns = np.mgrid[: simulate.SIDE, : simulate.SIDE]
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    centres = 128 + 75 * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return [np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 25**2)) for y, x in centres]


def read_back(densities, args, path):
    names = [f"image-{i}" for i in range(len(densities))]
    log = simulate.click_log(densities, names, args, np.random.default_rng(args.seed))
    click_logs.write_log(path, **log)
    maps = click_logs.maps_from_log(path)
    return np.stack([maps[name] for name in names])


def test_filters_remove_exactly_the_planted_bad_maps(spots, tmp_path):
    read_back(spots, settings(), tmp_path / "log.npz")
    log = click_logs.read_log(tmp_path / "log.npz")
    kept, _ = click_logs.filter_log(log)
    assert len(log) == 8 * 27
    assert len(kept) == 8 * 24


def test_ceiling_from_the_log_matches_the_planted_reliability(spots, tmp_path):
    args = settings()
    densities = [simulate.shared_density(spot, 0.5) for spot in spots]
    read_back(densities, args, tmp_path / "log.npz")
    kept, _ = click_logs.filter_log(click_logs.read_log(tmp_path / "log.npz"))
    ceiling, _ = click_logs.participant_reliability(kept, iterations=10)
    planted = simulate.planted_reliability(densities, args)
    # One log of 8 images: between-image spread of .03 gives a standard error of about .012.
    assert ceiling.value == pytest.approx(planted, abs=0.04)


@pytest.mark.parametrize(("weight", "above_floor"), [(0.0, False), (0.7, True)])
def test_clicks_without_teacher_weight_score_at_the_floor(spots, tmp_path, weight, above_floor):
    densities = [simulate.shared_density(spot, weight) for spot in spots]
    human = human_maps.process(read_back(densities, settings(), tmp_path / "log.npz"))
    teacher = human_maps.process(np.stack(spots).astype(np.float32))
    rng = np.random.default_rng(1)
    summary = map_alignment.summarise(map_alignment.align(teacher, human, rng), 0.9, rng, 500)
    entry = summary["floor_corrected"]
    if above_floor:
        assert entry["ci_low"] > 0.2
    else:
        assert entry["ci_low"] <= 0 <= entry["ci_high"]
        assert abs(entry["value"]) < 0.1


def test_saliency_of_a_crop_returns_to_its_place():
    from visalign.transforms import Transform

    transform = Transform(112, 112, "center", 0.875)
    saliency = np.zeros((112, 112), np.float32)
    saliency[10:20, 90:100] = 1
    canvas = simulate.on_canvas(saliency, 512, 512, transform)
    row, column = np.unravel_index(canvas.argmax(), canvas.shape)
    # Crop pixel 15 lies at (8 + 15) of 128, hence at 46 of 256.
    assert abs(row - 2 * (8 + 15)) <= 12
    assert abs(column - 2 * (8 + 95)) <= 12
    assert canvas[:16].max() == 0
