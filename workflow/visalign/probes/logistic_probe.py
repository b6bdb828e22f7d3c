"""The logistic probe: L2-penalised logistic regression by Newton's method, as scikit-learn's."""

from __future__ import annotations

import numpy as np
from scipy import linalg
from scipy.special import expit

from visalign.probes.spectra import Spectrum

#: scikit-learn's C = 1.
PENALTY = 1.0


def classify(
    spectrum: Spectrum, label: np.ndarray, penalty: float = PENALTY, iterations: int = 100
) -> np.ndarray:
    """Minimise Σ log(1 + exp(−y (x·w + b))) + ½ penalty ‖w‖² and return decision values of the test stimuli.

    The weights lie in the span of the training features, so they are found in its basis: scikit-learn's
    ``LogisticRegression(C=1 / penalty)`` on the same z-scored features, whichever is larger of n and p.

    Parameters
    ----------
    label : ndarray, shape (n_train,)
        1 and 0.
    penalty : float
        Positive.

    Returns
    -------
    ndarray, shape (n_test,)
        Log odds of label 1.
    """
    root = np.sqrt(spectrum.eigenvalues)
    x = np.column_stack([spectrum.basis * root, np.ones(len(label))])
    ridge = np.append(np.full(len(root), float(penalty)), 0.0)
    y = (label > 0).astype(float)

    def loss(w: np.ndarray) -> float:
        f = x @ w
        return float(np.logaddexp(0, f).sum() - y @ f + 0.5 * ridge @ w**2)

    w = np.zeros(x.shape[1])
    now = loss(w)
    for _ in range(iterations):
        p = expit(x @ w)
        gradient = x.T @ (p - y) + ridge * w
        hessian = (x.T * (p * (1 - p))) @ x
        hessian[np.diag_indices_from(hessian)] += ridge
        step = linalg.solve(hessian, gradient, assume_a="pos")
        size = 1.0
        while (then := loss(w - size * step)) > now and size > 1e-6:  # Newton may overshoot
            size /= 2
        w, before, now = w - size * step, now, then
        if before - now <= 1e-15 * max(abs(now), 1) and np.abs(step).max() < 1e-9 * max(np.abs(w).max(), 1):
            break
    return (spectrum.test / root) @ w[:-1] + w[-1]
