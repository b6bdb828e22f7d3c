"""Gram PLS against scikit-learn's PLSRegression: 2,560 stimuli, 168 neuroids, ten splits of 25 components.

The peer is timed on one split and multiplied by ten: its time does not depend on the split.
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.cross_decomposition import PLSRegression

from _measure import report, result
from visalign.gram_matrix import gram
from visalign.gram_pls import predict
from visalign.neural import shuffle_splits
from visalign.stats import pearson

STIMULI, NEUROIDS, COMPONENTS = 2560, 168, 25


def problem(features: int) -> tuple[np.ndarray, np.ndarray]:
    """Features with a decaying spectrum, and responses that read it with noise."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((STIMULI, 200), dtype=np.float32)
    latent *= np.arange(1, 201, dtype=np.float32) ** -0.5
    X = latent @ rng.standard_normal((200, features), dtype=np.float32)
    X += 0.5 * rng.standard_normal(X.shape, dtype=np.float32)
    Y = latent @ rng.standard_normal((200, NEUROIDS), dtype=np.float32)
    return X, (Y + rng.standard_normal(Y.shape, dtype=np.float32)).astype(np.float64)


def measure(features: int, target: float) -> list[dict]:
    """Compare both on the same data in one run."""
    X, Y = problem(features)
    splits = shuffle_splits(STIMULI, None, 10, 0.9, 1)
    start = time.perf_counter()
    step = 4096
    K = gram(X[:, i : i + step] for i in range(0, features, step))["K"]
    gram_seconds = time.perf_counter() - start
    predicted = [predict(K, Y, split.train, split.test, COMPONENTS) for split in splits]
    ours = time.perf_counter() - start
    first = splits[0]
    start = time.perf_counter()
    peer = PLSRegression(COMPONENTS, scale=False).fit(X[first.train], Y[first.train])
    reference = peer.predict(X[first.test])
    theirs = 10 * (time.perf_counter() - start)
    difference = np.abs(pearson(predicted[0], Y[first.test]) - pearson(reference, Y[first.test])).max()
    ratio = theirs / ours
    return [
        result(f"speed-up over scikit-learn, p = {features}", ratio, "x", f">= {target:g}", ratio >= target),
        result(f"Gram share of our time, p = {features}", gram_seconds / ours, ""),
        result(f"largest difference in r, p = {features}", float(difference), ""),
    ]


if __name__ == "__main__":
    report("neural", measure(10_000, 40))
