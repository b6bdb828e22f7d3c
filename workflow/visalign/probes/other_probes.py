"""Probes of other conventions: logistic regression, and the 30 epochs of AdamW that probed the 3D-PC."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

#: Strength of the L2 penalty of logistic regression: scikit-learn's C = 1.
PENALTY = 1.0
#: Newton steps at most, and the largest gradient at the optimum.
STEPS, TOLERANCE = 100, 1e-8
#: The published probe: VPT, Linsley et al. 2024 (arXiv 2406.04138).
EPOCHS, BATCH, RATE, DECAY, DROPOUT = 30, 16, 5e-5, 1e-4, 0.3
NORM_EPSILON, NORM_MOMENTUM = 1e-6, 0.1
BETAS, ADAM_EPSILON = (0.9, 0.999), 1e-8


def logistic(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Decisions of logistic regression with an L2 penalty, by Newton's method.

    It minimises ½ ‖w‖² + Σ log(1 + exp(−y (x·w + b))), as scikit-learn's does with C = 1. With more features
    than trials it works on the trials' Gram matrix, in which the optimum lies.

    Parameters
    ----------
    train, test : ndarray, shape (n, n_features)
        Scaled.
    labels : ndarray, shape (n_train,)
        -1 and 1.

    Returns
    -------
    ndarray, shape (n_test,)
    """
    if train.shape[1] > len(train):
        # An orthonormal basis of the span of the training trials.
        basis = np.linalg.qr(train.T)[0]
        train, test = train @ basis, test @ basis
    n, p = train.shape
    design = np.column_stack([train, np.ones(n)])
    ridge = np.append(np.full(p, PENALTY), 0.0)
    weights = np.zeros(p + 1)

    def loss(w: np.ndarray) -> float:
        return float(0.5 * ridge @ w**2 + np.logaddexp(0, -labels * (design @ w)).sum())

    for _ in range(STEPS):
        wrong = expit(-labels * (design @ weights))
        gradient = ridge * weights - design.T @ (labels * wrong)
        if np.abs(gradient).max() < TOLERANCE:
            break
        hessian = (design * (wrong * (1 - wrong))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(hessian + 1e-12 * np.eye(p + 1), gradient)
        size, before = 1.0, loss(weights)
        while loss(weights - size * step) > before - 1e-4 * size * (gradient @ step) and size > 1e-8:
            size /= 2
        weights = weights - size * step
    return test @ weights[:-1] + weights[-1]


def published(
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    rng: np.random.Generator,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Decisions of the published probe: batch norm without affine, dropout, a linear layer, AdamW.

    30 epochs of batches of 16 (an incomplete one is dropped), binary cross-entropy, rate 5e-5, decay 1e-4, no
    schedule. The epoch is the one with the best accuracy on validation trials; without these the last. In
    the 3D-PC these share all settings with training trials, so what is chosen by them is memory.

    Parameters
    ----------
    train, test : ndarray, shape (n, n_features)
        As they are: the batch norm scales them.
    labels : ndarray, shape (n_train,)
        -1 and 1.
    validation : (ndarray, ndarray), optional
        Features and labels.

    Returns
    -------
    ndarray, shape (n_test,)
    """
    train, test = np.asarray(train, np.float32), np.asarray(test, np.float32)
    n, p = train.shape
    if n < BATCH:
        raise ValueError(f"published probe: {n} training trials, fewer than a batch of {BATCH}")
    target = (np.asarray(labels) > 0).astype(np.float32)
    bound = 1 / np.sqrt(p)
    weights = rng.uniform(-bound, bound, p + 1).astype(np.float32)  # of torch's linear layer
    moments = np.zeros((2, p + 1), np.float32)
    mean, variance = np.zeros(p, np.float32), np.ones(p, np.float32)
    best, chosen, step = -1.0, np.zeros(len(test)), 0
    for _ in range(EPOCHS):
        order = rng.permutation(n)
        for start in range(0, n - BATCH + 1, BATCH):
            batch = train[order[start : start + BATCH]]
            own_mean, own_variance = batch.mean(axis=0), batch.var(axis=0)
            mean += NORM_MOMENTUM * (own_mean - mean)
            variance += NORM_MOMENTUM * (own_variance * BATCH / (BATCH - 1) - variance)
            kept = rng.random(batch.shape, dtype=np.float32) >= DROPOUT
            shown = (batch - own_mean) / np.sqrt(own_variance + NORM_EPSILON) * kept / (1 - DROPOUT)
            error = expit(shown @ weights[:-1] + weights[-1]) - target[order[start : start + BATCH]]
            gradient = np.append(shown.T @ error, error.sum()) / BATCH
            step += 1
            weights *= 1 - RATE * DECAY
            for moment, beta, value in zip(moments, BETAS, (gradient, gradient**2), strict=True):
                moment += (1 - beta) * (value - moment)
            first, second = (m / (1 - b**step) for m, b in zip(moments, BETAS, strict=True))
            weights -= RATE * first / (np.sqrt(second) + ADAM_EPSILON)

        scale = weights[:-1] / np.sqrt(variance + NORM_EPSILON)
        accuracy = 0.0
        if validation is not None:
            accuracy = float(
                (((validation[0] - mean) @ scale + weights[-1] > 0) == (validation[1] > 0)).mean()
            )
        if validation is None or accuracy > best:
            best, chosen = accuracy, (test - mean) @ scale + weights[-1]
    return chosen
