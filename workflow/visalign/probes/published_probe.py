"""The published probe: one linear layer trained by AdamW, the best of thirty epochs on a validation set.

As in the released code of the 3D-PC (serre-lab/VPT): batch norm without affine (eps 1e-6), dropout .3, a
linear layer with one output, binary cross-entropy, AdamW at rate 5e-5 with decay 1e-4, batches of 16, the
last incomplete one dropped, 30 epochs without a schedule. Starts and running statistics are torch's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from visalign.probes.ridge_probe import correct

EPOCHS, BATCH = 30, 16
RATE, DECAY, DROPOUT = 5e-5, 1e-4, 0.3
EPS, MOMENTUM = 1e-6, 0.1
BETAS, ADAM_EPS = (0.9, 0.999), 1e-8


class Trained(NamedTuple):
    """``values`` (n_test,) of the best epoch, ``epoch`` from 1, and ``validation`` (epochs,) accuracies."""

    values: np.ndarray
    epoch: int
    validation: np.ndarray


def train(
    X: np.ndarray,
    label: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    test: np.ndarray,
    rng: np.random.Generator,
    *,
    epochs: int = EPOCHS,
    batch: int = BATCH,
    rate: float = RATE,
    dropout: float = DROPOUT,
) -> Trained:
    """Train, and return what the epoch of the highest validation accuracy says of the test stimuli.

    Parameters
    ----------
    X : ndarray, shape (n_train, p)
        Features as they are; batch norm scales them.
    label : ndarray, shape (n_train,)
        1 and 0.
    validation : tuple of ndarray, (n_val, p) and (n_val,)
        Features and labels.
    test : ndarray, shape (n_test, p)
    rng : Generator
        Of the first weights, the order of the stimuli and dropout.

    Returns
    -------
    Trained
        The first of equally good epochs.

    Raises
    ------
    ValueError
        Fewer training stimuli than a batch.
    """
    X, label = np.asarray(X, dtype=np.float64), np.asarray(label, dtype=np.float64)
    n, p = X.shape
    if n < batch:
        raise ValueError(f"{n} training stimuli are no batch of {batch}")
    parameters = rng.uniform(-1, 1, p + 1) / np.sqrt(p)  # weights, then the intercept
    first, second = np.zeros(p + 1), np.zeros(p + 1)
    mean, variance = np.zeros(p), np.ones(p)
    best, accuracies, step = -1.0, [], 0
    values, epoch = np.zeros(len(test)), 0
    for number in range(1, epochs + 1):
        order = rng.permutation(n)
        for start in range(0, n - batch + 1, batch):
            rows = order[start : start + batch]
            x = X[rows]
            m, v = x.mean(axis=0), x.var(axis=0)
            mean += MOMENTUM * (m - mean)
            variance += MOMENTUM * (v * batch / (batch - 1) - variance)
            z = (x - m) / np.sqrt(v + EPS)
            if dropout:
                z *= (rng.random(z.shape) >= dropout) / (1 - dropout)
            error = (expit(z @ parameters[:-1] + parameters[-1]) - label[rows]) / batch
            gradient = np.append(error @ z, error.sum())
            step += 1
            parameters = parameters * (1 - rate * DECAY)
            first += (1 - BETAS[0]) * (gradient - first)
            second += (1 - BETAS[1]) * (gradient**2 - second)
            scale = np.sqrt(second / (1 - BETAS[1] ** step)) + ADAM_EPS
            parameters -= rate / (1 - BETAS[0] ** step) * first / scale
        weights = parameters[:-1] / np.sqrt(variance + EPS)
        offset = parameters[-1] - mean @ weights
        accuracies.append(float(correct(validation[0] @ weights + offset, validation[1]).mean()))
        if accuracies[-1] > best:
            best, epoch, values = accuracies[-1], number, test @ weights + offset
    return Trained(values, epoch, np.array(accuracies))
