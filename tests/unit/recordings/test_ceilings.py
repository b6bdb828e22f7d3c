"""Claims about noise ceilings: reliability of responses over repetitions, equal or not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from visalign.recordings import ceilings
from visalign.stats import bootstrap, resampling


def population(
    n_stimuli: int, n_repetitions: int, n_neuroids: int, reliability: float, seed: int = 0
) -> np.ndarray:
    """Signal plus trial noise; a single trial's reliability is signal variance / total variance."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n_stimuli, 1, n_neuroids))
    noise = rng.standard_normal((n_stimuli, n_repetitions, n_neuroids))
    return np.sqrt(reliability) * signal + np.sqrt(1 - reliability) * noise


# --- split halves ---


def test_the_ceiling_of_equal_even_repetitions_equals_a_straightforward_recomputation():
    responses = population(30, 8, 5, 0.4)
    ceiling = ceilings.split_half_ceiling(responses, n_splits=4, seed=3)
    expected = slot_halves(responses, 4, 3)
    np.testing.assert_allclose(ceiling.per_split, expected, atol=1e-12)
    assert ceiling.value == ceiling.slots == pytest.approx(np.median(expected, axis=1).mean(), abs=1e-12)
    # The mean over splits is taken before the correction, which is concave.
    r = (expected / (2 - expected)).mean(axis=0)
    np.testing.assert_allclose(ceiling.per_neuroid, 2 * r / (1 + r), atol=1e-12)


def slot_halves(responses: np.ndarray, n_splits: int, seed: int) -> np.ndarray:
    """Brain-Score's ceiling (n_splits, n_neuroids), of halves of repetition numbers."""
    rng = np.random.RandomState(seed)
    n_repetitions, n_neuroids = responses.shape[1:]
    expected = np.zeros((n_splits, n_neuroids))
    for split in range(n_splits):
        # ShuffleSplit's definition: of a permutation, the last are the training half.
        permutation = rng.permutation(n_repetitions)
        middle = n_repetitions - n_repetitions // 2
        for neuroid in range(n_neuroids):
            a, b = (
                np.nanmean(responses[:, half, neuroid], axis=1)
                for half in (permutation[:middle], permutation[middle:])
            )
            both = ~np.isnan(a) & ~np.isnan(b)
            r = scipy_stats.pearsonr(a[both], b[both])[0]
            expected[split, neuroid] = 2 * r / (1 + r)
    return expected


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_brain_scores_ceiling_of_unequal_repetitions_is_kept_beside():
    responses = population(30, 7, 5, 0.4)
    responses[np.random.default_rng(1).random(responses.shape) < 0.3] = np.nan
    ceiling = ceilings.split_half_ceiling(responses, n_splits=4, seed=3)
    expected = slot_halves(responses, 4, 3)
    assert ceiling.slots == pytest.approx(np.median(expected, axis=1).mean(), abs=1e-12)
    assert not ceiling.equal and ceiling.value != ceiling.slots


COUNTS = {
    "half once, half 12": np.repeat([1, 12], 200),
    "half twice, half 20": np.repeat([2, 20], 200),
    "some 3, few 30": np.repeat([3, 30], [360, 40]),
    "three, odd": np.full(400, 3),
    "five": np.full(400, 5),
}


@pytest.mark.parametrize("case", COUNTS)
def test_the_ceiling_is_the_reliability_of_the_scored_means_whatever_their_repetitions(case):
    """Truth: squared correlation of the means with the noise-free signal, of the same stimuli.

    Over 8 replications the mean error was at most .005. One neuroid's estimate scatters by 2(1 − c)/√400,
    the median of 60 by a sixth of it, .01 at most; .03 is three. Halves of repetition numbers are off by
    .07 to .4 in the first three.
    """
    rng = np.random.default_rng(2)
    counts = COUNTS[case]
    signal = rng.standard_normal((400, 60))
    responses = signal[:, None] + np.sqrt(7 / 3) * rng.standard_normal((400, counts.max(), 60))
    responses[np.arange(counts.max()) >= counts[:, None]] = np.nan
    mean = np.nanmean(responses, axis=1)
    truth = np.median([np.corrcoef(pair)[0, 1] ** 2 for pair in zip(mean.T, signal.T, strict=True)])
    found = ceilings.split_half_ceiling(responses, n_splits=10, seed=1)
    assert found.value == pytest.approx(truth, abs=0.03)
    assert found.ci_low < truth < found.ci_high


