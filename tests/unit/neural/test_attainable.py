"""Attainable scores against the score that the planted teacher itself gets on fresh noise."""

from __future__ import annotations

import numpy as np
import pytest

from visalign.comparisons import chosen
from visalign.comparisons.comparison import Comparison
from visalign.gram.matrix import gram
from visalign.neural.attainable import (
    Attainable,
    attainable,
    directions,
    planted,
    reliability,
    signal_variance,
    spread,
)
from visalign.neural.layers import median_score, score_block
from visalign.stats.cross_validation import Split, leave_out_splits, nested_splits


def way(metric: str) -> Comparison:
    return chosen(metric, components=15)


class Study:
    """A layer, and a signal with equal power on some of its principal components; `outside`: plus as much
    signal that the layer does not have."""

    def __init__(
        self, seed: int, components: int, c: float, outside: bool = False, n: int = 120, m: int = 30
    ):
        rng = np.random.default_rng([1, seed])
        X = rng.standard_normal((n, 200)) * np.geomspace(1, 0.1, 200)
        self.layer = gram([X], np.float64)
        U = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[0][:, :components]
        self.inside = standard(U @ rng.standard_normal((components, m)))
        self.signal = standard(self.inside + outside * rng.standard_normal((n, m)))
        self.noise, self.c, self.rng = np.full((n, m), (1 - c) / c), c, rng
        self.Y = self.noisy(self.signal)
        self.splits = nested_splits(n, None, 3, 0.7, 1, 0)

    def noisy(self, signal: np.ndarray) -> np.ndarray:
        return signal + np.sqrt(self.noise) * self.rng.standard_normal(signal.shape)

    def score(self, Y: np.ndarray, metric: str) -> float:
        return median_score(score_block(lambda: self.layer, Y, self.splits, way(metric)).values)

    def truth(self, metric: str) -> float:
        """Score of the teacher's layer for what the teacher has, on fresh noise."""
        return float(np.mean([self.score(self.noisy(self.inside), metric) for _ in range(3)]) ** 2 / self.c)

    def attained(
        self, metric: str, Y: np.ndarray | None = None, noise: np.ndarray | None = None
    ) -> Attainable:
        Y, noise = (self.Y if Y is None else Y), (self.noise if noise is None else noise)
        rng = np.random.default_rng(0)
        return attainable(lambda: self.layer, Y, noise, self.splits, way(metric), rng, draws=2)


def standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)


@pytest.mark.parametrize(
    ("metric", "components", "c", "outside"),
    [("pls", 12, 0.4, False), ("pls", 8, 0.6, True), ("ridge", 30, 0.8, False), ("ridge", 8, 0.6, True)],
)
def test_one_noisy_recording_tells_what_the_exact_teacher_scores(metric, components, c, outside):
    """Mean over four recordings within .05: its standard error is about .02, that of the truth .01."""
    studies = [Study(seed, components, c, outside) for seed in range(4)]
    found = [study.attained(metric) for study in studies]
    truth = np.mean([study.truth(metric) for study in studies])
    assert truth < 0.95  # else nothing would be corrected
    assert np.mean([x.r**2 / x.c for x in found]) == pytest.approx(truth, abs=0.05)
    assert np.mean([x.c for x in found]) == pytest.approx(c, abs=0.05)


def test_what_the_layer_does_not_carry_is_not_held_against_it():
    study = Study(0, 8, 0.8, outside=True)
    recorded = study.score(study.Y, "ridge") ** 2 / study.c
    attained = study.attained("ridge")
    assert recorded < 0.6 < 0.8 < attained.r**2 / attained.c


def test_without_noise_a_signal_on_few_components_is_attained_whole():
    study = Study(0, 4, 0.5)
    found = study.attained("pls", Y=study.signal, noise=np.zeros_like(study.noise))
    assert found.c == 1
    assert found.sd == 0  # nothing is drawn
    assert found.r**2 == pytest.approx(1, abs=0.01)


def test_the_planted_signal_has_the_variance_of_the_recorded_one_and_its_gaps():
    study = Study(0, 12, 0.5)
    Y = np.where(study.rng.random(study.Y.shape) < 0.1, np.nan, study.Y)
    signal = signal_variance(Y, study.noise)
    np.testing.assert_allclose(signal, np.nanvar(Y, axis=0, ddof=1) - study.noise[0], rtol=1e-12)
    U = directions(study.layer, len(Y), np.random.default_rng(0))
    F, components, _ = planted(U, Y, study.noise, signal)
    assert (np.isnan(F) == np.isnan(Y)).all()
    assert components >= 10  # 12, of which the error may hide the last
    np.testing.assert_allclose(np.nanvar(F, axis=0, ddof=1), signal, rtol=1e-12)


