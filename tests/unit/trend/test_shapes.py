"""Claims about how well shapes describe a cloud of models."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from visalign.trend import segmented, shapes

N = 60


def test_bic_and_cross_validated_error_of_a_line_are_the_closed_form_and_scikit_learn_s(cloud):
    x, y, families = cloud
    found = shapes.compare(x, y, families, np.random.default_rng(0))
    rss = np.polyfit(x, y, 1, full=True)[1][0]
    assert found["linear"]["bic"] == pytest.approx(N * np.log(rss / N) + 2 * np.log(N))
    folds = LeaveOneGroupOut()  # seven families are fewer than the folds: each is left out alone
    predicted = cross_val_predict(LinearRegression(), x[:, None], y, groups=families, cv=folds)
    assert found["linear"]["cv_rmse"] == pytest.approx(np.sqrt(np.mean((y - predicted) ** 2)))
    assert found["segmented"]["bic"] < found["linear"]["bic"] < found["plateau"]["bic"] + 20


def test_bic_counts_the_changepoint_as_a_coefficient(cloud):
    x, y, families = cloud
    found = shapes.compare(x, y, families, np.random.default_rng(0))
    for shape, k in (("plateau", 3), ("segmented", 4)):
        rss = min(
            np.linalg.lstsq(d, y)[1][0] for d in segmented.designs(x, segmented.candidate_knots(x), shape)
        )
        assert found[shape]["bic"] == pytest.approx(N * np.log(rss / N) + k * np.log(N))


def test_shapes_of_equal_x_are_not_compared():
    x, y = np.ones(20), np.arange(20.0)
    assert shapes.compare(x, y, np.arange(20), np.random.default_rng(0)) is None
