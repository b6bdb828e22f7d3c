"""Claims about noise ceilings: split-half within a subject, prediction between subjects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import ShuffleSplit

from visalign import ceilings


def population(
    n_stimuli: int, n_repetitions: int, n_neuroids: int, reliability: float, seed: int = 0
) -> np.ndarray:
    """Signal plus trial noise; a single trial's reliability is signal variance / total variance."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n_stimuli, 1, n_neuroids))
    noise = rng.standard_normal((n_stimuli, n_repetitions, n_neuroids))
    return np.sqrt(reliability) * signal + np.sqrt(1 - reliability) * noise


# --- split halves ---


@pytest.mark.parametrize("missing", [False, True])
def test_ceiling_equals_a_straightforward_recomputation(missing):
    responses = population(30, 7, 5, 0.4)
    if missing:
        responses[np.random.default_rng(1).random(responses.shape) < 0.3] = np.nan
    ceiling = ceilings.split_half_ceiling(responses, n_splits=4, seed=3)
    # ShuffleSplit's definition: of a permutation, the last are the training half, the first the test half.
    rng = np.random.RandomState(3)
    expected = np.zeros((4, 5))
    for split in range(4):
        permutation = rng.permutation(7)
        for neuroid in range(5):
            halves = []
            for half in (permutation[:4], permutation[4:]):
                means = []
                for stimulus in range(30):
                    trials = [responses[stimulus, k, neuroid] for k in half]
                    trials = [t for t in trials if not np.isnan(t)]
                    means.append(sum(trials) / len(trials) if trials else np.nan)
                halves.append(np.array(means))
            both = ~np.isnan(halves[0]) & ~np.isnan(halves[1])
            r = scipy_stats.pearsonr(halves[0][both], halves[1][both])[0]
            expected[split, neuroid] = 2 * r / (1 + r)
    np.testing.assert_allclose(ceiling.per_split, expected, atol=1e-12)
    np.testing.assert_allclose(ceiling.per_neuroid, expected.mean(axis=0), atol=1e-12)
    assert ceiling.value == pytest.approx(np.median(expected, axis=1).mean(), abs=1e-12)


@pytest.mark.parametrize(("reliability", "n_repetitions"), [(0.3, 8), (0.1, 20), (0.6, 2)])
def test_ceiling_recovers_the_planted_reliability(reliability, n_repetitions):
    """Planted: of the mean over k trials of reliability q, kq / (1 + (k − 1)q), by construction.

    One neuroid's estimate has a standard error of at most .025 at 800 stimuli (Fisher: (1 − r²)/√n, times
    the correction's slope 2/(1 + r)²); the median over 60 neuroids shrinks it by √(π/2)/√60 to .004. The
    tolerance is four of them.
    """
    responses = population(800, n_repetitions, 60, reliability)
    planted = n_repetitions * reliability / (1 + (n_repetitions - 1) * reliability)
    ceiling = ceilings.split_half_ceiling(responses)
    assert ceiling.value == pytest.approx(planted, abs=0.016)
    assert ceiling.ci_low - 0.01 < planted < ceiling.ci_high + 0.01
    assert ceiling.ci_low < ceiling.value < ceiling.ci_high


def test_noise_free_neuroids_have_ceiling_one_and_pure_noise_zero():
    assert ceilings.split_half_ceiling(population(50, 4, 8, 1.0)).value == pytest.approx(1)
    # The corrected r of pure noise at 2,000 stimuli scatters by 2/√2000 = .045 a neuroid, .008 in the median.
    assert abs(ceilings.split_half_ceiling(population(2000, 4, 60, 0.0)).value) < 0.032


def test_ceiling_does_not_depend_on_offset_and_scale_of_neuroids():
    responses = population(40, 6, 5, 0.5)
    shifted = responses * np.array([1, 10, 0.1, 3, 2]) + np.array([0, 100, -7, 1, 5])
    a, b = (ceilings.split_half_ceiling(r).per_neuroid for r in (responses, shifted))
    np.testing.assert_allclose(a, b, atol=1e-10)


def test_one_repetition_has_no_ceiling():
    ceiling = ceilings.split_half_ceiling(population(20, 1, 3, 0.5))
    assert np.isnan(ceiling.value) and np.isnan(ceiling.per_neuroid).all()
    assert ceiling.per_split.shape == (10, 3)