def test_missing_responses_leave_the_attainable_score_of_ridge():
    """One in twenty missing: .05 allows for the fewer stimuli and other draws of noise."""
    study = Study(0, 8, 0.7, n=80, m=20)
    whole = study.attained("ridge")
    some = study.attained("ridge", Y=np.where(study.rng.random(study.Y.shape) < 0.05, np.nan, study.Y))
    assert some.n_excluded == 0
    assert some.r**2 / some.c == pytest.approx(whole.r**2 / whole.c, abs=0.05)


def test_neuroids_without_signal_or_known_noise_are_left_out_and_counted():
    study = Study(0, 12, 0.5)
    Y, noise = study.Y.copy(), study.noise.copy()
    noise[:, 0] = 100  # exceeds the variance of the responses
    noise[:, 1] = np.nan
    Y[:, 2] = 0.1  # whose mean, in floating point, is not 0.1
    noise[:, 2] = 0
    Y[:, 3] = np.nan
    noise[:, 3] = np.nan
    noise[:60, 4] = np.nan  # known of the other stimuli
    found = study.attained("ridge", Y=Y, noise=noise)
    assert (found.n_neuroids, found.n_excluded) == (26, 4)
    same = study.attained("ridge", Y=Y[:, 4:], noise=study.noise[:, 4:])
    assert found[:4] == same[:4]


def test_without_any_signal_nothing_is_attainable():
    study = Study(0, 12, 0.5)
    found = study.attained("pls", noise=study.noise + 100)
    assert np.isnan([found.r, found.sd, found.c]).all()
    assert (found.n_neuroids, found.n_excluded) == (0, 30)


def test_a_layer_that_tells_no_signal_from_another_has_no_component():
    assert spread(np.ones(100)).components == 0
    found = spread(np.array([4.0, 1.5, 2.5, *np.ones(97)]))
    assert (found.level, found.components) == (1, 3)
    np.testing.assert_allclose(
        found.share[:4], [0.6, 0.2, 0.2, 0]
    )  # 3, .5 and 1.5 above the rest, made to fall


def test_the_same_generator_gives_the_same_score():
    study = Study(0, 12, 0.5)
    assert study.attained("pls") == study.attained("pls")


@pytest.mark.parametrize("metric", ["pls", "ridge"])
def test_features_and_their_gram_matrix_attain_the_same(metric):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 30))
    Y = X[:, :5] @ rng.standard_normal((5, 12)) + rng.standard_normal((90, 12))
    splits = nested_splits(90, None, 3, 0.9, 1, 0)

    def attained(layer: dict[str, np.ndarray]) -> Attainable:
        rng = np.random.default_rng(0)
        return attainable(lambda: layer, Y, np.ones_like(Y), splits, way(metric), rng, draws=2)

    a, b = attained({"X": X}), attained(gram([X], np.float64))
    assert a.r == pytest.approx(b.r, abs=1e-9)
    assert a[2:] == pytest.approx(b[2:], abs=1e-9)


def test_grids_are_planted_with_the_reliability_that_their_scores_are_divided_by():
    """c = (mean over images of √(median c_i))², by hand; the noise of the images differs a hundredfold."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 25)
    X = rng.standard_normal((150, 20))
    F = X[:, :3] @ rng.standard_normal((3, 9))
    noise = np.repeat(np.geomspace(0.1, 10, 6), 25)[:, None] * np.ones(9)
    variance = np.array([F[groups == i].var(axis=0, ddof=1) for i in range(6)])
    c = np.median(variance / (variance + noise[::25]), axis=1)
    assert reliability(F, noise, groups) == pytest.approx(np.sqrt(c).mean() ** 2, rel=1e-12)

    Y = F + np.sqrt(noise) * rng.standard_normal(F.shape)
    splits: list[Split] = leave_out_splits(groups, 0, 0)
    found = attainable(
        lambda: {"X": X},
        Y,
        noise,
        splits,
        way("pls"),
        np.random.default_rng(0),
        groups=groups,
    )
    assert found.c == pytest.approx(np.sqrt(c).mean() ** 2, abs=0.08)  # estimated from 25 positions
    assert 0.7 < found.r**2 / found.c < 1.05


@pytest.mark.parametrize(("outside", "carried"), [(False, 1.0), (True, 0.5)])
def test_the_share_of_the_signal_that_the_layer_carries_is_told(outside, carried):
    """Mean of four recordings; of one it scatters by .02 (12 seeds), .004 with nothing outside."""
    found = []
    for seed in range(4):
        study = Study(seed, 12, 0.8, outside)
        U = directions(study.layer, len(study.Y), study.rng)
        found.append(planted(U, study.Y, study.noise, signal_variance(study.Y, study.noise))[2])
    assert np.mean(found) == pytest.approx(carried, abs=0.05)
