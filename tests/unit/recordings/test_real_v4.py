"""Claims about a recording of macaque V4: 50 neurons, 640 images of 6 to 10 repetitions.

Responses and images are those of Cowley and others (data_V4_responses, session 210325, of
cowleygroup/V4_compact_models); they are read where they are, and no part of the project. Features are
computed here: local contrast by orientation, and the luminance of a coarse grid.
"""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import ShuffleSplit

from visalign import cli
from visalign.recordings.ceilings import split_half_ceiling

V4 = Path(__file__).resolve().parents[4] / "shared" / "real" / "v4_210325"
pytestmark = pytest.mark.skipif(
    not V4.is_dir(), reason=f"the recording of V4 is not at {V4} (it is not part of the project)"
)
SPLITS = 3


class Study(NamedTuple):
    """What the commands said: card of the recording, scores by model and convention, paired difference."""

    folder: Path
    responses: np.ndarray  # (stimuli, neurons, repetitions)
    card: dict
    ceilings: pd.DataFrame
    scores: dict[str, dict]
    difference: dict


def pooled(images: np.ndarray, side: int) -> np.ndarray:
    """Mean over squares of `side` pixels."""
    n, height, width = images.shape
    return images.reshape(n, height // side, side, width // side, side).mean(axis=(2, 4))


def luminance(images: np.ndarray) -> np.ndarray:
    return pooled(images, 8).reshape(len(images), -1)


def orientation_energy(images: np.ndarray) -> np.ndarray:
    """Size of the gradient along four directions at two scales, averaged over 7 × 7 places."""
    maps = []
    for side in (2, 4):
        along_y, along_x = np.gradient(pooled(images, side), axis=(1, 2))
        for angle in np.arange(4) * np.pi / 4:
            size = np.abs(along_x * np.cos(angle) + along_y * np.sin(angle))
            maps.append(pooled(size, 16 // side).reshape(len(images), -1))
    return np.hstack(maps)


def read_images() -> tuple[list[str], np.ndarray]:
    with zipfile.ZipFile(V4 / "images.zip") as archive:
        names = sorted(archive.namelist())
        pixels = [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L")) for name in names]
    return names, np.array(pixels, dtype=np.float32)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    folder = tmp_path_factory.mktemp("v4")
    names, images = read_images()
    responses = np.load(V4 / "responses_raw.npy").transpose(1, 0, 2)
    # Spikes were counted in 100 ms; when they began is not said, and enters nothing.
    card = {"responses": "responses.npy", "stimulus_ids": names, "time_bins": [[0, 100]]}
    with contextlib.chdir(folder):
        np.save("responses.npy", responses)
        np.save("luminance.npy", luminance(images))
        np.save("energy.npy", orientation_energy(images))
        Path("card.yaml").write_text(yaml.safe_dump(card))
        files = "--path card.yaml --output v4.nc --ceilings v4.csv --recording-card v4.json"
        cli.main(f"recordings --name v4 --reader arrays {files}".split())
        scores = {model: scores_of(model) for model in ("energy", "luminance")}
        rows = printed("compare-models luminance.parquet energy.parquet --json")
        tables = json.loads(Path("v4.json").read_text()), pd.read_csv("v4.csv")
    return Study(folder, responses, *tables, scores, rows[1])


def scores_of(model: str) -> dict:
    files = f"--features {model}.npy --responses responses.npy --splits {SPLITS} --json"
    tables = f"--draws {model}.parquet --neuroids {model}_neuroids.parquet"
    return printed(f"neural {files} {tables}")["pls"]


def printed(command: str):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        cli.main(command.split())
    return json.loads(output.getvalue())


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of matching columns."""
    a, b = ((values - values.mean(axis=0)) / values.std(axis=0) for values in (a, b))
    return (a * b).mean(axis=0)


def halves_agree(responses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reliability (neurons,) of the means, of one halving of each stimulus' own repetitions."""
    halves = np.empty((2, *responses.shape[:2]))
    for index, own in enumerate(responses):
        order = rng.permutation(np.flatnonzero(np.isfinite(own[0])))
        half = len(order) // 2
        halves[:, index] = own[:, order[:half]].mean(axis=1), own[:, order[half:]].mean(axis=1)
    r = correlation(*halves)
    return 2 * r / (1 + r)


def test_unequal_repetitions_are_all_read_and_counted(study):
    card = study.card
    assert (card["n_stimuli"], card["n_neuroids"]) == (640, 50)
    assert card["repetitions_per_stimulus"] == {"min": 6, "median": 8, "max": 10}
    assert card["excluded"]["responses_missing"] == np.isnan(study.responses).sum() == 78_000
    assert card["excluded"]["neuroids_missing"] == []
    assert card["ceiling"]["kind"] == "reliability"
    assert card["ceiling"]["method"].startswith("1 - noise variance of the mean responses")


def test_the_ceiling_is_that_of_halves_of_each_stimulus_own_repetitions(study):
    """Spearman–Brown presumes equal halves: of 7 or 9 repetitions they are not, which costs about .003."""
    rng = np.random.default_rng(0)
    halvings = np.array([halves_agree(study.responses, rng) for _ in range(8)])
    own = study.ceilings.sort_values("neuroid_id")["ceiling"].to_numpy()
    np.testing.assert_allclose(own, halvings.mean(axis=0), atol=0.02)
    ceiling = study.card["ceiling"]
    assert ceiling["value"] == pytest.approx(np.median(own), abs=1e-12)
    assert ceiling["ci_low"] < np.median(halvings, axis=1).mean() < ceiling["ci_high"]


def test_six_repetitions_of_every_image_say_the_same_of_all_repetitions(study):
    """Noise is divided by the number of repetitions: c of six, stepped up to what images have on average."""
    rng = np.random.default_rng(0)
    count = np.isfinite(study.responses[:, 0]).sum(axis=1)
    six = np.mean([halves_agree(study.responses[..., :6], rng) for _ in range(8)], axis=0)
    factor = 1 / np.mean(1 / count) / 6
    stepped = np.median(factor * six / (1 + (factor - 1) * six))
    ceiling = study.card["ceiling"]
    assert np.median(six) < stepped
    assert ceiling["ci_low"] < stepped < ceiling["ci_high"]
    # Halves of repetition numbers lose no image here, since all have six or more.
    assert ceiling["split_slots"] == pytest.approx(ceiling["value"], abs=0.02)


def test_images_shown_once_count_in_the_ceiling_as_they_do_in_scores(study):
    """Half of the images keep one repetition, half four; those left out say how reliable the means are.

    c is r² between the means and those of other repetitions, over the reliability of the latter. Standard
    errors over neurons and draws of what is kept are about .02. Halves of repetition numbers have no image
    twice that was shown once: they are those of the other images alone.
    """
    rng = np.random.default_rng(0)
    found, slots, expected = [], [], []
    for _ in range(3):
        kept, others = study.responses[..., :4].copy(), study.responses[..., 4:]
        kept[rng.permutation(len(kept)) < len(kept) // 2, :, 1:] = np.nan
        r = correlation(np.nanmean(kept, axis=2), np.nanmean(others, axis=2))
        expected.append(np.median(r**2 / halves_agree(others, rng)))
        ceiling = split_half_ceiling(kept.transpose(0, 2, 1), n_splits=10, seed=1)
        found.append(ceiling.value)
        slots.append(ceiling.slots)
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.05)
    assert np.mean(slots) > np.mean(expected) + 0.15


def test_orientation_energy_predicts_v4_far_above_the_floor_and_luminance_above_it(study):
    for model, least in (("energy", 0.35), ("luminance", 0.1)):
        for entry in (study.scores[model][name] for name in ("r2/c", "r")):
            assert entry["n"] == 50 and entry["n_excluded"] == 0
            assert abs(entry["floor"]) < 0.02 < entry["ci_low"] < entry["value"] < entry["ci_high"]
        assert study.scores[model]["r"]["value"] > least


def test_scores_are_divided_by_the_ceiling_of_the_recording(study):
    for entries in study.scores.values():
        assert entries["r"]["ceiling"] ** 2 == pytest.approx(study.card["ceiling"]["value"], abs=1e-12)
        c, r = study.card["ceiling"]["value"], entries["r"]["value"]
        assert entries["r2/c"]["value"] == pytest.approx(r**2 / c)


def test_no_model_scores_above_what_a_perfect_one_attains(study):
    """A perfect model's score is below 1, since its readout is learned from noisy responses."""
    for entries in study.scores.values():
        assert entries["r2/c"]["value"] < entries["attainable"]["value"] <= 1


def test_the_paired_difference_is_clear_of_zero_and_better_known_than_either_score(study):
    found, energy, luminance = study.difference, *(study.scores[name]["r2/c"] for name in study.scores)
    assert found["difference"] == pytest.approx(energy["value"] - luminance["value"])
    assert 0 < found["ci_low"] < found["difference"] < found["ci_high"]
    assert found["above"] == 1
    widths = [entry["ci_high"] - entry["ci_low"] for entry in (found, energy, luminance)]
    assert widths[0] < np.hypot(*widths[1:])


def test_r_of_every_neuron_is_that_of_scikit_learn(study):
    """NIPALS stops at its tolerance, ours is an exact eigenvector: they agree to 1e-5."""
    X, Y = np.load(study.folder / "luminance.npy"), np.nanmean(study.responses, axis=2)
    table = pd.read_parquet(study.folder / "luminance_neuroids.parquet")
    found = table.pivot(index="split", columns="neuroid_id", values="r")
    train, test = next(ShuffleSplit(SPLITS, train_size=0.9, random_state=1).split(X))
    model = PLSRegression(25, scale=False, tol=1e-12, max_iter=100_000).fit(X[train], Y[train])
    expected = pd.Series(correlation(model.predict(X[test]), Y[test]), index=map(str, range(50)))
    np.testing.assert_allclose(found.loc["0"], expected[found.columns], atol=1e-5)


def median_r(features: np.ndarray, responses: np.ndarray) -> float:
    """Median over neurons of r of ridge regression (penalty 30 p), four splits of 480 and 160 images."""
    found = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(features))
        train, test = order[:480], order[480:]
        mean, scale = features[train].mean(axis=0), features[train].std(axis=0)
        X, Y = (features - mean) / scale, responses - responses[train].mean(axis=0)
        kernel = X @ X.T
        weights = np.linalg.solve(kernel[np.ix_(train, train)] + 30 * X.shape[1] * np.eye(480), Y[train])
        found.append(correlation(kernel[np.ix_(test, train)] @ weights, Y[test]))
    return float(np.median(np.mean(found, axis=0)))


def test_the_responses_are_in_the_order_of_the_numbers_in_the_names_of_images():
    """Responses have no ids. In another order features say nothing: r of a neuron has an SD of .08 then."""
    images, responses = read_images()[1], np.nanmean(np.load(V4 / "responses_raw.npy"), axis=2).T
    for features, least in ((luminance(images), 0.2), (orientation_energy(images), 0.3)):
        assert median_r(features, responses) > least
        for wrong in (np.roll(features, 1, axis=0), features[::-1]):
            assert abs(median_r(wrong, responses)) < 0.05