def test_without_halves_the_ceiling_is_the_mean_over_all_halvings():
    """Rulon's coefficients 1 − var(a − b)/var(a + b) of every halving of four repetitions average to it."""
    responses = population(50, 4, 3, 0.5)
    own = ceilings.trials(responses, n_splits=10, seed=1)
    pairs = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    rulon = []
    for one, other in pairs:
        a, b = (responses[:, half].sum(axis=1) for half in (one, other))
        rulon.append(1 - (a - b).var(axis=0, ddof=1) / (a + b).var(axis=0, ddof=1))
    closed = ceilings.Trials(own.mean, own.noise, []).per_split()[0]
    # The noise is estimated about each stimulus' mean, Rulon's about the mean difference: apart by O(1/n).
    np.testing.assert_allclose(closed, np.mean(rulon, axis=0), atol=0.01)


@pytest.mark.parametrize("constant", [0.1, 0.2, 0.3, 1.1, 5.3, 123.456])
def test_a_silent_neuroid_has_no_ceiling_and_is_not_reliable(constant):
    for repetitions in (6, 5):
        responses = population(40, repetitions, 3, 0.5)
        responses[:, :, 0] = constant
        for own in (responses, responses.astype(np.float32)):
            found = ceilings.split_half_ceiling(own, n_splits=10, seed=1)
            assert np.isnan(found.per_neuroid[0]) and np.isnan(found.p_value[0])
            assert (found.per_neuroid[1:] > 0.5).all() and (found.p_value[1:] < 1e-3).all()


def test_the_test_against_noise_is_scipys_and_holds_its_level():
    responses = population(25, 3, 4, 0.2)
    expected = [scipy_stats.f_oneway(*responses[:, :, j]).pvalue for j in range(4)]
    np.testing.assert_allclose(ceilings.p_values(responses), expected, rtol=1e-9)
    noise = ceilings.p_values(population(100, 3, 2000, 0.0))
    # 5 % of 2,000 neuroids of noise: a binomial standard deviation is .005.
    assert np.mean(noise < 0.05) == pytest.approx(0.05, abs=0.02)


def test_the_test_of_grids_runs_within_images():
    responses, groups = planted_grids(n_images=4)
    noise = population(len(groups), 6, 300, 0.0) + 100 * groups.astype(int)[:, None, None]
    assert (ceilings.p_values(responses, groups) < 1e-6).all()
    assert np.mean(ceilings.p_values(noise, groups) < 0.05) < 0.1
    assert (ceilings.p_values(noise) < 1e-6).all()


def test_the_interval_covers_new_stimuli_and_new_neuroids():
    """95 % intervals of 60 fresh recordings hold the truth in at least 51: three binomial sd less."""
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        q = rng.uniform(0.1, 0.6, 30)
        signal = rng.standard_normal((60, 30))
        responses = signal[:, None] + np.sqrt((1 - q) / q) * rng.standard_normal((60, 4, 30))
        found = ceilings.split_half_ceiling(responses, seed=1, n_splits=4)
        covered += found.ci_low <= 4 * 0.35 / (1 + 3 * 0.35) <= found.ci_high
    assert covered >= 51


def test_the_ceiling_of_images_that_differ_in_reliability_is_what_an_oracle_scores():
    """Mean over images of the oracle's r, squared, over c: 1 within .03, where the mean of c_i gives .90."""
    rng = np.random.default_rng(0)
    n_images, n_positions, n_sites, repetitions = 14, 100, 30, 12
    gain = np.exp(0.9 * rng.standard_normal(n_images))
    signal = rng.standard_normal((n_images, n_positions, n_sites)) * gain[:, None, None]
    responses = signal[:, :, None] + 3 * rng.standard_normal((n_images, n_positions, repetitions, n_sites))
    mean = responses.mean(axis=2)
    r = np.mean(
        [
            np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(x.T, y.T, strict=True)])
            for x, y in zip(signal, mean, strict=True)
        ]
    )
    groups = np.repeat(np.arange(n_images), n_positions)
    found = ceilings.split_half_ceiling(
        responses.reshape(-1, repetitions, n_sites), n_splits=10, seed=1, groups=groups
    )
    assert r**2 / found.value == pytest.approx(1, abs=0.03)
    assert r**2 / np.median(found.per_split, axis=2).mean() < 0.93


