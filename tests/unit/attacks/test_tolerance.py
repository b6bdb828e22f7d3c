"""Claims about sizes of perturbations, summarised over images, and about those that are not believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visalign.attacks import tolerance


def found(norm, success, clean, **signs):
    """Per-image results of attacked images whose gradients tell the truth, but for `signs`."""
    n = len(norm)
    return {
        "norm": np.asarray(norm, float),
        "success": np.array(success, bool),
        "clean_correct": np.array(clean, bool),
        "first_order_distance": np.asarray(norm, float),
        "gradient_vanished": np.zeros(n, bool),
        "gradients_not_finite": np.zeros(n, int),
        "reproduced": np.ones(n, bool),
    } | {name: np.asarray(values) for name, values in signs.items()}


def entries(norm, success, clean, **signs):
    got = tolerance.summarise(found(norm, success, clean, **signs), 100, np.random.default_rng(0), 500)
    return {score.metric: score for score in got}


def test_tolerance_is_the_mean_over_clean_correct_images():
    got = entries([1, 2, 3, np.nan], [1, 1, 1, 0], [1, 1, 1, 0])
    assert got["perturbation_tolerance"].value == pytest.approx(2)
    assert got["perturbation_tolerance_median"].value == pytest.approx(2)
    assert got["perturbation_tolerance_per_sqrt_dimension"].value == pytest.approx(0.2)
    assert (got["perturbation_tolerance"].n, got["perturbation_tolerance"].n_excluded) == (3, 1)
    assert {entry.status for entry in got.values()} == {"ok"}


def test_quantiles_without_censored_images_are_numpy_s():
    norms = np.random.default_rng(1).random(17)
    got = entries(norms, np.ones(17), np.ones(17))
    for metric, q in tolerance.QUANTILES.items():
        assert got[metric].value == pytest.approx(np.quantile(norms, q), rel=1e-12)
        assert got[metric].ci_low <= got[metric].value <= got[metric].ci_high


def test_a_mean_that_censored_images_take_part_in_has_no_value_but_their_number():
    got = entries([1, 2, np.nan], [1, 1, 0], [1, 1, 1])
    for metric in ("perturbation_tolerance", "perturbation_tolerance_per_sqrt_dimension"):
        assert got[metric].value is None and got[metric].ci_low is None
        assert got[metric].status == "undefined: 1 of 3 censored"
    one_of_many = entries([*np.ones(5000), np.nan], [*np.ones(5000), 0], np.ones(5001))
    assert one_of_many["perturbation_tolerance_per_sqrt_dimension"].value is None


def test_censored_images_are_above_every_norm_in_quantiles_which_they_may_leave_undefined():
    got = entries([1, 2, np.nan], [1, 1, 0], [1, 1, 1])
    median, top = got["perturbation_tolerance_median"], got["perturbation_tolerance_q90"]
    assert median.value == pytest.approx(2)
    assert median.status == "ok, 1 of 3 censored above every norm"
    assert median.ci_high is None, "some draws hold more censored images than not"
    assert top.value is None and top.status == "undefined: 1 of 3 censored"
    more = entries([1, 2, np.nan, np.nan, np.nan], [1, 1, 0, 0, 0], np.ones(5))[
        "perturbation_tolerance_median"
    ]
    assert more.value is None and more.status == "undefined: 3 of 5 censored"


@given(
    st.lists(st.floats(0.01, 400), min_size=1, max_size=20),
    st.integers(0, 20),
    st.sampled_from(sorted(tolerance.QUANTILES.values())),
)
def test_a_quantile_is_undefined_exactly_where_it_depends_on_censored_norms(norms, censored, q):
    norm = np.array(norms + [np.nan] * censored)
    first, second = (np.quantile(np.nan_to_num(norm, nan=fill), q) for fill in (500.0, 600.0))
    got = tolerance.quantile(norm, np.isfinite(norm), q)
    assert (got is None) == (not np.isclose(first, second, rtol=1e-9))
    assert got is None or got == pytest.approx(first, rel=1e-6)


def test_a_model_without_clean_correct_image_gets_a_reason():
    for entry in entries([np.nan, np.nan], [0, 0], [0, 0]).values():
        assert entry.value is None
        assert entry.status == "no clean-correct image to attack"


@pytest.mark.parametrize(
    "signs, status",
    [
        ({"gradient_vanished": [True, False, False]}, "gradient vanished on 1 of 3 images"),
        ({"gradients_not_finite": [0, 4, 1]}, "gradients not finite on 2 of 3 images"),
        (
            {"reproduced": [True, True, False]},
            "other answers when run again on 1 of 3 images: a random network?",
        ),
        (
            {"first_order_distance": [0.2, 0.5, 10]},
            "smallest norms are 4 times the first-order distance: masked gradients?",
        ),
        (
            {"first_order_distance": [10, 10, 10]},
            "smallest norms are 0.2 times the first-order distance: masked gradients?",
        ),
    ],
)
def test_norms_of_a_masked_or_random_network_are_no_tolerance(signs, status):
    with_misnamed = {name: np.append(values, values[:1]) for name, values in signs.items()}
    got = entries([1, 2, 3, np.nan], [1, 1, 1, 0], [1, 1, 1, 0], **with_misnamed)
    assert len(got) == 5
    for entry in got.values():
        assert entry.value is None and entry.status == status
        assert (entry.n, entry.n_excluded) == (3, 1)


@pytest.mark.parametrize("ratio", [0.31, 0.7, 1.14, 1.9])
def test_norms_near_the_first_order_distance_are_believed(ratio):
    got = entries([1, 2, 3], [1, 1, 1], [1, 1, 1], first_order_distance=np.array([1, 2, 3]) / ratio)
    assert {entry.status for entry in got.values()} == {"ok"}


def test_what_an_attack_took_is_told_of_attacked_images_only():
    evaluations = {"gradient_evaluations": [20, 20, 12, 0], "forward_evaluations": [5, 7, 90, 1]}
    got = {e.metric: e for e in tolerance.cost(found([1] * 4, [1] * 4, [1, 1, 1, 0], **evaluations))}
    assert got["attack_gradient_evaluations"].value == 20
    assert got["attack_forward_evaluations"].value == 7
    assert got["attack_forward_evaluations_q95"].value == pytest.approx(np.quantile([5, 7, 90], 0.95))
    assert {entry.n for entry in got.values()} == {3}
