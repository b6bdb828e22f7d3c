import numpy as np
import pytest

from visalign import attacks


def entries(norm, success, clean, tried=None):
    per_image = {
        "norm": np.asarray(norm, float),
        "largest_tried_norm": np.full(len(norm), 9.0) if tried is None else np.asarray(tried, float),
        "success": np.array(success, bool),
        "clean_correct": np.array(clean, bool),
    }
    found = attacks.tolerance_entries(per_image, 100, np.random.default_rng(0), 500)
    return {entry["metric"]: entry for entry in found}


def test_tolerance_is_the_mean_over_clean_correct_images():
    got = entries([1, 2, 3, np.nan], [1, 1, 1, 0], [1, 1, 1, 0])
    assert got["perturbation_tolerance"]["value"] == pytest.approx(2)
    assert got["perturbation_tolerance_median"]["value"] == pytest.approx(2)
    assert got["perturbation_tolerance_per_sqrt_dimension"]["value"] == pytest.approx(0.2)
    assert (got["perturbation_tolerance"]["n"], got["perturbation_tolerance"]["n_excluded"]) == (3, 1)


def test_censored_images_enter_at_the_largest_tried_norm_and_are_counted():
    got = entries([1, 2, np.nan], [1, 1, 0], [1, 1, 1], tried=[1, 2, 30])
    assert got["perturbation_tolerance"]["value"] == pytest.approx(11)
    assert got["perturbation_tolerance_median"]["value"] == pytest.approx(2)
    assert "1 of 3 censored" in got["perturbation_tolerance"]["status"]


def test_a_model_without_clean_correct_image_gets_a_reason():
    got = entries([np.nan, np.nan], [0, 0], [0, 0])
    assert got["perturbation_tolerance"]["value"] is None
    assert got["perturbation_tolerance"]["status"] == "no clean-correct image to attack"
