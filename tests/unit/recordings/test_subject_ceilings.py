"""Claims about ceilings between subjects: prediction of neuroids from those of others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import ShuffleSplit

from visalign.recordings import subject_ceilings


def two_subjects(n_stimuli: int = 60, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Noisy readings (n_stimuli, 12) of three latent signals by the sites of two subjects, interleaved."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((n_stimuli, 3)) @ rng.standard_normal((3, 12))
    return signal + noise * rng.standard_normal(signal.shape), np.array(["Chabo", "Tito"] * 6)


def test_subject_ceiling_equals_scikit_learn_on_the_responses_themselves():
    responses, subjects = two_subjects()
    ceiling = subject_ceilings.subject_ceiling(responses, subjects, 4, n_splits=3, seed=2)
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
    assert subject_ceilings.subject_ceiling(
        responses, subjects, 25, n_splits=10, seed=1
    ).value == pytest.approx(1)
    responses[:, subjects == "Tito"] = np.random.default_rng(1).standard_normal((60, 6))
    # r over 6 held-out stimuli scatters by 1/√5 = .45; the mean over 10 splits by at least .14.
    assert abs(subject_ceilings.subject_ceiling(responses, subjects, 25, n_splits=10, seed=1).value) < 0.45


def test_a_third_subject_without_signal_halves_the_ceiling():
    responses, subjects = two_subjects(400, noise=0)
    noise = np.random.default_rng(1).standard_normal((400, 6))
    ceiling = subject_ceilings.subject_ceiling(
        np.hstack([responses, noise]), np.append(subjects, ["Nano"] * 6), 25, n_splits=10, seed=1
    )
    # Sites of Chabo: mean of 1 (from Tito) and r from noise: 1/√39/√10 = .05 over 10 splits of 40 stimuli.
    np.testing.assert_allclose(ceiling.per_neuroid[:12], 0.5, atol=0.1)


def test_grids_are_predicted_on_images_left_out():
    """The signal differs in sign between images: within images it predicts, across images it misleads."""
    responses, subjects = two_subjects(120, noise=0)
    groups = np.repeat(["a", "b"], 60)
    flipped = np.where((groups[:, None] == "b") & (subjects == "Tito"), -responses, responses)
    ceiling = subject_ceilings.subject_ceiling(flipped, subjects, 25, n_splits=10, seed=1, groups=groups)
    np.testing.assert_allclose(ceiling.per_neuroid, -1, atol=1e-6)


def test_stimuli_that_one_subject_lacks_are_left_out():
    responses, subjects = two_subjects()
    holes = responses.copy()
    holes[40:, 0] = np.nan
    one = subject_ceilings.subject_ceiling(holes, subjects, 25, n_splits=10, seed=1)
    np.testing.assert_array_equal(
        one.per_neuroid,
        subject_ceilings.subject_ceiling(responses[:40], subjects, 25, n_splits=10, seed=1).per_neuroid,
    )


def test_a_subject_ceiling_of_float32_responses_far_from_zero_keeps_its_precision():
    responses, subjects = two_subjects()
    one, other = (
        subject_ceilings.subject_ceiling(r, subjects, 25, n_splits=10, seed=1).per_neuroid
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
    ceiling = subject_ceilings.subject_ceiling(responses, subjects, 25, n_splits=10, seed=1, groups=groups)
    assert np.isnan([ceiling.value, ceiling.ci_low, ceiling.ci_high, *ceiling.per_neuroid]).all()


def test_a_subject_predicts_another_on_other_pictures_than_it_was_fitted_on():
    """Unrelated responses of two subjects to pictures that were shown under two ids each."""
    rng = np.random.default_rng(0)
    pictures = np.repeat(np.arange(60), 2)
    responses = np.repeat(rng.standard_normal((60, 60)), 2, axis=0)
    subjects = np.repeat(["a", "b"], 30)
    leaky = subject_ceilings.subject_ceiling(responses, subjects, 25, n_splits=10, seed=1)
    fair = subject_ceilings.subject_ceiling(responses, subjects, 25, n_splits=10, seed=1, pictures=pictures)
    assert leaky.value > 0.3 and fair.value < 0.15
    positions = np.repeat(np.arange(12), 10)  # of grids, of which two are of one image
    shown = np.where(positions == 11, 0, positions)
    for groups, names in ((positions, None), (positions, shown)):
        splits = subject_ceilings._splits(120, 10, 1, groups, names)
        assert [set(positions[test]) for _, test in splits] == [{i} for i in range(12)]
        own = groups if names is None else names
        assert not any(set(own[train]) & set(own[test]) for train, test in splits)
