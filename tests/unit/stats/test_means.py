"""Claims about means over what is defined."""

from __future__ import annotations

import warnings

import numpy as np

from visalign.stats import means


def test_the_mean_is_over_what_is_defined_and_nan_without_a_warning_where_nothing_is():
    values = np.array([[1.0, np.nan, 3.0], [np.nan] * 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = means.mean_defined(values, axis=1)
    np.testing.assert_array_equal(found, [2, np.nan])


def test_an_undefined_number_is_none_in_json():
    assert means.or_none(np.nan) is None and means.or_none(np.float64(2)) == 2.0