def test_a_constant_neuroid_is_undefined_and_does_not_spoil_the_others():
    responses = population(40, 6, 5, 0.5)
    without = ceilings.split_half_ceiling(responses[:, :, 1:])
    responses[:, :, 0] = 3.0
    ceiling = ceilings.split_half_ceiling(responses)
    assert np.isnan(ceiling.per_neuroid).tolist() == [True, False, False, False, False]
    assert ceiling.value == pytest.approx(without.value)


# --- split halves of maps ---


def planted_maps(n_images: int = 3, n_positions: int = 25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Responses (stimulus, 6 repetitions, 5 neuroids) and the image of each stimulus, in a random order."""
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_images), n_positions)).astype(str)
    return population(len(groups), 6, 5, 0.3, seed), groups


def test_map_ceiling_equals_a_recomputation_image_by_image():
    responses, groups = planted_maps()
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
    np.testing.assert_allclose(ceiling.per_neuroid, expected.mean(axis=(0, 1)), atol=1e-12)
    assert ceiling.value == pytest.approx(np.median(expected, axis=2).mean(), abs=1e-12)
    assert ceiling.per_split.shape == (12, 5)


def test_mean_differences_between_images_do_not_raise_a_map_ceiling():
    responses, groups = planted_maps()
    shifted = responses + 100 * groups.astype(int)[:, None, None]
    one, other = (ceilings.split_half_ceiling(r, groups=groups) for r in (responses, shifted))
    np.testing.assert_allclose(other.per_neuroid, one.per_neuroid, atol=1e-9)
    assert ceilings.split_half_ceiling(shifted).value > 0.99 > one.value + 0.1


def test_one_image_is_no_different_from_no_images():
    responses = population(40, 6, 5, 0.5)
    one, other = (ceilings.split_half_ceiling(responses, groups=g) for g in (None, np.zeros(40)))
    np.testing.assert_array_equal(one.per_split, other.per_split)


# --- between subjects ---


def two_subjects(n_stimuli: int = 60, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Noisy readings (n_stimuli, 12) of three latent signals by the sites of two subjects, interleaved."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((n_stimuli, 3)) @ rng.standard_normal((3, 12))
    return signal + noise * rng.standard_normal(signal.shape), np.array(["Chabo", "Tito"] * 6)


def test_subject_ceiling_equals_scikit_learn_on_the_responses_themselves():
    responses, subjects = two_subjects()
    ceiling = ceilings.subject_ceiling(responses, subjects, n_splits=3, seed=2, components=4)
    expected = np.zeros(12)
    for source, target in (("Chabo", "Tito"), ("Tito", "Chabo")):
        X, Y = responses[:, subjects == source], responses[:, subjects == target]
        r = []
        for train, test in ShuffleSplit(3, train_size=0.9, random_state=2).split(X):
            predicted = (
                PLSRegression(4, scale=False, tol=1e-12, max_iter=10000)
                .fit(X[train], Y[train])
                .predict(X[test])
            )
            r.append([scipy_stats.pearsonr(*pair)[0] for pair in zip(predicted.T, Y[test].T, strict=True)])
        expected[subjects == target] = np.mean(r, axis=0)
    np.testing.assert_allclose(ceiling.per_neuroid, expected, atol=1e-6)
    assert ceiling.value == pytest.approx(np.median(expected), abs=1e-6)
    assert ceiling.ci_low <= ceiling.value <= ceiling.ci_high


def test_subjects_with_the_same_signals_predict_each_other_wholly_and_strangers_not():
    responses, subjects = two_subjects(noise=0)
    assert ceilings.subject_ceiling(responses, subjects).value == pytest.approx(1)
    responses[:, subjects == "Tito"] = np.random.default_rng(1).standard_normal((60, 6))
    # r over 6 held-out stimuli scatters by 1/√5 = .45; the mean over 10 splits by at least .14.
    assert abs(ceilings.subject_ceiling(responses, subjects).value) < 0.45


def test_a_third_subject_without_signal_halves_the_ceiling():
    responses, subjects = two_subjects(400, noise=0)
    noise = np.random.default_rng(1).standard_normal((400, 6))
    ceiling = ceilings.subject_ceiling(np.hstack([responses, noise]), np.append(subjects, ["Nano"] * 6))
    # Sites of Chabo: mean of 1 (from Tito) and r from noise: 1/√39/√10 = .05 over 10 splits of 40 stimuli.
    np.testing.assert_allclose(ceiling.per_neuroid[:12], 0.5, atol=0.1)


def test_maps_are_predicted_on_images_left_out():
    """The signal differs in sign between images: within images it predicts, across images it misleads."""
    responses, subjects = two_subjects(120, noise=0)
    groups = np.repeat(["a", "b"], 60)
    flipped = np.where((groups[:, None] == "b") & (subjects == "Tito"), -responses, responses)
    ceiling = ceilings.subject_ceiling(flipped, subjects, groups=groups)
    np.testing.assert_allclose(ceiling.per_neuroid, -1, atol=1e-6)


def test_stimuli_that_one_subject_lacks_are_left_out():
    responses, subjects = two_subjects()
    holes = responses.copy()
    holes[40:, 0] = np.nan
    one = ceilings.subject_ceiling(holes, subjects)
    np.testing.assert_array_equal(
        one.per_neuroid, ceilings.subject_ceiling(responses[:40], subjects).per_neuroid
    )


def test_a_subject_ceiling_of_float32_responses_far_from_zero_keeps_its_precision():
    responses, subjects = two_subjects()
    one, other = (
        ceilings.subject_ceiling(r, subjects).per_neuroid
        for r in (responses, (responses + 1000).astype(np.float32))
    )
    np.testing.assert_allclose(other, one, atol=1e-2)


@pytest.mark.parametrize("case", ["one subject", "few stimuli", "one image"])
def test_a_subject_ceiling_may_be_undefined(case):
    responses, subjects = two_subjects()
    groups = np.zeros(60) if case == "one image" else None
    if case == "one subject":
        subjects = np.full(12, "Chabo")
    if case == "few stimuli":
        responses = responses[:19]
    ceiling = ceilings.subject_ceiling(responses, subjects, groups=groups)
    assert np.isnan([ceiling.value, ceiling.ci_low, ceiling.ci_high, *ceiling.per_neuroid]).all()


# --- site pairs ---


def test_twin_sites_reach_the_reliability_of_one_map():
    """Pairs of sites with the same tuning and noise of reliability c correlate by c."""
    rng = np.random.default_rng(0)
    n_images, n_positions, n_pairs, c = 20, 81, 10, 0.6
    tuning = rng.standard_normal((n_images, n_positions, n_pairs)).repeat(2, axis=2)
    noise = rng.standard_normal(tuning.shape) * np.sqrt((1 - c) / c)
    found = ceilings.site_pair_ceiling(tuning + noise)
    assert found.value == pytest.approx(c, abs=0.03)
    assert found.ci_low < found.value < found.ci_high
    assert found.best >= found.value


def test_the_partner_is_not_chosen_on_the_image_it_is_judged_on():
    """Sites of pure noise have no partner: the published choice finds one all the same."""
    maps = np.random.default_rng(0).standard_normal((12, 49, 30))
    found = ceilings.site_pair_ceiling(maps)
    assert abs(found.value) < 0.05
    assert found.best > 0.25


@pytest.mark.parametrize("shape", [(1, 49, 5), (5, 49, 1)])
def test_one_site_or_image_has_no_pairs(shape):
    assert np.isnan(ceilings.site_pair_ceiling(np.zeros(shape)).value)


def test_a_subject_predicts_another_on_other_pictures_than_it_was_fitted_on():
    """Unrelated responses of two subjects to pictures that were shown under two ids each."""
    rng = np.random.default_rng(0)
    pictures = np.repeat(np.arange(60), 2)
    responses = np.repeat(rng.standard_normal((60, 60)), 2, axis=0)
    subjects = np.repeat(["a", "b"], 30)
    leaky = ceilings.subject_ceiling(responses, subjects)
    fair = ceilings.subject_ceiling(responses, subjects, pictures=pictures)
    assert leaky.value > 0.3 and fair.value < 0.15
    positions = np.repeat(np.arange(12), 10)  # of maps, of which two are of one image
    shown = np.where(positions == 11, 0, positions)
    for groups, names in ((positions, None), (positions, shown)):
        splits = ceilings._splits(120, 10, 1, groups, names)
        assert [set(positions[test]) for _, test in splits] == [{i} for i in range(12)]
        own = groups if names is None else names
        assert not any(set(own[train]) & set(own[test]) for train, test in splits)
