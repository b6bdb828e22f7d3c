"""Claims about statistics of what is defined."""

from __future__ import annotations

import warnings

import numpy as np

from visalign.stats import defined


def test_the_mean_is_over_what_is_defined_and_nan_without_a_warning_where_nothing_is():
    values = np.array([[1.0, np.nan, 3.0], [np.nan] * 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = defined.mean_of_defined(values, axis=1)
    np.testing.assert_array_equal(found, [2, np.nan])


def test_the_median_is_over_what_is_defined_and_nan_without_a_warning_where_nothing_is():
    values = np.array([[1.0, np.nan, 4.0, 9.0], [np.nan] * 4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(defined.median_of_defined(values), [4, np.nan])
        assert defined.median_of_defined(np.array([1.0, 4, 9])) == 4


def test_an_undefined_number_is_none_in_json():
    assert defined.or_none(np.nan) is None and defined.or_none(np.float64(2)) == 2.0
