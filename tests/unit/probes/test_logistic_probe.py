"""Claims about the logistic probe: it is scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from visalign.probes import logistic_probe
from visalign.probes.spectra import STD_OFFSET, Features

TRAIN, TEST = np.arange(80), np.arange(80, 120)


@pytest.mark.parametrize("p", [10, 79, 300])
@pytest.mark.parametrize("penalty", [0.1, 1.0, 100.0])
def test_log_odds_equal_scikit_learn(p, penalty):
    rng = np.random.default_rng(p)
    X = rng.standard_normal((120, p)) * rng.uniform(0.5, 2, p) + 3
    label = (X[:, 0] + rng.standard_normal(120) > 2.5).astype(int)
    Z = (X - X[TRAIN].mean(axis=0)) / (X[TRAIN].std(axis=0) + STD_OFFSET)
    reference = LogisticRegression(C=1 / penalty, tol=1e-12, solver="newton-cholesky", max_iter=500)
    expected = reference.fit(Z[TRAIN], label[TRAIN]).decision_function(Z[TEST])
    found = logistic_probe.classify(Features(X).spectrum(TRAIN, TEST), label[TRAIN], penalty)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_features_that_know_nothing_give_the_odds_of_the_labels():
    label = (np.arange(80) < 60).astype(int)
    found = logistic_probe.classify(Features(np.ones((120, 4))).spectrum(TRAIN, TEST), label)
    np.testing.assert_allclose(found, np.log(3))