def test_draws_of_the_ceiling_are_those_of_the_same_stimuli_written_out():
    """A draw by weights equals the ceiling of the stimuli and neuroids that it repeats."""
    responses = population(30, 4, 6, 0.5)
    for own in (ceilings.trials(responses, 3, 2), ceilings.trials(responses[:, :3], 3, 2)):
        draws = resampling.draw(np.arange(30), 6, seed=0, draws=5)
        found = own.resampled(draws)
        for index in range(5):
            stimuli = np.repeat(np.arange(30), draws.weights[index])
            chosen = draws.neuroids[index]
            halves = [(a[stimuli][:, chosen], b[stimuli][:, chosen]) for a, b in own.halves]
            again = ceilings.Trials(own.mean[stimuli][:, chosen], own.noise[stimuli][:, chosen], halves)
            assert found[index] == pytest.approx(ceilings.c_of(again.per_split()), abs=1e-10)


@pytest.mark.parametrize(("reliability", "n_repetitions"), [(0.3, 8), (0.1, 20), (0.6, 2)])
def test_ceiling_recovers_the_planted_reliability(reliability, n_repetitions):
    """Planted: of the mean over k trials of reliability q, kq / (1 + (k − 1)q), by construction.

    One neuroid's estimate has a standard error of at most .025 at 800 stimuli (Fisher: (1 − r²)/√n, times
    the correction's slope 2/(1 + r)²); the median over 60 neuroids shrinks it by √(π/2)/√60 to .004. The
    tolerance is four of them.
    """
    responses = population(800, n_repetitions, 60, reliability)
    planted = n_repetitions * reliability / (1 + (n_repetitions - 1) * reliability)
    ceiling = ceilings.split_half_ceiling(responses, n_splits=10, seed=1)
    assert ceiling.value == pytest.approx(planted, abs=0.016)
    assert ceiling.ci_low - 0.01 < planted < ceiling.ci_high + 0.01
    assert ceiling.ci_low < ceiling.value < ceiling.ci_high


def test_noise_free_neuroids_have_ceiling_one_and_pure_noise_zero():
    assert ceilings.split_half_ceiling(population(50, 4, 8, 1.0), n_splits=10, seed=1).value == pytest.approx(
        1
    )
    # The corrected r of pure noise at 2,000 stimuli scatters by 2/√2000 = .045 a neuroid, .008 in the median.
    assert abs(ceilings.split_half_ceiling(population(2000, 4, 60, 0.0), n_splits=10, seed=1).value) < 0.032


def test_ceiling_does_not_depend_on_offset_and_scale_of_neuroids():
    responses = population(40, 6, 5, 0.5)
    shifted = responses * np.array([1, 10, 0.1, 3, 2]) + np.array([0, 100, -7, 1, 5])
    a, b = (ceilings.split_half_ceiling(r, n_splits=10, seed=1).per_neuroid for r in (responses, shifted))
    np.testing.assert_allclose(a, b, atol=1e-10)


def test_one_repetition_has_no_ceiling():
    ceiling = ceilings.split_half_ceiling(population(20, 1, 3, 0.5), n_splits=10, seed=1)
    assert np.isnan(ceiling.value) and np.isnan(ceiling.per_neuroid).all()
    assert ceiling.per_split.shape == (1, 3) and np.isnan(ceiling.p_value).all()


def test_a_constant_neuroid_is_undefined_and_does_not_spoil_the_others():
    responses = population(40, 6, 5, 0.5)
    without = ceilings.split_half_ceiling(responses[:, :, 1:], n_splits=10, seed=1)
    responses[:, :, 0] = 3.0
    ceiling = ceilings.split_half_ceiling(responses, n_splits=10, seed=1)
    assert np.isnan(ceiling.per_neuroid).tolist() == [True, False, False, False, False]
    assert ceiling.value == pytest.approx(without.value)


# --- split halves of grids ---


def planted_grids(n_images: int = 3, n_positions: int = 25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Responses (stimulus, 6 repetitions, 5 neuroids) and the image of each stimulus, in a random order."""
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_images), n_positions)).astype(str)
    return population(len(groups), 6, 5, 0.3, seed), groups


def test_grid_ceiling_equals_a_recomputation_image_by_image():
    responses, groups = planted_grids()
    ceiling = ceilings.split_half_ceiling(responses, 4, 3, groups)
    rng = np.random.RandomState(3)
    expected = np.zeros((4, 3, 5))
    for split in range(4):
        permutation = rng.permutation(6)
        one, other = (responses[:, half].mean(axis=1) for half in (permutation[:3], permutation[3:]))
        for image in range(3):
            at = groups == str(image)
            for neuroid in range(5):
                r = scipy_stats.pearsonr(one[at, neuroid], other[at, neuroid])[0]
                expected[split, image, neuroid] = 2 * r / (1 + r)
    np.testing.assert_allclose(ceiling.per_split, expected, atol=1e-12)
    r = (expected / (2 - expected)).mean(axis=(0, 1))
    np.testing.assert_allclose(ceiling.per_neuroid, 2 * r / (1 + r), atol=1e-12)
    of_image = np.median(expected, axis=2).mean(axis=0)
    assert ceiling.value == pytest.approx(np.sqrt(of_image).mean() ** 2, abs=1e-12)


def test_mean_differences_between_images_do_not_raise_a_grid_ceiling():
    responses, groups = planted_grids()
    shifted = responses + 100 * groups.astype(int)[:, None, None]
    one, other = (
        ceilings.split_half_ceiling(r, n_splits=10, seed=1, groups=groups) for r in (responses, shifted)
    )
    np.testing.assert_allclose(other.per_neuroid, one.per_neuroid, atol=1e-9)
    assert ceilings.split_half_ceiling(shifted, n_splits=10, seed=1).value > 0.99 > one.value + 0.1


def test_one_image_is_no_different_from_no_images():
    responses = population(40, 6, 5, 0.5)
    one, other = (
        ceilings.split_half_ceiling(responses, n_splits=10, seed=1, groups=g) for g in (None, np.zeros(40))
    )
    np.testing.assert_array_equal(one.per_split, other.per_split[:, 0])
    assert one.value == pytest.approx(other.value)


def test_the_interval_of_a_ceiling_is_of_95_percent_of_the_draws():
    """Expanded for the fewer of stimuli and neuroids, as every interval is."""
    responses = population(30, 4, 6, 0.5)
    found = ceilings.split_half_ceiling(responses, 3, 2)
    drawn = ceilings.trials(responses, 3, 2).resampled(resampling.draw(np.arange(30), 6, 2))
    ends = np.quantile(drawn, bootstrap.expanded_quantiles(6))
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(ends), abs=1e-12)


def test_a_drawn_ceiling_of_grids_is_the_squared_mean_root_over_the_drawn_images():
    responses, groups = planted_grids(n_images=5)
    own = ceilings.trials(responses, 3, 2, groups)
    draws = resampling.draw(groups, responses.shape[2], seed=0, draws=8)
    for found, weights, chosen in zip(own.resampled(draws), draws.weights, draws.neuroids, strict=True):
        of_images = np.median(own.per_split()[:, :, chosen], axis=2).mean(axis=0)
        expected = np.average(np.sqrt(np.maximum(of_images, 0)), weights=weights) ** 2
        assert found == pytest.approx(expected, abs=1e-12)


def test_without_halves_the_ceiling_is_one_less_the_inverse_of_scipys_f():
    """Of equal repetitions: the intraclass correlation of their mean, 1 - 1 / F, whatever their number."""
    responses = population(9, 3, 4, 0.5)
    f = [scipy_stats.f_oneway(*responses[..., neuroid]).statistic for neuroid in range(4)]
    found = ceilings.split_half_ceiling(responses, n_splits=10, seed=1)
    np.testing.assert_allclose(found.per_neuroid, 1 - 1 / np.array(f), atol=1e-12)
